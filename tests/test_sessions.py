"""Databases whose sessions are set otherwise than usual: stricter isolation, limits of time, few connections."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from psycopg import IsolationLevel

from catalog_search import tasks
from catalog_search.indexing import claims, drain, work
from catalog_search.models import Change, Document
from catalog_search.searching import explaining, reranking
from catalog_search.sql import execute
from project.shop.models import Product, ProductImage

pytestmark = pytest.mark.django_db(transaction=True)

Shop = dict[str, Product]
WORKERS, PRODUCTS = 4, 40


@contextmanager
def database(**options: Any) -> Iterator[None]:
    """Let all threads connect with these options."""
    kept = connections.settings["default"]["OPTIONS"]
    connection.close()
    connections.settings["default"]["OPTIONS"] = kept | options
    try:
        yield
    finally:
        connection.close()
        connections.settings["default"]["OPTIONS"] = kept


ISOLATED: dict[str, dict[str, Any]] = {
    "repeatable": {"isolation_level": IsolationLevel.REPEATABLE_READ},
    "serializable": {"isolation_level": IsolationLevel.SERIALIZABLE},
    "by the server": {"options": "-c default_transaction_isolation=serializable"},
}


@pytest.mark.parametrize("isolated", ISOLATED)
def test_workers_share_the_work_whatever_the_isolation(
    isolated: str, make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    made = [make_product(f"Mug {number}") for number in range(PRODUCTS)]
    build_index()
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "BATCH_SIZE": 1}
    with database(**ISOLATED[isolated]):
        for product in made:
            product.name = f"{product.name} again"
            product.save()

        def worker(_: int) -> bool:
            try:
                return drain()
            finally:
                connection.close()

        with ThreadPoolExecutor(WORKERS) as workers:
            left = list(workers.map(worker, range(WORKERS)))

    assert left == [False] * WORKERS
    assert not Change.objects.exists()
    assert Document.objects.filter(text__endswith="again").count() == PRODUCTS


@pytest.fixture
def slow_to_write(indexed_shop: Shop) -> Iterator[None]:
    """Let each document take its time, and that of one product more than there is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM pg_sleep(CASE WHEN NEW.text LIKE 'Endless%' THEN 5 ELSE 0.1 END); RETURN NEW; END $$;"
            "CREATE TRIGGER take_time BEFORE INSERT ON catalog_search_document "
            "FOR EACH ROW EXECUTE FUNCTION take_time()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION take_time() CASCADE")


def test_documents_that_take_longer_than_a_statement_may_are_written_by_fewer(
    indexed_shop: Shop, slow_to_write: None, settings: Any
) -> None:
    """Counted as an outage, the same ones would wait for the same, for ever."""
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "RETRY_SECONDS": 60}
    for name, product in indexed_shop.items():
        product.name = "Endless mug" if name == "blue mug" else f"{product.name} again"
        product.save()
    with database(options="-c statement_timeout=500"):
        drain()

    assert Document.objects.filter(text__contains=" again").count() == len(indexed_shop) - 1
    ((key, attempts, error),) = Change.objects.values_list("object_key", "attempts", "error")
    assert (key, attempts) == (str(indexed_shop["blue mug"].pk), 1)
    assert "statement_timeout" in error


class Asking(FileSystemStorage):
    """A storage that keeps what it knows of its files in the database, as some do."""

    def get_modified_time(self, name: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            (now,) = cursor.fetchone()
        return now


def test_a_storage_that_asks_the_database_leaves_a_pool_as_it_was(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "BATCH_SIZE": 1}
    monkeypatch.setattr(ProductImage._meta.get_field("file"), "storage", Asking())
    for product in indexed_shop.values():
        product.save()
    with database(pool={"min_size": 1, "max_size": 2, "timeout": 2}):
        drain()
        connection.close_pool()

    assert set(Document.objects.values_list("pictures", flat=True)) == {Document.Pictures.OK}
    assert not Change.objects.exists()


@contextmanager
def held(statement: str) -> Iterator[None]:
    """Let another session hold a lock."""
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            ready.set()
            done.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        done.set()
        thread.join()


HELD = {
    "documents": "LOCK TABLE catalog_search_document IN SHARE MODE",
    "products": "LOCK TABLE shop_product IN ACCESS EXCLUSIVE MODE",
}
TURN = f"SELECT pg_advisory_xact_lock({claims._CLAIM_LOCK})"


@pytest.mark.parametrize("what", HELD)
def test_what_waits_for_a_lock_in_vain_is_done_once_it_is_free(what: str, indexed_shop: Shop) -> None:
    for product in indexed_shop.values():
        product.name += " again"
        product.save()
    with database(options="-c lock_timeout=200"):
        with held(HELD[what]):
            tasks.index_changes()
        assert set(Change.objects.values_list("claim", "attempts")) == {(None, 0)}
        Change.objects.update(due_at=timezone.now())
        tasks.index_changes()

    assert not Change.objects.exists()
    assert Document.objects.filter(text__contains=" again").count() == len(indexed_shop)


def test_a_worker_that_does_not_get_its_turn_keeps_what_it_has_in_hand(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was embedded has cost something."""
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "BATCH_SIZE": 1, "RETRY_SECONDS": 600}
    for product in indexed_shop.values():
        product.name += " again"
        product.save()
    claim, turns = work.claim, itertools.count(1)

    def interrupted(*arguments: Any) -> Any:
        if next(turns) == 2:
            with held(TURN):
                return claim(*arguments)
        return claim(*arguments)

    monkeypatch.setattr(work, "claim", interrupted)
    with database(options="-c lock_timeout=200"):
        assert not drain()

    assert not Change.objects.exists()
    assert Document.objects.filter(text__contains=" again").count() == len(indexed_shop)


@pytest.mark.parametrize(("atomic", "status"), [(False, 200), (True, 503)])
@pytest.mark.parametrize("module", [reranking, explaining])
def test_what_fails_in_a_transaction_is_an_outage(
    module: Any, atomic: bool, status: int, indexed_shop: Shop, settings: Any, monkeypatch: Any, admin_user: Any
) -> None:
    """A search does without what a model adds, but nothing else can be asked in a transaction that failed."""
    settings.CATALOG_SEARCH |= {"RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker"}}
    contents = module.contents

    def slowly(*arguments: Any) -> Any:
        execute("default", "SELECT pg_sleep(5)")
        return contents(*arguments)

    monkeypatch.setattr(module, "contents", slowly)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", atomic)
    with database(options="-c statement_timeout=300"):
        client = Client()
        client.force_login(admin_user)
        answer = client.get("/api/search/product/", {"q": "mug", "explain": "true"})

    assert answer.status_code == status
    if status == 200:
        assert answer.json()["degraded"]
