"""A small real inference server on HTTP around the dummy models, with the faults that real ones have.

Its first path segment says how it behaves: "fine", or a fault of ``FAULTS``.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from catalog_search import Content
from catalog_search.backends.dummy import DummyEmbedder, DummyReranker
from catalog_search.exceptions import CatalogSearchError
from catalog_search.images import Picture

KEY = "the-secret"


class Inference(ThreadingHTTPServer):
    """The server. ``asked`` holds (path, headers, body) of every request."""

    daemon_threads = True
    # Many connections at once, as from several threads of a shop.
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.embedder, self.reranker = DummyEmbedder(poison="poisonous"), DummyReranker()

    def url(self, behaviour: str = "fine", version: str = "/v1") -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}{version}"


@contextmanager
def inference() -> Iterator[Inference]:
    """Serve for the length of a with block."""
    with Inference() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Answers are written in two pieces; Nagle's algorithm would hold up the second by 40 ms.
    disable_nagle_algorithm = True
    server: Inference
    size, pause = 1 << 20, 0.0
    """So many bytes of an answer at a time, after so many seconds."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, behaviour, *rest = self.path.split("/")
        before = sum(path == self.path for path, _, _ in self.server.asked)
        self.server.asked.append((self.path, dict(self.headers), body))
        if behaviour == "busy" or (behaviour == "busy-twice" and before < 2):
            return self.answer(429 if before % 2 else 503, {"error": "overloaded"})
        if behaviour == "crashing" and "poisonous" in str(body):
            return self.answer(500, {"error": "index out of range"})
        if behaviour == "closed" and self.headers["Authorization"] != f"Bearer {KEY}":
            return self.answer(401, {"error": "who are you?"})
        if behaviour == "away":
            return self.answer(404, {"error": "The model `m` does not exist."})
        if behaviour == "moved":
            return self.answer(307, {}, Location=self.server.url("fine") + "/" + rest[-1])
        if behaviour == "narrow" and any(len(text) > 3000 for text in body["input"]):
            return self.answer(400, {"error": "This model's maximum context length is 8192 tokens."})
        if behaviour == "slow":
            time.sleep(1.5)
        if behaviour == "packed":
            return self.answer(200, gzip.compress(bytes(50_000_000)), **{"Content-Encoding": "gzip"})
        if behaviour == "dripping":
            self.size, self.pause = 64, 0.05
        try:
            found = getattr(self, rest[-1])(body)
        except (CatalogSearchError, ValueError, KeyError) as error:
            return self.answer(400, {"error": str(error)})
        return self.answer(200, spoilt(behaviour, found))

    def answer(self, status: int, value: Any, **headers: str) -> None:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        with suppress(OSError):  # whoever asked has gone
            for place in range(0, len(payload), self.size):
                time.sleep(self.pause)
                self.wfile.write(payload[place : place + self.size])

    def embeddings(self, body: Any) -> Any:
        if "messages" in body:
            if body["messages"][-1]["role"] == "assistant" and not body["continue_final_message"]:
                raise ValueError("this ends in an answer")
            contents = [content_of({"content": [part for one in body["messages"] for part in one["content"]]})]
        elif body.get("modality") == "image":
            contents = [content_of({"content": [picture(url)]}) for url in body["input"]]
        else:
            contents = [Content(text) for text in body["input"]]
        vectors = 3 * self.server.embedder.encode(contents, "document")  # of any length but one
        data = [{"index": place, "embedding": vector.tolist()} for place, vector in enumerate(vectors)]
        return {"object": "list", "data": data[::-1], "model": body["model"]}

    def rerank(self, body: Any) -> Any:
        documents = body["documents"] if "documents" in body else body["texts"]
        scores = self.server.reranker.score(content_of(body["query"]), [content_of(one) for one in documents])
        name = "score" if "texts" in body else "relevance_score"
        rows = [{"index": place, name: score} for place, score in enumerate(scores)]
        rows.sort(key=lambda row: -row[name])
        return rows if "texts" in body else {"results": rows}


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def content_of(value: Any) -> Content:
    """Read a text, or the parts of a chat message; pictures are opened, and a broken one is the asker's fault."""
    if isinstance(value, str):
        return Content(value)
    text, image = [], None
    for part in value["content"]:
        if part["type"] == "text":
            text.append(part["text"])
        else:
            head, _, data = part["image_url"]["url"].partition(";base64,")
            if head != "data:image/jpeg":
                raise ValueError("this server fetches nothing")
            image = Picture(base64.b64decode(data))
            image.open()
    return Content(" ".join(text), image)


def spoilt(behaviour: str, answer: Any) -> Any:
    """Return an answer with a fault."""
    rows = answer if isinstance(answer, list) else answer.get("data") or answer["results"]
    value = next((name for name in ("embedding", "relevance_score", "score") if name in rows[0]), "")
    if behaviour == "html":
        return b"<html>It works!</html>"
    if behaviour == "short":
        rows.pop()
    elif behaviour == "words":
        rows[0][value] = "many"
    elif behaviour == "nan":
        rows[0][value] = [float("nan")] * 64 if value == "embedding" else float("nan")
    elif behaviour == "zeros":
        rows[0][value] = [0.0] * 64 if value == "embedding" else None
    elif behaviour == "ragged":
        rows[0][value] = [1.0] * 63 if value == "embedding" else []
    elif behaviour == "raw":
        rows[0][value] = 7.5
    elif behaviour == "list":
        return [1, 2, 3]
    return answer


FAULTS = ("html", "short", "words", "nan", "zeros", "ragged", "list")
