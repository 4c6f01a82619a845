"""Models of sentence-transformers in this process: any SentenceTransformer, any CrossEncoder."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from django.core.checks import CheckMessage
from numpy.typing import NDArray

from ..content import Content
from ..exceptions import ConfigurationError, ModelError
from . import advice, loading
from .base import Backend, Embedder, Reranker, Role, unit_scores
from .presets import Kind, preset

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# sentence-transformers sorts the parts of a combined modality
_COMBINED: tuple[Literal["image"], Literal["text"]] = ("image", "text")

BATCH = 32
"""How many go through an accelerator at once, which is idle with few."""
CPU_BATCH = 16
"""And through a CPU, which is busy with any number: texts of a batch are padded to its longest, the fewer the less."""


class LocalModel(Backend):
    """What both kinds share: loading with the defaults of the family, one call at a time."""

    kind: ClassVar[Kind]
    model: Any
    loaded: list[Any]
    """All that it loaded: an embedder may have a second model for texts."""

    def __init__(
        self, model: str | Path, factory: str, batch_size: int | None, threads: int | None, options: dict[str, Any]
    ) -> None:
        if threads is not None:
            import torch  # heavy, and only this backend needs it

            torch.set_num_threads(threads)
        model = str(model or "")  # a folder may be a Path
        self.preset = preset(model, self.kind)
        self.model = loading.load(self.kind, model, factory, options)
        self.loaded = [self.model]
        self._batch_size = batch_size or (CPU_BATCH if self.model.device.type == "cpu" else BATCH)
        # Tokenizers and processors share buffers; one call at a time is also what a CPU does best.
        self._lock = threading.Lock()

    @cached_property
    def modalities(self) -> frozenset[str]:
        return frozenset(kind for kind in ("text", "image") if self.model.supports(kind))

    @cached_property
    def fuses(self) -> bool:
        return bool(self.model.supports(_COMBINED))

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def memory(self) -> int:
        return sum(one.numel() * one.element_size() for model in self.loaded for one in model.parameters())

    @classmethod
    def complete(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        return loading.complete(cls.kind, options)

    @classmethod
    def check(cls, setting: str, options: Mapping[str, Any]) -> Iterable[CheckMessage]:
        return advice.about(setting, cls.kind, options)


class SentenceTransformerEmbedder(LocalModel, Embedder):
    """Embeds with a SentenceTransformer: CLIP, SigLIP, Qwen3-VL-Embedding, a text model, or your own.

    Give ``model`` (a name or folder), or ``factory`` (dotted path of a function that returns the built model;
    then ``revision`` only marks its weights in the index's fingerprint). ``threads`` sets torch's thread count.
    For models that take text and picture apart: ``text_model`` reads the texts instead (a name, or OPTIONS of its
    own), ``text_weight`` and ``image_weight`` say how much each counts in a document of both, and
    ``modality_means=False`` leaves the gap between them open.
    Further options are SentenceTransformer's own: ``revision``, ``device``, ``truncate_dim``, ``model_kwargs``,
    ``processor_kwargs``, ``prompts``, ``trust_remote_code`` (off unless written).
    """

    kind = "embedder"

    def __init__(
        self,
        model: str | Path = "",
        factory: str = "",
        batch_size: int | None = None,
        threads: int | None = None,
        text_model: str | Path | dict[str, Any] = "",
        text_weight: float = 1.0,
        image_weight: float = 1.0,
        modality_means: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(model, factory, batch_size, threads, options)
        self.weights = {"text": text_weight, "image": image_weight}
        self.modality_means = modality_means
        self.text_model: SentenceTransformer | None = None
        if text_model:
            texts: dict[str, Any] = dict(text_model) if isinstance(text_model, dict) else {"model": text_model}
            texts = {"device": options.get("device"), "truncate_dim": options.get("truncate_dim")} | texts
            self.text_model = loading.load(self.kind, str(texts.pop("model", "")), texts.pop("factory", ""), texts)
            self.loaded.append(self.text_model)
        for one in self.loaded:
            loading.refuse_other_similarity(one)
            loading.pad_texts(one)
        self._refuse_useless()

    def _refuse_useless(self) -> None:
        if self.text_model and (size := self.text_model.get_embedding_dimension()) != self.dimensions:
            raise ConfigurationError(f"text_model has {size} dimensions, the pictures' model {self.dimensions}.")
        if (min(weights := [*self.weights.values()]) < 0) or not any(weights):
            raise ConfigurationError("text_weight and image_weight are not negative, and one of them is above zero.")
        if weights != [1, 1] and (self.fuses or len(self.modalities) < 2):
            raise ConfigurationError("text_weight and image_weight are for models that take text and picture apart.")

    @cached_property
    def dimensions(self) -> int:
        found = self.model.get_embedding_dimension()
        if found is None:
            found = self.encode([Content("dimension")], "document").shape[1]
        return int(found)

    @cached_property
    def modalities(self) -> frozenset[str]:
        return super().modalities | {"text"} if self.text_model else super().modalities

    @cached_property
    def fuses(self) -> bool:
        return super().fuses and not self.text_model

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        model = self.text_model if self.text_model and contents and not contents[0].image else self.model
        encode = model.encode_query if role == "query" else model.encode_document
        inputs = [content.as_input() for content in contents]
        try:
            with self._lock:
                vectors = encode(
                    inputs, batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
                )
        except Exception as error:  # model libraries raise whatever their tensors do
            raise ModelError(f"The embedding model failed: {error}") from error
        return np.asarray(vectors, dtype=np.float32)


class CrossEncoderReranker(LocalModel, Reranker):
    """Reranks with a CrossEncoder; pictures go to it only where it says that it reads them.

    Options as for SentenceTransformerEmbedder; ``activation`` "none" says that the model's scores already lie
    between 0 and 1, "sigmoid" maps them there, which keeps their order. By default the family decides.
    """

    kind = "reranker"

    def __init__(
        self,
        model: str | Path = "",
        factory: str = "",
        batch_size: int | None = None,
        threads: int | None = None,
        activation: str = "",
        **options: Any,
    ) -> None:
        if activation not in ("", "sigmoid", "none"):
            raise ConfigurationError('The option "activation" of a reranker is "sigmoid" or "none".')
        super().__init__(model, factory, batch_size, threads, options)
        in_range = self.preset is not None and self.preset.scores == "unit"
        self._activation = activation or ("none" if in_range else "sigmoid")
        if (labels := getattr(self.model, "num_labels", 1)) != 1:
            raise ConfigurationError(f"This model gives {labels} scores for a pair: it classifies, and cannot rerank.")

    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        import torch  # heavy, and only this backend needs it

        # Left to the model where its scores lie between 0 and 1 already.
        raw = None if self._activation == "none" else torch.nn.Identity()
        pairs = [self._pair(query, document) for document in documents]
        kinds = [self.readable(document, query).modalities for document in documents]
        scores = np.zeros(len(pairs))
        for kind in sorted(set(kinds)):  # a batch of mixed kinds is refused by some models
            positions = [position for position, each in enumerate(kinds) if each == kind]
            try:
                with self._lock:
                    scores[positions] = self.model.predict(
                        [pairs[position] for position in positions],
                        batch_size=self._batch_size,
                        show_progress_bar=False,
                        activation_fn=raw,
                    ).reshape(-1)
            except Exception as error:  # model libraries raise whatever their tensors do
                raise ModelError(f"The reranking model failed: {error}") from error
        return unit_scores(scores, self._activation, "The reranking model")

    def _pair(self, query: Content, document: Content) -> Any:
        asked, answer = self.readable(query).as_input(), self.readable(document, query).as_input()
        if "image" in self.modalities:
            return asked, answer
        if self.model.supports("message"):
            # Of two strings, sentence-transformers takes one that looks like the path of a picture for that picture.
            parts = (("query", asked), ("document", answer))
            return [{"role": role, "content": part["text"]} for role, part in parts]
        return asked["text"], answer["text"]
