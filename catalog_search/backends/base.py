"""What a model backend must do: two small protocols with capability flags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from ..content import Content
from ..exceptions import ModelError
from ..fusion import odds_to_unit

Role = Literal["query", "document"]


class Backend(ABC):
    """A model. One instance serves a whole process and all its threads."""

    in_process: ClassVar[bool] = True
    """Does the model live in the process that uses it? Then web processes may leave it to workers (MODEL_QUEUE)."""

    computes_as: ClassVar[str] = ""
    """The dotted path of another backend that gives the same vectors for the same OPTIONS: moving rebuilds nothing."""

    @property
    @abstractmethod
    def modalities(self) -> frozenset[str]:
        """The kinds of content it takes: "text", "image"."""

    @property
    def device(self) -> str:
        """Where it computes; empty where that is not known here."""
        return ""

    @property
    def memory(self) -> int:
        """The bytes that its weights take in this process."""
        return 0

    @classmethod
    def complete(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return OPTIONS with all defaults that change what the model says: a generation keeps them."""
        return dict(options)

    @classmethod
    def check(cls, setting: str, options: Mapping[str, Any]) -> Iterable[CheckMessage]:
        """Return what the system checks should say about OPTIONS, without loading anything."""
        return ()


class Embedder(Backend):
    """Turns contents into vectors."""

    weights: Mapping[str, float] = MappingProxyType({})
    """Late fusion: how much "text" and "image" count in what has both; 1 where nothing is said."""

    modality_means: bool = True
    """Late fusion: take each modality's mean out before averaging, which closes the gap between them."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """The length of its vectors."""

    @property
    @abstractmethod
    def fuses(self) -> bool:
        """Does it take text and picture as one input? Otherwise each is encoded apart and fused by us."""

    @abstractmethod
    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        """Return one unit vector per content, shape (n, dimensions).

        All contents have the same modalities, at most one picture each, and both kinds only where ``fuses``.
        Raises ModelError, or ImageError on a damaged picture.
        """


class Reranker(Backend):
    """Scores how well documents answer a query, reading both together."""

    @property
    def fuses(self) -> bool:
        """Does it read text and picture of a document together? Otherwise it is given one of them."""
        return len(self.modalities) > 1

    @abstractmethod
    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        """Return a relevance between 0 and 1 for each document, in their order.

        Scores of documents of different kinds (text, picture, both) lie on different scales.
        Raises ModelError, or ImageError on a damaged picture.
        """

    def readable(self, content: Content, query: Content | None = None) -> Content:
        """Reduce a content to what this model reads of it; of a document for a query, the like of the query first."""
        reduced = reduce_to(content, self.modalities)
        if self.fuses or len(reduced.modalities) < 2:
            return Content(reduced.text, reduced.image)
        asked = query or content
        return Content(image=reduced.image) if asked.image else Content(reduced.text)


def reduce_to(content: Content, modalities: frozenset[str]) -> Content:
    """Drop what a model cannot take: a picture for a text model, a text for a picture model."""
    sees = "image" in modalities
    return Content(
        text=content.text if "text" in modalities else "",
        image=content.image if sees else None,
        others=content.others if sees else (),
    )


def unit_scores(scores: NDArray[np.float64], activation: str, who: str) -> list[float]:
    """Map a reranker's scores to 0..1: "sigmoid" maps log-odds, "none" says that they lie there already.

    Raises ModelError where they do not, or are no numbers.
    """
    if not np.isfinite(scores).all():
        raise ModelError(f"{who} gave scores that are no numbers.")
    if activation == "sigmoid":
        scores = odds_to_unit(scores)
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ModelError(f'{who} gives raw scores; they need the option "activation": "sigmoid".')
    return scores.tolist()


def identity(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a backend's configuration that decides its vectors; where and how fast it runs does not."""
    backend = configuration["BACKEND"]
    with suppress(ImportError, AttributeError):  # no backend: the checks say so
        backend = import_string(backend).computes_as or backend
    return {"backend": backend, "options": _completed(backend, configuration.get("OPTIONS", {}), _NOT_THE_MODEL)}


def place(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return all that is needed to find the model again, in the form of ``identity``; no secret is part of it."""
    backend = configuration["BACKEND"]
    return {"backend": backend, "options": _completed(backend, configuration.get("OPTIONS", {}), {"token"})}


def _completed(backend: str, options: dict[str, Any], without: set[str]) -> dict[str, Any]:
    with suppress(ImportError, AttributeError):
        options = import_string(backend).complete(options)
    return {name: value for name, value in options.items() if name not in without}


def model_name(backend: str, options: Mapping[str, Any]) -> str:
    """Name the model of a configuration, or else its backend."""
    return str(options.get("model") or str(options.get("factory") or backend).rpartition(".")[2])


_NOT_THE_MODEL = {"server", "device", "batch_size", "threads", "token"}
