"""A shop that reads from a replica: searches go there, and nothing that is written or indexed does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from catalog_search import checks, tasks
from catalog_search.indexing import changes, doorbell, drain, start_generation
from catalog_search.indexing.reconciling import reconcile
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from catalog_search.suggesting import suggest
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)


class Router:
    """Sends reads to a replica, as Django's documentation shows it: whatever row they start from."""

    def db_for_read(self, model: Any, **_: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **_: Any) -> str:
        return "default"

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True


@contextmanager
def another(alias: str) -> Iterator[list[str]]:
    """A second way to the database that refuses writes; what is asked there."""
    connections.databases[alias] = connection.settings_dict | {
        "OPTIONS": {"options": "-c default_transaction_read_only=on"}
    }
    asked: list[str] = []

    def note(execute: Any, statement: str, *rest: Any) -> Any:
        asked.append(statement)
        return execute(statement, *rest)

    connections[alias].connect()  # the test runner keeps others out
    try:
        with connections[alias].execute_wrapper(note):
            yield asked
    finally:
        connections[alias].close()
        del connections[alias], connections.databases[alias]


@pytest.fixture
def replica(indexed_shop: Shop, settings: Any) -> Iterator[list[str]]:
    """A replica that all reads go to; what is asked there."""
    settings.DATABASE_ROUTERS = ["catalog_search.routers.IndexingRouter", Router()]
    with another("replica") as asked:
        yield asked


def test_searches_read_there(indexed_shop: Shop, replica: list[str]) -> None:
    at_the_primary: list[str] = []

    def note(execute: Any, statement: str, *rest: Any) -> Any:
        at_the_primary.append(statement)
        return execute(statement, *rest)

    with connection.execute_wrapper(note):
        found = ProductIndex.search("red mug")

    assert found.hits[0].object == indexed_shop["red mug"]
    assert not found.degraded
    assert any("catalog_search_document" in statement for statement in replica)
    assert not [one for one in at_the_primary if "shop_product" in one or "catalog_search_document" in one]


class Alternating(Router):
    """Sends reads to one of two replicas, never twice to the same."""

    def __init__(self) -> None:
        self._aliases = itertools.cycle(["replica", "other"])

    def db_for_read(self, model: Any, **_: Any) -> str:
        return next(self._aliases)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: ProductIndex.search("red mug"),
        lambda: ProductIndex.search("red mug", visible=Product.objects.with_stock()),
        lambda: ProductIndex.search(sort="price"),
        lambda: suggest(registry.of(ProductIndex), "mu"),
    ],
)
def test_a_search_keeps_to_one_of_several(ask: Any, indexed_shop: Shop, settings: Any) -> None:
    """One that lags may lack the documents of the generation that another one tells of."""
    settings.DATABASE_ROUTERS = ["catalog_search.routers.IndexingRouter", Alternating()]
    with another("replica") as replica, another("other") as other:
        for _ in range(2):
            replica.clear(), other.clear()
            ask()
            told = [
                any("shop_product" in one or "catalog_search_document" in one for one in asked)
                for asked in (replica, other)
            ]

            assert sorted(told) == [False, True]


def test_what_is_indexed_is_read_where_it_was_written(indexed_shop: Shop, replica: list[str]) -> None:
    """A replica that lags would give a document of yesterday, and the change be gone."""
    Brand.objects.using("default").get(name="Acme").save()
    replica.clear()
    drain()

    assert replica == []
    generation = Generation.objects.get()
    assert not reconcile(generation)
    call_command("rebuild_search_index", "--fresh", "--sync", verbosity=0)
    call_command("search_generations", "rollback", verbosity=0)
    call_command("search_generations", "prune", keep=0, verbosity=0)
    call_command("reconcile_search_index", verbosity=0)


def test_a_retry_rings_once_it_was_written(
    indexed_shop: Shop, replica: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(doorbell, "ring", lambda: rung.append(connection.in_atomic_block))
    with transaction.atomic():
        changes.retry(Change.objects.all())

    assert rung == [False]


def test_tasks(indexed_shop: Shop, replica: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "send", lambda task, *args, **_: task(*args))
    mug = Product.objects.using("default").get(pk=indexed_shop["red mug"].pk)
    mug.name = "Crimson cup"
    mug.save()
    tasks.sweep()
    tasks.reconcile_indexes()
    new = start_generation(registry.get("product"), fresh=True)
    tasks.prepare_generation(new.pk)
    tasks.build_generation(new.pk, serve=True)
    tasks.refresh_generation(new.pk)

    assert Generation.objects.active("shop.product") == new
    assert Document.objects.filter(text__startswith="Crimson cup").count() == 2
    assert not Change.objects.exists()


def test_a_router_that_lets_workers_read_there_is_told_of(replica: list[str], settings: Any) -> None:
    assert checks.check_indexes(None) == []
    settings.DATABASE_ROUTERS = [Router()]

    assert [one.id for one in checks.check_indexes(None)] == ["catalog_search.W028"]
