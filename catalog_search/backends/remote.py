"""Models behind an inference server: vLLM, Text Embeddings Inference (TEI), Infinity, or any that speaks as they do."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from django.core.checks import CheckMessage
from numpy.typing import NDArray

from ..content import Content
from ..exceptions import ConfigurationError, ModelError, Refused
from ..fusion import unit
from . import advice
from .base import Backend, Embedder, Reranker, Role, unit_scores
from .presets import Kind, preset
from .server import Body, Server

READ_BY_ALL = 1_000
"""Characters of a text that no server refuses as too many."""


class RemoteModel(Backend):
    """What both kinds share: the server, and what it says of itself."""

    in_process = False
    kind: ClassVar[Kind]
    _server: Server

    @property
    def modalities(self) -> frozenset[str]:
        return self._server.modalities

    @property
    def fuses(self) -> bool:
        return self._server.pictures == "fused"

    @property
    def device(self) -> str:
        return self._server.url

    @classmethod
    def check(cls, setting: str, options: Mapping[str, Any]) -> Iterable[CheckMessage]:
        return advice.about(setting, cls.kind, options, elsewhere=True)


class RemoteEmbedder(RemoteModel, Embedder):
    """Embeds by ``POST /embeddings`` of OpenAI's shape.

    ``server`` takes the arguments of Server. All else means what it means to SentenceTransformerEmbedder: where it is
    equal the vectors are taken to be, and moving from one to the other rebuilds nothing. ``revision``,
    ``model_kwargs`` and ``processor_kwargs`` are for the server's own command line; written here they only say which
    model it is.
    """

    kind = "embedder"
    computes_as = "catalog_search.backends.local.SentenceTransformerEmbedder"

    def __init__(
        self,
        server: dict[str, Any],
        model: str,
        revision: str = "",
        truncate_dim: int | None = None,
        prompts: dict[str, str] | None = None,
        batch_size: int = 32,
        text_weight: float = 1.0,
        image_weight: float = 1.0,
        modality_means: bool = True,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
    ) -> None:
        known = preset(model, self.kind)
        self._server, self._model = Server.of(self.kind, model, server), model
        self._opens_answer = bool(known and known.opens_answer)
        self._truncate, self._batch_size = truncate_dim, batch_size
        self._prompts = {**(known.prompts if known else {}), **(prompts or {})}
        self._dimensions: int | None = None
        self.weights, self.modality_means = {"text": text_weight, "image": image_weight}, modality_means

    @property
    def dimensions(self) -> int:
        if self._dimensions is None:
            self.encode([Content("dimension")], "query")
        return self._dimensions or 0

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        try:
            return self._encoded(contents, role)
        except Refused:
            # Perhaps as too long. How much a model reads its server does not say, and of some others' it cuts the rest.
            content, *others = contents
            if others or len(content.text) <= READ_BY_ALL:
                raise
            return self.encode([replace(content, text=content.text[: len(content.text) // 2])], role)

    def _encoded(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        prompt = self._prompts.get(role, "")
        if self._server.api == "vllm" and self._server.pictures:
            # A chat is one input, so there is one request for each; the server batches what comes at once.
            bodies: list[Body] = [self._chat(content, prompt) for content in contents]
        else:
            inputs = [_data_url(content) or prompt + content.text.strip() for content in contents]
            kind = {"modality": "image"} if contents[0].image else {}
            starts = range(0, len(inputs), self._batch_size)
            bodies = [{"input": inputs[start : start + self._batch_size], **kind} for start in starts]
        common = {"model": self._model, "encoding_format": "float", **self._server.extra}
        seconds = self._server.seconds if role == "query" else self._server.timeout
        answers = self._server.post_all("/embeddings", [common | body for body in bodies], seconds)
        found = [
            self._vectors(answer, len(body.get("input", "1"))) for answer, body in zip(answers, bodies, strict=True)
        ]
        return np.concatenate(found)

    def _chat(self, content: Content, prompt: str) -> Body:
        system = [{"role": "system", "content": [{"type": "text", "text": prompt}]}] if prompt else []
        messages: list[Body] = [*system, {"role": "user", "content": _parts(content)}]
        if not self._opens_answer:
            return {"messages": messages}
        opened: Body = {"role": "assistant", "content": [{"type": "text", "text": ""}]}
        return {"messages": [*messages, opened], "continue_final_message": True, "add_special_tokens": True}

    def _vectors(self, answer: Any, count: int) -> NDArray[np.float32]:
        try:
            rows = {int(row["index"]): row["embedding"] for row in answer["data"]}
            vectors = np.array([rows[place] for place in range(count)], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._server.name} did not answer with {count} embeddings.") from error
        if vectors.ndim != 2 or not vectors.any(axis=1).all():
            raise ModelError(f"{self._server.name} gave vectors of shape {vectors.shape}, or empty ones.")
        vectors = vectors[:, : self._truncate]
        self._dimensions = vectors.shape[1]
        if self._truncate and self._dimensions < self._truncate:
            raise ModelError(f"{self._server.name} gave {self._dimensions} dimensions of {self._truncate}.")
        return np.stack([unit(vector) for vector in vectors])


class RemoteReranker(RemoteModel, Reranker):
    """Reranks by ``POST /rerank`` of the shape that Cohere, Jina, vLLM and Infinity share, or of TEI's own.

    ``activation`` "sigmoid" maps raw scores to 0..1; "none" says that the server does, as all four do by default.
    """

    kind = "reranker"

    def __init__(
        self, server: dict[str, Any], model: str, revision: str = "", activation: str = "none", batch_size: int = 32
    ) -> None:
        if activation not in ("sigmoid", "none"):
            raise ConfigurationError('The option "activation" of a reranker is "sigmoid" or "none".')
        self._server, self._model = Server.of(self.kind, model, server), model
        self._batch_size, self._activation = batch_size, activation

    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        inputs = [self._input(document, query) for document in documents]
        if not inputs:
            return []
        batches = [inputs[start : start + self._batch_size] for start in range(0, len(inputs), self._batch_size)]
        asked = self._input(query)
        answers = self._server.post_all("/rerank", [self._body(asked, one) for one in batches], self._server.seconds)
        scores = np.concatenate([self._scores(answer, len(one)) for answer, one in zip(answers, batches, strict=True)])
        return unit_scores(scores, self._activation, self._server.name)

    def _body(self, query: Any, documents: list[Any]) -> Body:
        if self._server.api == "tei":
            return {"query": query, "texts": documents, "truncate": True}
        body = {"model": self._model, "query": query, "documents": documents, "return_documents": False}
        return body | self._server.extra

    def _input(self, content: Content, query: Content | None = None) -> Any:
        read = self.readable(content, query)
        return {"content": _parts(read)} if read.image else read.text.strip()

    def _scores(self, answer: Any, count: int) -> NDArray[np.float64]:
        try:
            rows = answer if isinstance(answer, list) else answer["results"]
            by_place = {int(row["index"]): row.get("relevance_score", row.get("score")) for row in rows}
            return np.array([by_place[place] for place in range(count)], dtype=np.float64)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{self._server.name} did not answer with {count} scores.") from error


def _parts(content: Content) -> list[Body]:
    """Return a content as parts of a chat message, text before picture as everywhere: their order changes vectors."""
    parts: list[Body] = [{"type": "text", "text": content.text.strip()}] if content.text.strip() else []
    if url := _data_url(content):
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _data_url(content: Content) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content.image.jpeg).decode()}" if content.image else ""
