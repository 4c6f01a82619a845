"""A search takes a bounded number of statements, whatever it finds, and loads no vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

MOST = 20
"""Statements of one search; docs/performance.md tells them one by one."""
SEARCHES: dict[str, dict[str, Any]] = {
    "words": {"text": "mug"},
    "words that are rare": {"text": "mug dress"},
    "an identifier": {"text": "MUG-1001"},
    "a filter": {"text": "mug", "facets": {"brand": ["Acme"]}},
    "several filters": {"text": "mug", "facets": {"brand": ["Acme"], "colour": ["red", "blue"], "price": [0, 50]}},
    "a sort": {"text": "mug", "sort": "price"},
    "the second page": {"text": "mug", "page": 2, "page_size": 2},
    "a large page": {"text": "mug", "page_size": 50},
    "one without facets": {"text": "mug", "facet_counts": False},
    "nothing alike": {"text": "xylophone"},
    "unwanted words": {"text": "mug", "terms": [("red", -0.5)]},
    "browsing": {},
    "browsing far": {"page": 3, "page_size": 2},
    "browsing under a filter": {"facets": {"brand": ["Acme"]}, "sort": "newest"},
}


def statements(**options: Any) -> list[str]:
    """Return the SQL of one search, caches warm."""
    ProductIndex.search(**options)
    with CaptureQueriesContext(connection) as captured:
        ProductIndex.search(**options)
    return [one["sql"] or "" for one in captured.captured_queries]


@pytest.fixture
def grow(make_product: Callable[..., Product], build_index: Callable[[], Any]) -> Callable[[], None]:
    """Ten times as many products, with pictures and brands."""

    def more() -> None:
        for number in range(60):
            make_product(f"Mug {number}", f"Brand {number}", f"Home > Kitchen > {number}", "red", colour="red", price=9)
        build_index()

    return more


@pytest.mark.parametrize("options", SEARCHES.values(), ids=SEARCHES.keys())
def test_the_number_of_statements_is_bounded(
    indexed_shop: dict[str, Product], grow: Callable[[], None], options: dict[str, Any]
) -> None:
    few = len(statements(**options))
    grow()
    many = len(statements(**options))

    assert max(few, many) <= MOST
    # Another way may be taken where more is found, but none for each product, facet value or page.
    assert many <= few + 2


def test_raw_statements_are_counted(indexed_shop: dict[str, Product]) -> None:
    run = statements(text="mug")

    assert any("<=>" in one for one in run)
    assert any("@@" in one for one in run)
    assert any("shop_product" in one and "catalog_search_document" not in one for one in run)


@pytest.mark.parametrize("options", SEARCHES.values(), ids=SEARCHES.keys())
def test_no_vector_of_a_product_is_loaded(indexed_shop: dict[str, Product], options: dict[str, Any]) -> None:
    ProductIndex.search("mug")
    run = statements(**options)

    # But for those of products that a search is to resemble, of which there are none.
    for one in run:
        selected = one.partition(" FROM ")[0].replace("embedding <=>", "")
        assert "embedding" not in selected or selected.strip() == "SELECT embedding", one


def test_the_endpoint_adds_none_for_a_hit(indexed_shop: dict[str, Product], grow: Callable[[], None]) -> None:
    def asked() -> int:
        client = Client()
        client.get("/api/search/product/", {"q": "mug"})
        with CaptureQueriesContext(connection) as captured:
            answer = client.get("/api/search/product/", {"q": "mug"})
        assert answer.status_code == 200
        return len(captured)

    few = asked()
    grow()

    assert asked() <= few + 2
