"""Services and fixtures for all tests: real PostgreSQL, real Redis, a real Celery worker."""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.utils import translation
from PIL import Image
from redis import Redis

from project import services
from project.services import children

from .surroundings import database_url

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Celery

    from catalog_search.images import Picture
    from catalog_search.models import Generation
    from project.shop.models import Product

TESTS = services.DATA / "tests"

pytest.register_assert_rewrite("tests.contracts")

Folder = Callable[..., "Path"]


def take_place() -> int:
    """Return a number no other test run of this checkout uses at the same time."""
    TESTS.mkdir(parents=True, exist_ok=True)
    for place in itertools.count():
        descriptor = os.open(TESTS / f"{place}.lock", os.O_RDWR | os.O_CREAT)
        try:
            # Open, and so locked, until this process ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return place
    raise AssertionError


PLACE = take_place()


def set_environment() -> None:
    """Prepare what the settings read. Here and not in a fixture: Django reads them before the first one runs."""
    embedded = "CELERY_BROKER_URL" not in os.environ
    services.ensure()
    if embedded:
        # The first three are the demo's, and the embedded Redis has 64. A broker given from outside is used as it is.
        server = os.environ["CELERY_BROKER_URL"].rpartition("/")[0]
        first = 16 + 3 * PLACE
        for number, name in enumerate(("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CACHE_URL"), start=first):
            os.environ[name] = f"{server}/{number}"
            # An interrupted run may have left messages there.
            with Redis.from_url(os.environ[name]) as database:
                database.flushdb()
    media = TESTS / f"{PLACE}.media"
    shutil.rmtree(media, ignore_errors=True)
    os.environ["MEDIA_ROOT"] = str(media)
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Where code of repositories is copied to before it runs.
    os.environ["HF_MODULES_CACHE"] = str(TESTS / f"{PLACE}.modules")
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"


