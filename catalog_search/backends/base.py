"""What a model backend must do: two small protocols with capability flags, and how one is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..content import Content

Role = Literal["query", "document"]


class Embedder(ABC):
    """Turns contents into vectors. One instance serves a whole process and all its threads."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """The length of its vectors."""

    @property
    @abstractmethod
    def modalities(self) -> frozenset[str]:
        """The kinds of content it takes: "text", "image"."""

    @property
    @abstractmethod
    def fuses(self) -> bool:
        """Does it take text and picture as one input? Otherwise each is encoded apart and fused by us."""

    @abstractmethod
    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        """Return one unit vector per content, shape (n, dimensions).

        All contents have the same modalities, at most one picture each, and both kinds only where ``fuses``.
        Raises ModelError.
        """


class Reranker(ABC):
    """Scores how well documents answer a query, reading both together."""

    @property
    @abstractmethod
    def modalities(self) -> frozenset[str]:
        """The kinds of content it reads: "text", "image"."""

    @property
    def fuses(self) -> bool:
        """Does it read text and picture of a document together? Otherwise it is given one of them."""
        return len(self.modalities) > 1

    @abstractmethod
    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        """Return a relevance between 0 and 1 for each document, in their order. Raises ModelError."""


def reduce_to(content: Content, modalities: frozenset[str]) -> Content:
    """Drop what a model cannot take: a picture for a text model, a text for a picture model."""
    sees = "image" in modalities
    return Content(
        text=content.text if "text" in modalities else "",
        image=content.image if sees else None,
        others=content.others if sees else (),
    )


def identity(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a backend's configuration that decides its vectors; speed settings do not."""
    options = {key: value for key, value in configuration.get("OPTIONS", {}).items() if key not in _SPEED_OPTIONS}
    return {"backend": configuration["BACKEND"], "options": options}


_SPEED_OPTIONS = {"device", "batch_size", "threads"}
