"""Raw SQL: prepared where that helps, seen by Django's hooks, and leaving nothing behind on a connection."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext

from catalog_search.sql import (
    MOST_PARAMETERS,
    PREPARED_FROM,
    HalfVectors,
    all_ended,
    array,
    execute,
    execute_while,
    new_transaction,
)
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

STATEMENT = "SELECT %s::int + 1 AS prepared_here"


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["1"], ['a"b', "c,d", "{e}", "f\\g", "\\", "NULL", " h ", "ü", "i\nj", "'", "\t"], ["a", "", "b"]],
)
def test_texts_travel_as_an_array(texts: list[str]) -> None:
    assert execute("default", "SELECT %s::text[]", (array(texts),)) == [(texts,)]


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 4000)])
def test_vectors_travel_as_an_array(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ((found,),) = execute("default", "SELECT %s::halfvec[]", (HalfVectors(rows),))

    assert np.array_equal(np.array([one.to_numpy() for one in found]).reshape(shape), rows.astype(np.float16))


def test_rows_that_are_not_fetched_are_not_looked_for(django_assert_num_queries: Any) -> None:
    execute("default", "CREATE TEMPORARY SEQUENCE looked_for")
    statement = "SELECT number, nextval('looked_for') FROM generate_series(1, %s::int) number"
    with django_assert_num_queries(1):
        found, ended = execute_while("default", statement, (1000,), 10, lambda rows: rows[-1][0] < 30)

    assert [number for number, _ in found] == [*range(1, 31)]
    assert not ended
    assert execute("default", "SELECT last_value FROM looked_for") == [(30,)]
    assert not execute("default", "SELECT name FROM pg_cursors WHERE name <> ''")
    assert execute_while("default", statement, (25,), 10, lambda rows: True)[1]
    assert execute_while("default", statement, (20,), 10, bool)[1]


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%prepared_here%'")
        return int(cursor.fetchone()[0])


def ask_often() -> list[tuple[Any, ...]]:
    return [execute("default", STATEMENT, (number,))[0] for number in range(PREPARED_FROM + 2)]


def test_what_comes_often_is_prepared_and_nobody_elses_statements(db: None) -> None:
    threshold = connection.connection.prepare_threshold if connection.connection else None

    assert ask_often() == [(number + 1,) for number in range(PREPARED_FROM + 2)]
    assert prepared() == 1
    assert connection.connection.prepare_threshold == threshold


def test_a_pooler_that_cannot_keep_statements_gets_none(db: None, settings: Any) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "PREPARE": False}
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    connection.connection._prepared.clear()

    assert ask_often()[-1] == (PREPARED_FROM + 2,)
    assert prepared() == 0


def test_a_filter_that_passes_little_is_planned_for_itself(indexed_shop: dict[str, Product]) -> None:
    def kept(**options: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        connection.connection._prepared.clear()
        for _ in range(20):
            assert ProductIndex.search("mug", **options).total
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%product(key)%'")
            return int(cursor.fetchone()[0])

    assert kept()
    assert not kept(queryset=Product.objects.filter(price__gt=0))


def test_djangos_hooks_see_it(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as captured:
        execute("default", STATEMENT, (1,))

    assert "prepared_here" in captured.captured_queries[0]["sql"]
    with pytest.raises(ProgrammingError):
        execute("default", "SELECT nothing_there")


def test_a_queryset_with_a_very_long_list_works(indexed_shop: dict[str, Product]) -> None:
    chosen = [*range(10**9, 10**9 + MOST_PARAMETERS), indexed_shop["red mug"].pk]
    results = ProductIndex.search("mug", queryset=Product.objects.filter(pk__in=chosen))

    assert [hit.object for hit in results] == [indexed_shop["red mug"]]
    assert results.degraded == ()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "opening",
    ["SELECT pg_current_xact_id()", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"],
    ids=["it wrote", "it goes on seeing what it saw"],
)
def test_transactions_that_are_open_are_known(opening: str) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute(opening)
        begun = new_transaction("default")
        assert not all_ended("default", begun)
        other.commit()
        assert all_ended("default", begun)
        # What it sees begins at the oldest transaction that is open then: the server's own may be one.
        assert any(opened_later(other, opening, begun) for _ in range(100))


def opened_later(other: psycopg.Connection[Any], opening: str, begun: str) -> bool:
    """Open a transaction, and tell whether it counts as one that was not open when another began."""
    other.rollback()
    time.sleep(0.05)
    other.execute(opening)
    return all_ended("default", begun)


@pytest.mark.django_db(transaction=True)
def test_sessions_of_others_that_may_not_be_looked_into_count_as_open() -> None:
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT 1")
        other.commit()
        begun = new_transaction("default")
        assert all_ended("default", begun)
        with connection.cursor() as cursor, transaction.atomic():
            cursor.execute("CREATE ROLE catalog_search_guest")
            cursor.execute("SET LOCAL ROLE catalog_search_guest")
            assert not all_ended("default", begun)
            transaction.set_rollback(True)


def test_the_log_of_queries_tells_prepared_statements_too() -> None:
    with CaptureQueriesContext(connection) as captured:
        for _ in range(PREPARED_FROM + 2):
            execute("default", "SELECT %s::int", (1,))
    assert {one["sql"] for one in captured} == {"SELECT $1::int"}
