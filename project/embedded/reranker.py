"""The embedded reranker, put together in code: a `CrossEncoder` that reads the photo as well as the text."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from .model import load_weights, text_model_folder
from .reader import PATCHES, Material, Reader
from .tower import DIMENSIONS, BuiltInCode, Eye, mirrored, pixels, pooled
from .trust import MOST, Trust

WEIGHTS = Path(__file__).parent / "weights" / "reranker.safetensors"
LONGEST = 64
"""Pieces of words that are read of a text: as many as a name and the first sentences of a description have."""

REMEMBERED = 1000
"""So many texts, and as many photos, are kept as they were read: reading them is most of the work."""

Glance = tuple[Tensor, ...]
"""A photo as it was read: patches (16, 384) and unit vector (384,); of it and its mirror image together, for trust,
pooled features (POOLED,) and vector (384,).
"""


def parts(item: Any) -> tuple[str, Image.Image | None]:
    """Text and picture of a query or document. Raises ValueError where it is neither."""
    if isinstance(item, str):
        return item, None
    if isinstance(item, Image.Image):
        return "", item
    if not isinstance(item, dict) or not item or item.keys() - {"text", "image"}:
        raise ValueError(f'The embedded reranker reads {{"text": str, "image": PIL image}}, not {_named(item)}.')
    text, image = item.get("text", ""), item.get("image")
    if not isinstance(text, str):
        raise ValueError(f"The text of a query or document is a str, not {_named(text)}.")
    if image is not None and not isinstance(image, Image.Image):
        raise ValueError(f"The image of a query or document is a PIL image, not {_named(image)}.")
    return text, image


def _named(item: Any) -> str:
    return f"a dict of {sorted(map(str, item))}" if isinstance(item, dict) else f"a {type(item).__name__}"


class Memory:
    """What was read lately, by what was read."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def read(self, keys: Sequence[Hashable], read: Callable[[list[int]], Sequence[Any]]) -> list[Any]:
        """What each of the keys is read as; `read` is asked for those, by their places, that are new."""
        new = [place for place, key in enumerate(keys) if key not in self._kept and key not in keys[:place]]
        fresh = dict(zip((keys[place] for place in new), read(new) if new else (), strict=True))
        found = [fresh[key] if key in fresh else self._kept[key] for key in keys]
        self._kept |= dict(zip(keys, found, strict=True))
        for key in keys:
            self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return found


