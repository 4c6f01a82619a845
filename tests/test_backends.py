"""Backends: how they are named, loaded and shared, the dummies that ship, and a real text model."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from catalog_search import Content, backends
from catalog_search.backends.base import Embedder, Reranker
from catalog_search.backends.configuration import identity
from catalog_search.backends.dummy import DummyEmbedder, DummyReranker
from catalog_search.exceptions import ConfigurationError, ModelError
from catalog_search.images import Picture

from .contracts.embedder import EmbedderContract
from .contracts.reranker import RerankerContract


class TestDummyEmbedder(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        return DummyEmbedder()

    def test_words_and_colours_are_alike(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        text, same, other = self.embed(embedder, Content("red"), Content("", red), Content("", blue))

        assert text @ same > 0.9 > text @ other


class TestDummyEmbedderApart(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        return DummyEmbedder(fuses=False)


class TestTextModel(EmbedderContract):
    """A text model leaves pictures out."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        from catalog_search.backends.local import SentenceTransformerEmbedder
        from project.embedded.model import text_model_folder

        return SentenceTransformerEmbedder(model=str(text_model_folder()), threads=1)

    def test_meaning(self, embedder: Embedder) -> None:
        cup, mug, bicycle = self.embed(embedder, Content("a cup for coffee"), Content("mug"), Content("bicycle"))

        assert mug @ cup > bicycle @ cup


class TestDummyReranker(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls) -> Reranker:
        return DummyReranker()


def test_a_process_loads_a_model_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    original = DummyEmbedder.__init__
    monkeypatch.setattr(
        DummyEmbedder, "__init__", lambda self, **options: (built.append(1), original(self, **options))[1]
    )
    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": 17}}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy}
    backends.unload()
    threads = [threading.Thread(target=backends.get_embedder) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert built == [1]
    assert backends.get_embedder().dimensions == 17


def test_the_collector_does_not_walk_a_loaded_model_again_and_again(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder"}}
    backends.unload()
    assert not gc.get_freeze_count()
    backends.get_embedder()

    assert gc.get_freeze_count()
    assert not any(isinstance(one, DummyEmbedder) for one in gc.get_objects())


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({}, "BACKEND"),
        ({"BACKEND": "nowhere.Nothing"}, "cannot be imported"),
        ({"BACKEND": "json.JSONDecoder"}, "subclass of Embedder"),
        ({"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"colour": 1}}, "OPTIONS.*colour"),
        ({"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": ["colour"]}, "must be a dict"),
        ({"BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder"}, "model.*factory"),
        (
            {
                "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
                "OPTIONS": {"model": "x", "devise": "cpu"},
            },
            "no option devise",
        ),
    ],
)
def test_wrong_configurations_say_what_to_write(settings: Any, configuration: dict[str, Any], message: str) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": configuration}

    with pytest.raises(ConfigurationError, match=message):
        backends.get_embedder()


def test_a_checkpoint_that_cannot_be_loaded_is_a_model_error(settings: Any, tmp_path: Path) -> None:
    local = {"BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder"}
    settings.CATALOG_SEARCH = {"EMBEDDER": local | {"OPTIONS": {"model": str(tmp_path)}}}

    with pytest.raises(ModelError, match="cannot be loaded"):
        backends.get_embedder()


def test_who_waits_for_a_model_that_cannot_be_loaded_waits_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tries, coming, away = [], threading.Barrier(5), True

    def initialise(self: DummyEmbedder, dimensions: int) -> None:
        tries.append(dimensions)
        time.sleep(0.2)  # the others come meanwhile
        if away:
            raise OSError("no such checkpoint")
        plain(self, dimensions)

    def asked(_: int) -> str:
        coming.wait()
        try:
            return str(backends.get_embedder().dimensions)
        except ModelError as error:
            return str(error)

    plain = DummyEmbedder.__init__
    monkeypatch.setattr(DummyEmbedder, "__init__", initialise)
    monkeypatch.setattr(backends, "RETRY_SECONDS", 3600.0)
    backends.unload()
    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": 19}}
    settings.CATALOG_SEARCH |= {"EMBEDDER": dummy}
    with ThreadPoolExecutor(5) as pool:
        told = set(pool.map(asked, range(10)))
    away, tried = False, len(tries)
    backends._failed.update({key: (error, 0.0) for key, (error, _) in backends._failed.items()})  # the time is over

    assert told == {"The EMBEDDER DummyEmbedder cannot be loaded: no such checkpoint"}
    assert tried == 1
    assert backends.get_embedder().dimensions == 19


def test_speed_options_do_not_change_the_identity() -> None:
    slow = {"BACKEND": "a.B", "OPTIONS": {"model": "m", "batch_size": 1, "device": "cpu"}}
    quick = {"BACKEND": "a.B", "OPTIONS": {"model": "m", "batch_size": 64}}

    assert identity(slow) == identity(quick)
    assert identity(slow) != identity({"BACKEND": "a.B", "OPTIONS": {"model": "n"}})