set_environment()
django.setup()
if find_spec("torchvision"):
    from .contracts.vision import import_torchvision

    import_torchvision()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Give this run a database of its own, so that several can go on at the same time."""
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = f"test_{connection.settings_dict['NAME']}_{PLACE}"


@pytest.fixture(scope="module")
def empty_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The name of an empty database beside that of the tests, for a project of its own."""
    from django.db import connection

    name = f"{connection.settings_dict['NAME']}_empty"

    def manage(*statements: str) -> None:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    manage(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE template0")
    yield name
    manage(f"DROP DATABASE {name} WITH (FORCE)")


WORKER = f"tests-{PLACE}@localhost"
QUEUES = ("search", "search_interactive")


@pytest.fixture(scope="session")
def worker_process(django_db_setup: None) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `worker`, started once; its log is `.data/logs/test-worker-N.log`."""
    from django.conf import settings
    from django.core.cache import caches
    from django.db import connection

    from project.celery import app

    # As in the worker, whose answers to searches come by the cache; this process read its settings before.
    settings.CACHES["default"]["KEY_PREFIX"] = connection.settings_dict["NAME"]
    with suppress(AttributeError):  # nobody used it yet
        del caches["default"]
    log = services.DATA / "logs" / f"test-worker-{PLACE}.log"
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "--hostname", WORKER]
    command += ["--pool", "threads", "--concurrency", "2", "--queues", ",".join(QUEUES)]
    command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    environment = os.environ | {"DATABASE_URL": database_url()}
    with children.running(command, log, env=environment) as process:
        deadline = time.monotonic() + 60
        while not app.control.ping(destination=[WORKER], timeout=0.5):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The worker did not start:\n{log.read_text()[-2000:]}")
        yield process


@pytest.fixture
def worker(worker_process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker process on the test database; for tests marked `django_db(transaction=True)`.

    It listens while this test runs: with settings of its own it would take other tests' changes out of their hands.
    """
    from project.celery import app

    for queue in QUEUES:
        app.control.add_consumer(queue, destination=[WORKER], reply=True, timeout=10)
    yield worker_process
    for queue in QUEUES:
        app.control.cancel_consumer(queue, destination=[WORKER], reply=True, timeout=10)
    deadline = time.monotonic() + 60
    while worker_process.poll() is None and not is_at_rest(app):
        assert time.monotonic() < deadline, "The worker did not come to rest."
        time.sleep(0.1)


def is_at_rest(app: Celery) -> bool:
    """Tell whether the worker has nothing in hand and takes nothing more."""
    looking = app.control.inspect(destination=[WORKER], timeout=10)
    # In this order: nothing can move back to where it was already looked for.
    answers = [look() for look in (looking.active_queues, looking.reserved, looking.active)]
    return all(answer is not None and answer[WORKER] == [] for answer in answers)


@pytest.fixture(autouse=True)
def fresh_breakers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test suffer from what another one found broken."""
    from catalog_search import backends
    from catalog_search.backends import worker
    from catalog_search.breaker import Breaker
    from catalog_search.searching import cache

    monkeypatch.setattr(backends, "_failed", {})
    monkeypatch.setattr(worker, "_breaker", Breaker("The queue of the models"))
    monkeypatch.setattr(cache, "_breaker", Breaker("The cache", failures=1, seconds=5.0))


@pytest.fixture(autouse=True)
def logbook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The query log's buffer without its thread, which would write beside the test's transaction: `logbook.write()`."""
    from catalog_search.querylog import logbook as module

    monkeypatch.setattr(module, "logbook", module.Logbook())
    monkeypatch.setattr(module.logbook, "_process", os.getpid())  # as if its thread ran
    return module.logbook


@pytest.fixture(autouse=True)
def fresh_language() -> Iterator[None]:
    """Let no test speak the language that a request of another one asked for."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    """Let no test find what another one kept, and rolled back: pages and vectors, samples, rules and synonyms; nor how
    fast a reranker was.
    """
    from django.core.cache import cache

    from catalog_search.merchandising import rulebook
    from catalog_search.searching import lanes, reranking
    from catalog_search.wording import synonyms

    cache.clear()
    lanes._sample.cache_clear()
    rulebook.MEMORY.forget()
    synonyms.MEMORY.forget()
    reranking.paces.clear()


@pytest.fixture
def make_rule() -> Callable[..., Any]:
    """Make a rule with its actions: `make_rule(searches="mug", actions=[{"kind": "hide", "product": "1"}])`."""
    from catalog_search.models import Rule, RuleAction

    def make(name: str = "Rule", actions: Any = (), clean: bool = False, **fields: Any) -> Rule:
        rule = Rule(name=name, **{"index": "shop.product", **fields})
        if clean:
            rule.full_clean()
        rule.save()
        for action in (RuleAction(rule=rule, **one) for one in actions):
            if clean:
                action.full_clean()
            action.save()
        return rule

    return make


@pytest.fixture
def log_query(db: None) -> Callable[..., None]:
    """Put a query into the log, asked so many times: `log_query("red mug", 3)`."""
    from django.utils import timezone

    from catalog_search.models import QueryLog

    def log(text: str, times: int, total: int = 3) -> None:
        for _ in range(times):
            key = uuid.uuid4()
            QueryLog.objects.create(
                id=key,
                intent=key,
                index="shop.product",
                kind="text",
                text=text,
                total=total,
                milliseconds=1,
                counted=True,
                created_at=timezone.now(),
            )

    return log


DUMMY = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"poison": "poisonous"}}


@pytest.fixture
def dummy_models(settings: Any) -> Any:
    """Models without weights: words and colours in, exact answers out."""
    settings.CATALOG_SEARCH = {"EMBEDDER": DUMMY, "RERANKER": None, "RETRY_SECONDS": 0}
    return settings


@pytest.fixture
def picture_bytes() -> Callable[..., bytes]:
    """Make picture files: `picture_bytes("red", format="PNG", size=(64, 64))`."""

    def make(colour: Any = "red", format: str = "JPEG", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, size, colour).save(buffer, format)
        return buffer.getvalue()

    return make


@pytest.fixture
def red(picture_bytes: Callable[..., bytes]) -> Picture:
    """A red picture as models take it."""
    from catalog_search.images import read_picture

    return read_picture(picture_bytes("red"))


@pytest.fixture
def blue(picture_bytes: Callable[..., bytes]) -> Picture:
    """A blue picture as models take it."""
    from catalog_search.images import read_picture

    return read_picture(picture_bytes("blue"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make checkpoints once: `checkpoint(checkpoints.clip, "clip-ViT-B-32")`, under the name of a real model."""
    root = tmp_path_factory.mktemp("checkpoints")

    def make(build: Callable[..., Path], name: str, **options: Any) -> Path:
        folder = root / name
        return folder if folder.exists() else build(folder, **options)

    return make


@pytest.fixture
def make_product(db: None, picture_bytes: Callable[..., bytes]) -> Callable[..., Product]:
    """Make products: `make_product("Red mug", brand="Acme", picture="red", price=5)`."""
    from django.core.files.base import ContentFile
    from django.utils import timezone

    from project.shop.models import Brand, Category, Product, ProductImage

    count = itertools.count(1)

    def make(name: str, brand: str = "", category: str = "", picture: str = "", **fields: Any) -> Product:
        number = next(count)
        values = {"reference": f"ref-{number}", "sku": f"SKU-{number:04}", "created": timezone.now(), "stock": 1}
        product = Product.objects.create(
            name=name,
            brand=Brand.objects.get_or_create(name=brand)[0] if brand else None,
            category=Category.objects.get_or_create(path=category)[0] if category else None,
            **values | fields,
        )
        if picture:
            ProductImage.objects.create(product=product, file=ContentFile(picture_bytes(picture), f"{picture}.jpg"))
        return product

    return make


@pytest.fixture
def build_index(dummy_models: Any) -> Callable[[], Generation]:
    """Index everything with the dummy embedder and let it serve; call it again to work off changes."""
    from django.core.management import call_command

    from catalog_search.models import Generation

    def build() -> Generation:
        call_command("rebuild_search_index", sync=True, verbosity=0)
        generation = Generation.objects.active("shop.product")
        assert generation is not None
        return generation

    return build


@pytest.fixture
def indexed_shop(make_product: Callable[..., Product], build_index: Callable[[], Generation]) -> dict[str, Product]:
    """A small indexed shop: mugs, chairs and dresses in several colours, one draft among them."""
    shop = {
        "red mug": make_product("Red mug", "Acme", "Home > Kitchen", "red", colour="red", price=9, sku="MUG-1001"),
        "blue mug": make_product("Blue mug", "Acme", "Home > Kitchen", "blue", colour="blue", price=11, sku="MUG-1002"),
        "photo mug": make_product("Mug", "Bolt", "Home > Kitchen", "green", price=12, stock=0, sku="MUG-1003"),
        "red chair": make_product("Red chair", "Bolt", "Home > Chairs", "red", colour="red", price=80, sku="CH-77"),
        "dress": make_product("Summer dress", "Coco", "Clothes", "yellow", colour="yellow", price=40),
        "draft": make_product("Secret mug", "Acme", "Home > Kitchen", "red", is_public=False, price=1, sku="MUG-9999"),
    }
    build_index()
    return shop
