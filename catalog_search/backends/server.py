"""Server: an inference server and how it is spoken to: deadlines, repeated tries, many requests at once."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_random_exponential

from ..breaker import Breaker
from ..exceptions import ConfigurationError, ModelError, Refused, Unavailable
from .presets import Kind, preset

APIS = ("openai", "vllm", "infinity", "tei")
SEEING = ("vllm", "infinity")
"""Those that take pictures."""
ATTEMPTS = 3
LARGEST_ANSWER = 2**27
"""Bytes of an answer, unpacked: a thousand vectors of 4,096 dimensions, written out, take 90 million."""
NOT_THE_INPUT = (402, 404, 405)
"""Answers that speak of the account, of an address or of a model that is not there: whatever is sent gets them."""
Body = dict[str, Any]
Answer = tuple[int, bytes]


class _Busy(httpx.HTTPError):
    """The server says that it may answer later."""

    def __init__(self, answer: Answer) -> None:
        status, content = answer
        super().__init__(f"status {status}, {_excerpt(content)}")
        self.answer = answer


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
        # Secrets kept in files end in a newline, and what refuses a header tells what is in it.
        secret = os.environ.get(key, "").strip() if key else ""
        if key and not (secret and secret.isascii() and secret.isprintable()):
            raise ConfigurationError(f"The environment variable {key} holds no API key.")
        self.url, self.api, self.pictures, self.seconds, self.timeout = url, api, pictures, seconds, timeout
        self.modalities = frozenset({"text", "image"} if pictures else {"text"})
        # vLLM refuses what is too long unless it is asked to cut it.
        self.extra: Body = {"truncate_prompt_tokens": -1} if api == "vllm" else {}
        self.name = f"The model server {address.host}"
        self._key = key
        # httpx follows no redirects unless told to: neither texts nor the key go to another host.
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {secret}"} if key else {},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        weakref.finalize(self, self._client.close)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="catalog-search-remote")
        self._breaker = Breaker(self.name)

    def post_all(self, path: str, bodies: Sequence[Body], seconds: float) -> list[Any]:
        """Post several bodies at once and return the JSON of their answers in order, all within ``seconds``.

        What may pass (no connection, 429, 5xx) is tried again while the time lasts. Raises Unavailable where it does
        not pass, or where the key or the address is wrong; Refused where the server refuses this very input (some do so
        by 500), ModelError where its answer is no JSON.
        """
        end = time.monotonic() + seconds
        with self._breaker:
            try:
                # One body in a thread, too: no limit of httpx holds for looking up a name, or for all its addresses.
                answers = list(self._threads.map(lambda body: self._tried(path, body, end), bodies, timeout=seconds))
            except (httpx.HTTPError, TimeoutError) as error:
                raise Unavailable(
                    f"{self.name} does not answer: {str(error) or f'nothing came within {seconds:.2g} s'}"
                ) from error
        return [self._read(path, *answer) for answer in answers]

    def _tried(self, path: str, body: Body, end: float) -> Answer:
        retrying = Retrying(
            retry=retry_if_exception_type(httpx.HTTPError),
            wait=wait_random_exponential(multiplier=0.05, max=5),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(max(end - time.monotonic(), 0)),
            reraise=True,
        )
        try:
            return retrying(self._post, path, body, end)
        except _Busy as busy:
            if busy.answer[0] != 500:
                raise
            return busy.answer

    def _post(self, path: str, body: Body, end: float) -> Answer:
        timeout = max(end - time.monotonic(), 0.01)
        with self._client.stream("POST", path, json=body, timeout=timeout) as response:
            content = b"".join(_bounded(response.iter_bytes(), end))
        answer = response.status_code, content
        if response.status_code == 429 or response.status_code >= 500:
            raise _Busy(answer)
        return answer

    def _read(self, path: str, status: int, content: bytes) -> Any:
        if status in (401, 403):
            raise Unavailable(f"{self.name} refuses the key of the environment variable {self._key or '(none named)'}.")
        if status != 200:
            raise (Unavailable if status < 400 or status in NOT_THE_INPUT else Refused)(
                f"{self.name} answered {status} to {path}: {_excerpt(content)}"
            )
        try:
            return orjson.loads(content)
        except ValueError as error:
            raise ModelError(f"{self.name} answered {path} with something that is no JSON.") from error


def _bounded(parts: Iterable[bytes], end: float) -> Iterator[bytes]:
    """Yield the parts of an answer until its time is up, or it is too large: each of them may come in time, and their
    last one never; and a few bytes may unpack to all memory there is.
    """
    size = 0
    for part in parts:
        size += len(part)
        if size > LARGEST_ANSWER:
            raise httpx.RemoteProtocolError(f"its answer is larger than {LARGEST_ANSWER} bytes")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("its answer takes too long")
        yield part


def _excerpt(content: bytes) -> str:
    return content[:300].decode(errors="replace")
