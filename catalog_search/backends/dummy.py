"""Deterministic models without weights, for the tests of a shop: words and pixels in, stable scores out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..content import Content
from ..exceptions import ModelError
from ..fusion import unit
from ..images import Picture
from .base import Embedder, Reranker, Role


class DummyEmbedder(Embedder):
    """Hashes every word to a direction and adds them up: texts that share words are similar.

    A picture is the direction of its average colour's name, so a red square is found by "red".
    A text with the word given as ``poison`` makes it raise, to rehearse failures.
    """

    def __init__(self, dimensions: int = 64, fuses: bool = True, poison: str = "") -> None:
        self._dimensions, self._fuses, self._poison = dimensions, fuses, poison

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def modalities(self) -> frozenset[str]:
        return frozenset({"text", "image"})

    @property
    def fuses(self) -> bool:
        return self._fuses

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        return np.stack([self._encode(content) for content in contents])

    def _encode(self, content: Content) -> NDArray[np.float32]:
        words = content.text.casefold().split()
        if self._poison and self._poison in words:
            raise ModelError(f'The dummy embedder refuses the word "{self._poison}".')
        if content.image:
            words.append(colour_name(content.image))
        total = np.full(self._dimensions, 1e-3, dtype=np.float32)
        for word in words:
            total += self._direction(word.strip(".,;:!?\"'()"))
        return unit(total)

    def _direction(self, word: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).standard_normal(self._dimensions).astype(np.float32)


class DummyReranker(Reranker):
    """Scores the share of the query's words that a document holds."""

    def __init__(self, fails: bool = False) -> None:
        self._fails = fails

    @property
    def modalities(self) -> frozenset[str]:
        return frozenset({"text", "image"})

    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        if self._fails:
            raise ModelError("The dummy reranker was told to fail.")
        wanted = self._words(query)
        return [len(wanted & self._words(document)) / max(len(wanted), 1) for document in documents]

    @staticmethod
    def _words(content: Content) -> set[str]:
        words = set(content.text.casefold().split())
        return words | {colour_name(content.image)} if content.image else words


_COLOURS = {
    "black": (20, 20, 20),
    "white": (235, 235, 235),
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 70, 210),
    "yellow": (240, 220, 60),
}


def colour_name(picture: Picture) -> str:
    """Return the name of the colour nearest to the average of a picture."""
    average = np.asarray(picture.open().resize((8, 8)), dtype=np.float32).mean(axis=(0, 1))
    return min(_COLOURS, key=lambda name: float(np.abs(average - np.array(_COLOURS[name])).sum()))
