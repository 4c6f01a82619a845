"""Searches over pooled and persistent connections, and beside an event loop; workers whose connection ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection, connections
from django.test import AsyncClient
from django.utils import timezone

from catalog_search.indexing import drain, work
from catalog_search.models import Change
from catalog_search.searching.asking import Ask
from catalog_search.searching.scope import Scope
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS, SEARCHES, POOL = 4, 8, 2


@pytest.fixture
def hnsw(dummy_models: Any) -> None:
    """Let even a small shop be searched by an HNSW index, which needs settings of the session."""
    small = {"ANN_MIN_DOCUMENTS": 1, "ANN_EXACT_ROWS": 1, "MAX_CANDIDATES": 1}
    dummy_models.CATALOG_SEARCH = {**dummy_models.CATALOG_SEARCH, **small}


@pytest.fixture
def pooled() -> Iterator[None]:
    """Connections from a pool of psycopg's, in all threads."""
    database = connections.settings["default"]
    kept = dict(database)
    connection.close()
    options = {**database["OPTIONS"], "pool": {"min_size": 1, "max_size": POOL}}
    database.update(OPTIONS=options, CONN_MAX_AGE=0)
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()
        database.update(kept)


def breadth() -> tuple[str | None, ...]:
    """Return what a search sets for its own transaction, as the session has it."""
    names = ("hnsw.ef_search", "hnsw.iterative_scan")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true), current_setting(%s, true)", names)
        return tuple(cursor.fetchone())


def found() -> list[Any]:
    """Return the keys of what one search finds; nothing may have failed on the way."""
    results = ProductIndex.search("red mug", group_by=False)
    assert results.degraded == ()
    return [hit.object.pk for hit in results]


def test_searches_share_a_pool(hnsw: None, indexed_shop: dict[str, Product], pooled: None) -> None:
    expected, usual = found(), breadth()
    connection.close()

    def visitor(_: int) -> list[Any]:
        seen = []
        for _ in range(SEARCHES):
            seen.append((found(), breadth()))
            connection.close()  # as at the end of a request
        return seen

    with ThreadPoolExecutor(VISITORS) as visitors:
        answers = [one for seen in visitors.map(visitor, range(VISITORS)) for one in seen]

    assert answers == [(expected, usual)] * (VISITORS * SEARCHES)
    assert usual == ("40", "off")  # pgvector's own
    assert connection.pool.get_stats()["pool_max"] == POOL


def test_searches_leave_a_persistent_connection_as_it_was(
    hnsw: None, indexed_shop: dict[str, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    connection.close()
    expected, usual = found(), breadth()
    session = connection.connection.info.backend_pid

    for _ in range(SEARCHES):
        close_old_connections()  # as between requests
        assert (found(), breadth()) == (expected, usual)

    assert usual == ("40", "off")  # pgvector's own
    assert connection.connection.info.backend_pid == session


def test_a_search_survives_the_end_of_its_connection(indexed_shop: dict[str, Product]) -> None:
    expected = found()
    connection.close()

    assert found() == expected


@pytest.fixture
def terminate() -> Callable[[], None]:
    """End this thread's connection, as a server that is started anew does."""

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (session,) = cursor.fetchone()

        def from_another() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [session])
            connection.close()

        other = threading.Thread(target=from_another)
        other.start()
        other.join()

    return end


@pytest.mark.parametrize("step", ["read", "draft", "_write"])
def test_a_worker_gives_back_what_it_had_in_hand_when_its_connection_ends(
    indexed_shop: dict[str, Product], terminate: Callable[[], None], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for product in indexed_shop.values():
        product.name += " again"
        product.save()
    take_step = getattr(work, step)

    def interrupted(*arguments: Any) -> Any:
        terminate()
        return take_step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(work, step, interrupted)
        drain()
    assert set(Change.objects.values_list("claim", "attempts")) == {(None, 0)}

    Change.objects.update(due_at=timezone.now())
    drain()
    assert not Change.objects.exists()


loop_turned = threading.Event()


def wait_for_the_loop(scope: Scope, ask: Ask) -> Ask:
    """A step that ends only if the event loop goes on meanwhile."""
    if not loop_turned.wait(30):
        raise RuntimeError("The loop stood still.")
    return ask


@pytest.mark.parametrize("way", ["search", "endpoint"])
def test_a_search_does_not_block_the_loop(
    way: str, indexed_shop: dict[str, Product], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "REWRITE": ["tests.test_connections.wait_for_the_loop"]}
    loop_turned.clear()
    ways: dict[str, Callable[[], Any]] = {"search": by_search, "endpoint": by_endpoint}

    async def turn() -> None:
        await asyncio.sleep(0.05)
        loop_turned.set()

    async def both() -> tuple[str, ...]:
        degraded, _ = await asyncio.gather(ways[way](), turn())
        await sync_to_async(connections.close_all)()
        return tuple(degraded)

    assert asyncio.run(both()) == ()


async def by_search() -> Any:
    """Search as an async view of the shop's own would."""
    return (await sync_to_async(ProductIndex.search)("mug")).degraded


async def by_endpoint() -> Any:
    """Ask the endpoint as an ASGI server does."""
    answer = await AsyncClient().get("/api/search/product/", {"q": "mug"})
    assert answer.status_code == 200
    return answer.json()["degraded"]
