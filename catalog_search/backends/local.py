"""Models of sentence-transformers in this process: any SentenceTransformer, any CrossEncoder."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from ..content import Content
from ..exceptions import ConfigurationError, ModelError
from .base import Embedder, Reranker, Role, reduce_to

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

# sentence-transformers sorts the parts of a combined modality
_COMBINED: tuple[Literal["image"], Literal["text"]] = ("image", "text")


class SentenceTransformerEmbedder(Embedder):
    """Embeds with a SentenceTransformer: CLIP, SigLIP, Qwen3-VL-Embedding, a text model, or your own.

    Give ``model`` (a name or folder), or ``factory`` (dotted path of a function that returns the built model;
    then ``revision`` only marks its weights in the index's fingerprint). ``threads`` sets torch's thread count.
    Further options are SentenceTransformer's own: ``revision``, ``device``, ``truncate_dim``, ``model_kwargs``,
    ``processor_kwargs``, ``prompts``, ``trust_remote_code`` (off unless written).
    """

    def __init__(
        self, model: str = "", factory: str = "", batch_size: int = 32, threads: int | None = None, **options: Any
    ) -> None:
        _set_threads(threads)
        self.model: SentenceTransformer = _build("SentenceTransformer", model, factory, options)
        self._batch_size = batch_size
        self._similarity_check()
        # Tokenizers and processors share buffers; one call at a time is also what a CPU does best.
        self._lock = threading.Lock()

    def _similarity_check(self) -> None:
        similarity = str(self.model.similarity_fn_name or "cosine")
        if similarity not in ("cosine", "dot"):
            raise ConfigurationError(
                f"This model compares by {similarity}, the index by cosine: its neighbours would be wrong. "
                "Choose a model trained for cosine or dot product."
            )

    @property
    def dimensions(self) -> int:
        found = self.model.get_embedding_dimension()
        if found is None:
            found = self.model.encode([{"text": "dimension"}]).shape[1]
        return int(found)

    @property
    def modalities(self) -> frozenset[str]:
        return _modalities(self.model)

    @property
    def fuses(self) -> bool:
        return self.model.supports(_COMBINED)

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        inputs = [content.as_input() for content in contents]
        try:
            with self._lock:
                vectors = encode(
                    inputs, batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
                )
        except Exception as error:  # model libraries raise whatever their tensors do
            raise ModelError(f"The embedding model failed: {error}") from error
        return np.asarray(vectors, dtype=np.float32)


class CrossEncoderReranker(Reranker):
    """Reranks with a CrossEncoder; pictures go to it only where it says that it reads them.

    Options as for SentenceTransformerEmbedder; ``activation`` "none" says that the model's scores already lie
    between 0 and 1, the default maps them there by a sigmoid, which keeps their order.
    """

    def __init__(
        self,
        model: str = "",
        factory: str = "",
        batch_size: int = 32,
        threads: int | None = None,
        activation: str = "sigmoid",
        **options: Any,
    ) -> None:
        if activation not in ("sigmoid", "none"):
            raise ConfigurationError('The option "activation" of a reranker is "sigmoid" or "none".')
        _set_threads(threads)
        self.model: CrossEncoder = _build("CrossEncoder", model, factory, options)
        self._batch_size, self._activation = batch_size, activation
        self._lock = threading.Lock()

    @property
    def modalities(self) -> frozenset[str]:
        return _modalities(self.model)

    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        import torch  # heavy, and only this backend needs it

        query_input = self._as_input(query)
        pairs = [(query_input, self._as_input(document)) for document in documents]
        if not pairs:
            return []
        activation = torch.nn.Sigmoid() if self._activation == "sigmoid" else torch.nn.Identity()
        try:
            with self._lock:
                scores = self.model.predict(
                    pairs, batch_size=self._batch_size, show_progress_bar=False, activation_fn=activation
                )
        except Exception as error:  # model libraries raise whatever their tensors do
            raise ModelError(f"The reranking model failed: {error}") from error
        return [float(score) for score in np.asarray(scores, dtype=np.float64).reshape(-1)]

    def _as_input(self, content: Content) -> Any:
        reduced = reduce_to(content, self.modalities)
        if not self.model.supports(_COMBINED) and reduced.image is not None and reduced.text:
            reduced = Content(text=reduced.text)
        parts = reduced.as_input()
        # A text model takes text alone, and renders a dict as its repr without a word of warning.
        return parts["text"] if "image" not in self.modalities else parts


def _modalities(model: SentenceTransformer | CrossEncoder) -> frozenset[str]:
    return frozenset(kind for kind in ("text", "image") if model.supports(kind))


def _build(kind: str, model: str, factory: str, options: dict[str, Any]) -> Any:
    if bool(model) == bool(factory):
        raise ConfigurationError('OPTIONS of a local model name either a "model" or a "factory", not both.')
    if factory:
        options.pop("revision", None)
        return import_string(factory)(**options)
    import sentence_transformers  # takes seconds, so only the process that needs a model pays

    loader = getattr(sentence_transformers, kind)
    known = inspect.signature(loader).parameters
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ConfigurationError(f"{kind} has no option {', '.join(unknown)}; it has: {', '.join(sorted(known))}.")
    return loader(model, **options)


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        import torch  # see _build

        torch.set_num_threads(threads)
