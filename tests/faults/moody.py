"""A model that refuses everything while a file says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_search import Content
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.exceptions import ModelError


class MoodyEmbedder(DummyEmbedder):
    """The dummy embedder, which raises while the file ``bad_mood`` is there."""

    def __init__(self, bad_mood: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._bad_mood = Path(bad_mood)

    def encode(self, contents: Sequence[Content], role: Any) -> NDArray[np.float32]:
        if self._bad_mood.is_file():
            raise ModelError("Not today.")
        return super().encode(contents, role)
