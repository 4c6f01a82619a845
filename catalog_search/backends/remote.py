"""Models behind an inference server: vLLM, Text Embeddings Inference (TEI), Infinity, or any that speaks as they do."""

from __future__ import annotations

import base64
import os
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_random_exponential

from ..breaker import Breaker
from ..content import Content
from ..exceptions import ConfigurationError, ModelError, Unavailable
from ..fusion import odds_to_unit, unit
from .base import Backend, Embedder, Reranker, Role
from .presets import Kind, preset

APIS = ("openai", "vllm", "infinity", "tei")
SEEING = ("vllm", "infinity")
"""Those that take pictures."""
ATTEMPTS = 3
Body = dict[str, Any]


class _Busy(httpx.HTTPError):
    """The server says that it may answer later."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"status {response.status_code}, {response.text[:300]}")
        self.response = response


class Server:
    """The option ``server`` of a remote model: where it is and how it is spoken to.

    ``url`` is what ``/embeddings`` or ``/rerank`` is put behind, ``api`` names the program ("vllm", "infinity", "tei";
    "openai" for others), ``key`` the environment variable that holds the API key. ``pictures`` says whether the model
    takes them: "fused" with text as one input, "apart" one or the other, "" not at all; known families know. A search
    waits ``seconds``, indexing ``timeout``; at most ``connections`` requests are under way at once.
    """

    @classmethod
    def of(cls, kind: Kind, model: str, options: dict[str, Any]) -> Server:
        """Return the server of a model, with the defaults of its family. Raises ConfigurationError."""
        known = preset(model, kind)
        if known and "image" in known.modalities and options.get("api") in SEEING:
            options = {"pictures": "fused" if known.fuses else "apart"} | options
        return cls(**options)

    def __init__(
        self,
        url: str,
        api: str = "openai",
        key: str = "",
        pictures: str = "",
        seconds: float = 0.8,
        timeout: float = 60.0,
        connections: int = 8,
    ) -> None:
        if api not in APIS:
            raise ConfigurationError(f'The "api" of a server is one of {", ".join(APIS)}, not "{api}".')
        if pictures not in ("", "apart", "fused") or (pictures and api not in SEEING):
            raise ConfigurationError(
                'The "pictures" of a server are "apart" or "fused", and only for vllm or infinity.'
            )
        address = httpx.URL(url)
        if address.scheme not in ("http", "https") or not address.host or address.userinfo:
            raise ConfigurationError('The "url" of a server is http(s)://host:port/path; a password belongs in "key".')
        if key and not os.environ.get(key):
            raise ConfigurationError(f"The environment variable {key} holds no API key.")
        self.url, self.api, self.pictures, self.seconds, self.timeout = url, api, pictures, seconds, timeout
        self.modalities = frozenset({"text", "image"} if pictures else {"text"})
        self.name = f"The model server {address.host}"
        self._key = key
        # httpx follows no redirects unless told to: neither texts nor the key go to another host.
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {os.environ[key]}"} if key else {},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        weakref.finalize(self, self._client.close)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="catalog-search-remote")
        self._breaker = Breaker(self.name)

    def post_all(self, path: str, bodies: Sequence[Body], seconds: float) -> list[Any]:
        """Post several bodies at once and return the answers in order; raises as ``post`` does."""
        if len(bodies) == 1:
            return [self.post(path, bodies[0], seconds)]
        return list(self._threads.map(lambda body: self.post(path, body, seconds), bodies))

    def post(self, path: str, body: Body, seconds: float) -> Any:
        """Post a body and return the JSON of the answer.

        What may pass (no connection, 429, 5xx) is tried again while the time lasts. Raises Unavailable where it does
        not pass, ModelError where the server refuses this very input (some do so by 500) or its answer is no JSON.
        """
        end = time.monotonic() + seconds
        retrying = Retrying(
            retry=retry_if_exception_type(httpx.HTTPError),
            wait=wait_random_exponential(multiplier=0.05, max=5),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(seconds),
            reraise=True,
        )
        with self._breaker:
            try:
                response = retrying(self._post, path, body, end)
            except _Busy as busy:
                response = busy.response
                if response.status_code != 500:
                    raise Unavailable(f"{self.name} does not answer: {busy}") from busy
            except httpx.HTTPError as error:
                raise Unavailable(f"{self.name} does not answer: {error or type(error).__name__}") from error
        if response.status_code in (401, 403):
            raise ModelError(f"{self.name} refuses the key of the environment variable {self._key or '(none named)'}.")
        if response.status_code != 200:
            raise ModelError(f"{self.name} answered {response.status_code} to {path}: {response.text[:300]}")
        try:
            return response.json()
        except ValueError as error:
            raise ModelError(f"{self.name} answered {path} with something that is no JSON.") from error

    def _post(self, path: str, body: Body, end: float) -> httpx.Response:
        response = self._client.post(path, json=body, timeout=max(end - time.monotonic(), 0.01))
        if response.status_code == 429 or response.status_code >= 500:
            raise _Busy(response)
        return response


class RemoteModel(Backend):
    """What both kinds share: the server, and what it says of itself."""

    in_process = False
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


class RemoteEmbedder(RemoteModel, Embedder):
    """Embeds by ``POST /embeddings`` of OpenAI's shape.

    ``server`` takes the arguments of Server. All else means what it means to SentenceTransformerEmbedder: where it is
    equal the vectors are taken to be, and moving from one to the other rebuilds nothing. ``revision``,
    ``model_kwargs`` and ``processor_kwargs`` are for the server's own command line; written here they only say which
    model it is.
    """

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
        known = preset(model, "embedder")
        self._server, self._model = Server.of("embedder", model, server), model
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
        prompt = self._prompts.get(role, "")
        if self._server.api == "vllm" and self._server.pictures:
            # A chat is one input, so there is one request for each; the server batches what comes at once.
            bodies: list[Body] = [{"messages": _chat(content, prompt)} for content in contents]
        else:
            inputs = [_data_url(content) or prompt + content.text.strip() for content in contents]
            kind = {"modality": "image"} if contents[0].image else {}
            starts = range(0, len(inputs), self._batch_size)
            bodies = [{"input": inputs[start : start + self._batch_size], **kind} for start in starts]
        common = {"model": self._model, "encoding_format": "float"}
        seconds = self._server.seconds if role == "query" else self._server.timeout
        answers = self._server.post_all("/embeddings", [common | body for body in bodies], seconds)
        found = [
            self._vectors(answer, len(body.get("input", "1"))) for answer, body in zip(answers, bodies, strict=True)
        ]
        return np.concatenate(found)

    def _vectors(self, answer: Any, count: int) -> NDArray[np.float32]:
        try:
            rows = {int(row["index"]): row["embedding"] for row in answer["data"]}
            vectors = np.array([rows[place] for place in range(count)], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._server.name} did not answer with {count} embeddings.") from error
        if vectors.ndim != 2 or not vectors.any(axis=1).all():
            raise ModelError(f"{self._server.name} gave vectors of shape {vectors.shape}, or empty ones.")
        vectors = vectors[:, : self._truncate]
        self._dimensions = self._dimensions or vectors.shape[1]
        if vectors.shape[1] != (self._truncate or self._dimensions):
            wanted = self._truncate or self._dimensions
            raise ModelError(f"{self._server.name} gave {vectors.shape[1]} dimensions where {wanted} belong.")
        return np.stack([unit(vector) for vector in vectors])


class RemoteReranker(RemoteModel, Reranker):
    """Reranks by ``POST /rerank`` of the shape that Cohere, Jina, vLLM and Infinity share, or of TEI's own.

    ``activation`` "sigmoid" maps raw scores to 0..1; "none" says that the server does, as all four do by default.
    """

    def __init__(
        self, server: dict[str, Any], model: str, revision: str = "", activation: str = "none", batch_size: int = 32
    ) -> None:
        if activation not in ("sigmoid", "none"):
            raise ConfigurationError('The option "activation" of a reranker is "sigmoid" or "none".')
        self._server, self._model = Server.of("reranker", model, server), model
        self._batch_size, self._activation = batch_size, activation

    def score(self, query: Content, documents: Sequence[Content]) -> list[float]:
        inputs = [self._input(document, query) for document in documents]
        if not inputs:
            return []
        batches = [inputs[start : start + self._batch_size] for start in range(0, len(inputs), self._batch_size)]
        asked = self._input(query)
        answers = self._server.post_all("/rerank", [self._body(asked, one) for one in batches], self._server.seconds)
        scores = np.concatenate([self._scores(answer, len(one)) for answer, one in zip(answers, batches, strict=True)])
        if self._activation == "sigmoid":
            scores = odds_to_unit(scores)
        if scores.min() < 0 or scores.max() > 1:
            raise ModelError(f'{self._server.name} gives raw scores; they need the option "activation": "sigmoid".')
        return scores.tolist()

    def _body(self, query: Any, documents: list[Any]) -> Body:
        if self._server.api == "tei":
            return {"query": query, "texts": documents, "truncate": True}
        return {"model": self._model, "query": query, "documents": documents, "return_documents": False}

    def _input(self, content: Content, query: Content | None = None) -> Any:
        read = self.readable(content, query)
        return {"content": _parts(read)} if read.image else read.text.strip()

    def _scores(self, answer: Any, count: int) -> NDArray[np.float64]:
        try:
            rows = answer if isinstance(answer, list) else answer["results"]
            by_place = {int(row["index"]): row.get("relevance_score", row.get("score")) for row in rows}
            scores = np.array([by_place[place] for place in range(count)], dtype=np.float64)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{self._server.name} did not answer with {count} scores.") from error
        if not np.isfinite(scores).all():
            raise ModelError(f"{self._server.name} gave scores that are no numbers.")
        return scores


def _chat(content: Content, prompt: str) -> list[Body]:
    system = [{"role": "system", "content": [{"type": "text", "text": prompt}]}] if prompt else []
    return [*system, {"role": "user", "content": _parts(content)}]


def _parts(content: Content) -> list[Body]:
    """Return a content as parts of a chat message, text before picture as everywhere: their order changes vectors."""
    parts: list[Body] = [{"type": "text", "text": content.text.strip()}] if content.text.strip() else []
    if url := _data_url(content):
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _data_url(content: Content) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content.image.jpeg).decode()}" if content.image else ""
