"""The remote backends against a real inference server: Infinity, in a virtualenv of its own, made once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from catalog_search import Content
from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder
from catalog_search.backends.remote import RemoteEmbedder, RemoteReranker
from catalog_search.exceptions import ModelError
from catalog_search.images import Picture
from project import services
from project.embedded.model import text_model_folder
from project.services import children

from .contracts import checkpoints
from .surroundings import free_port

pytestmark = pytest.mark.slow

ENVIRONMENT = services.DATA / "infinity"
# Infinity asks for older ones than this project: hence an environment of its own.
PACKAGES = (
    "infinity-emb[torch,server]==0.0.78",
    "aiohttp",
    "sentence-transformers==3.4.1",
    "torch==2.13.0",
    "transformers==4.57.6",
)


def install() -> Path:
    """Return Infinity's command, installed where it was not; skips without a package index."""
    ready = ENVIRONMENT / "installed"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        command = [str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"Infinity cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    return ENVIRONMENT / "bin" / "infinity_emb"


@pytest.fixture(scope="module")
def folders(checkpoint: Callable[..., Path]) -> dict[str, Path]:
    """The models by the names that they are served under."""
    return {
        "minilm": text_model_folder(),
        "clip": checkpoint(checkpoints.clip, "clip-served"),
        "reranker": checkpoint(checkpoints.cross_encoder, "reranker-served"),
    }


@pytest.fixture(scope="module")
def url(folders: dict[str, Path]) -> Iterator[str]:
    """Infinity with all three, as docs/serving.md starts it."""
    program = install()
    port = free_port()
    command = [str(program), "v2", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--engine", "torch"]
    command += ["--no-bettertransformer", "--no-compile", "--no-model-warmup", "--dtype", "float32"]
    for name, folder in folders.items():
        command += ["--model-id", str(folder), "--served-model-name", name]
    log = services.DATA / "logs" / "infinity.log"
    quiet = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    with children.running(command, log, env=os.environ | quiet) as process:
        end = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"Infinity did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"


def server(url: str, **options: Any) -> dict[str, Any]:
    return {"url": url, "api": "infinity", "seconds": 30.0, **options}


def test_texts_have_the_vectors_that_they_have_here(url: str, folders: dict[str, Path]) -> None:
    contents = [Content(f"a {colour} mug for the garden, number {n}") for n in range(20) for colour in ("red", "blue")]
    remote = RemoteEmbedder(server(url), model="minilm").encode(contents, "document")
    local = SentenceTransformerEmbedder(model=str(folders["minilm"]), threads=1).encode(contents, "document")

    assert remote.shape == (40, 384)
    assert np.einsum("ij,ij->i", remote, local).min() > 0.9999


def test_pictures_have_the_vectors_that_they_have_here(
    url: str, folders: dict[str, Path], red: Picture, blue: Picture
) -> None:
    remote = RemoteEmbedder(server(url, pictures="apart"), model="clip")
    local = SentenceTransformerEmbedder(model=str(folders["clip"]), threads=1)
    for contents in ([Content("red mug"), Content("a dress")], [Content("", red), Content("", blue)]):
        found, expected = (embedder.encode(contents, "document") for embedder in (remote, local))
        assert np.einsum("ij,ij->i", found, expected).min() > 0.9999


def test_pairs_have_the_scores_that_they_have_here(url: str, folders: dict[str, Path]) -> None:
    documents = [Content(text) for text in ("red mug", "blue chair", "a summer dress", "the garden of the mug")]
    remote = RemoteReranker(server(url), model="reranker").score(Content("red mug"), documents)
    local = CrossEncoderReranker(model=str(folders["reranker"]), threads=1).score(Content("red mug"), documents)

    assert remote == pytest.approx(local, abs=1e-3)
    assert len(set(remote)) == 4


def test_what_it_refuses_is_told(url: str, red: Picture) -> None:
    with pytest.raises(ModelError, match="answered 400"):
        RemoteReranker(server(url), model="minilm").score(Content("mug"), [Content("red")])
    with pytest.raises(ModelError, match=r"answered 400 .*Truncated"):
        RemoteEmbedder(server(url, pictures="apart"), model="clip").encode(
            [Content("", Picture(red.jpeg[:100]))], "document"
        )