class PairReader(BuiltInCode):
    """The one module of the `CrossEncoder`: MiniLM and the image tower read, the trained network judges."""

    modalities = ["text", "image", ("image", "text")]

    def __init__(self, words: SentenceTransformer, eye: Eye, trust: Trust, reader: Reader) -> None:
        super().__init__()
        self.transformer, self.pooling = words[0], words[1]
        self.eye, self.trust, self.reader = eye, trust, reader
        self._texts, self._photos = Memory(), Memory()

    def preprocess(self, inputs: list[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Read the pairs (query, document). Raises ValueError on what is neither text nor picture."""
        sides = [[parts(item) for item in side] for side in zip(*inputs, strict=True)]
        query, document = (self.material(side) for side in sides)
        # What somebody shows who asks is meant, however little it has to do with the words beside it.
        shown = (query.trust > 0).float()
        return {"query": replace(query, trust=shown), "document": document}

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """Judge: "scores" (n,), log-odds."""
        features["scores"] = self.reader(features["query"], features["document"])
        return features

    @torch.inference_mode()
    def material(self, side: Sequence[tuple[str, Image.Image | None]]) -> Material:
        """All that is known of queries or documents, by text and picture; one of the two may be missing."""
        texts = [text.strip() for text, _ in side]
        read = self._texts.read(texts, lambda new: self._read_texts([texts[place] for place in new]))
        rows = [words.float() for words, _ in read]
        words = pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(row) for row in rows], device=words.device)
        spoken = torch.arange(words.shape[1], device=words.device) < lengths[:, None]
        said = torch.stack([vector for _, vector in read])
        there = [place for place, (_, image) in enumerate(side) if image is not None]
        patches = words.new_zeros(len(side), PATCHES, DIMENSIONS)
        seen, trust = words.new_zeros(len(side), DIMENSIONS), words.new_zeros(len(side))
        if there:
            looks = [pixels(side[place][1]) for place in there]
            keys = [look.tobytes() for look in looks]
            glances = self._photos.read(keys, lambda new: self._look(np.stack([looks[place] for place in new])))
            own, plain, features, vectors = (torch.stack(part).float() for part in zip(*glances, strict=True))
            patches[there], seen[there] = own, plain
            trust[there] = self.trust(features, vectors, said[there]) / MOST
        return Material(words, spoken, said, patches, seen, trust)

    def _read_texts(self, texts: list[str]) -> list[tuple[Tensor, Tensor]]:
        """Vectors of word pieces (length, 384), and of the whole (384,); of nothing, none and zeros."""
        spoken = [text for text in texts if text]
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for start in range(0, len(spoken), 32):
            some = spoken[start : start + 32]
            features = self.transformer.preprocess([{"text": text} for text in some])
            features = {
                name: value[:, :LONGEST].to(self._device) if isinstance(value, Tensor) else value
                for name, value in features.items()
            }
            features = self.pooling(self.transformer(features))
            said = F.normalize(features["sentence_embedding"], dim=1)
            lengths = features["attention_mask"].sum(1).tolist()
            for text, words, length, whole in zip(some, features["token_embeddings"], lengths, said, strict=True):
                found[text] = (words[:length].half(), whole)
        nothing = torch.zeros(0, DIMENSIONS, device=self._device), torch.zeros(DIMENSIONS, device=self._device)
        return [found.get(text, nothing) for text in texts]

    def _look(self, looks: np.ndarray) -> list[Glance]:
        """Photos (n, 112, 112, 3) as they are read."""
        texture, shape = self.eye.levels(mirrored(torch.from_numpy(looks).to(self._device)))
        whole, vectors = self.eye.understood(texture, shape)
        # What is compared place by place is the photo itself.
        texture, shape = texture[: len(looks)], shape[: len(looks)]
        seen = F.normalize(self.eye.saying(self.eye.reading(pooled(texture, shape))), dim=1)
        side = int(PATCHES**0.5)
        near = [
            F.adaptive_avg_pool2d(texture, side),
            F.adaptive_max_pool2d(texture, side),
            F.adaptive_avg_pool2d(shape, side),
        ]
        patches = torch.cat(near, 1).flatten(2).transpose(1, 2)
        return list(zip(patches.half(), seen, whole, vectors, strict=True))

    @property
    def _device(self) -> torch.device:
        return self.reader.places.device


def save_reader(reader: Reader, path: Path = WEIGHTS) -> None:
    """Keep what was learnt in half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in reader.state_dict().items()}, path)


def load_reader(path: Path = WEIGHTS) -> Reader:
    """The trained network, in float32, ready for use."""
    reader = Reader()
    reader.load_state_dict(load_file(path))
    return reader.float().eval()


def pair_reader(reader: Reader, device: str = "cpu") -> PairReader:
    """The module with MiniLM and the image tower as they are."""
    words = SentenceTransformer(str(text_model_folder()), device=device, local_files_only=True)
    return PairReader(words, *load_weights(), reader).to(device).eval()


def build_reranker(device: str = "cpu", weights: Path = WEIGHTS) -> CrossEncoder:
    """A CrossEncoder for queries and documents of texts, photos, or both; log-odds of relevance, through a sigmoid.

    Takes str, {"text"}, PIL images, {"image"} and {"text", "image"} on either side of a pair, in any mixture.
    """
    module = pair_reader(load_reader(weights), device)
    return CrossEncoder(modules=[module], device=device, activation_fn=torch.nn.Sigmoid())
