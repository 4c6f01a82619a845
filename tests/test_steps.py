"""The two points at which a shop changes a search: before retrieval and after ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DataError, connection, transaction
from django.db.models import Q

from catalog_search.searching import Guidance
from catalog_search.searching.asking import Ask
from catalog_search.searching.candidates import Candidate, Candidates
from catalog_search.searching.scope import Scope
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop, names

pytestmark = pytest.mark.django_db


def tin_is_mug(scope: Scope, ask: Ask) -> Ask:
    return replace(ask, query=replace(ask.query, text=ask.query.text.replace("tin", "mug")))


def without_red(scope: Scope, ask: Ask) -> Ask:
    return replace(ask, conditions=(~Q(name__startswith="Red"),), guidance=Guidance(rules=("no red",)))


def admitting(*products: Product) -> Callable[[Scope, Ask], Ask]:
    return lambda scope, ask: replace(ask, admitted=tuple(str(product.pk) for product in products))


def backwards(scope: Scope, ask: Ask, candidates: Candidates) -> Sequence[Candidate]:
    return candidates[::-1]


def broken(*arguments: Any) -> Any:
    raise RuntimeError("a rule nobody tested")


def test_what_is_asked_is_changed_before_retrieval(indexed_shop: Shop, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"REWRITE": ["tests.test_steps.tin_is_mug"]}

    assert names("blue tin")[0] == "Blue mug"


def test_conditions_narrow_rows_facets_and_total(indexed_shop: Shop) -> None:
    plain = ProductIndex.search("mug")
    results = ProductIndex.search("mug", rewrite=[without_red])

    assert "Red mug" in [hit.object.name for hit in plain]
    assert results.total == plain.total - 1
    assert sum(value.count for value in results.facets["brand"].found) == results.total
    assert results.guidance.rules == ("no red",)


@pytest.mark.parametrize("text", ["mug", "no such thing", ""])
def test_admitted_products_belong_to_the_result(indexed_shop: Shop, text: str) -> None:
    chair = indexed_shop["red chair"]
    plain = ProductIndex.search(text, cutoff=99)
    results = ProductIndex.search(text, cutoff=99, rewrite=[admitting(chair)])
    gained = 0 if text == "" else 1

    assert "Red chair" in [hit.object.name for hit in results]
    assert results.total == plain.total + gained
    assert sum(value.count for value in results.facets["brand"].found) == results.total


def test_admitted_products_obey_filters_and_visibility(indexed_shop: Shop) -> None:
    hidden = indexed_shop["red chair"]
    Product.objects.filter(pk=hidden.pk).update(is_public=False)

    assert "Red chair" not in names("mug", rewrite=[admitting(hidden)])
    assert "Red mug" not in names("", facets={"brand": ["Bolt"]}, rewrite=[admitting(indexed_shop["red mug"])])


def test_the_order_is_changed_after_ranking(indexed_shop: Shop) -> None:
    assert names("mug", arrange=[backwards]) == names("mug")[::-1]
    assert names("", arrange=[backwards]) == names("")[::-1]


def test_a_sort_is_the_visitors_own(indexed_shop: Shop) -> None:
    assert names("mug", sort="price", arrange=[backwards]) == names("mug", sort="price")


def test_arranging_neither_adds_nor_takes_away(indexed_shop: Shop) -> None:
    found = names("mug")

    def one_and_a_stranger(scope: Scope, ask: Ask, candidates: Candidates) -> Sequence[Candidate]:
        return [candidates[0]._replace(key="999999"), candidates[-1]]

    assert names("mug", arrange=[one_and_a_stranger]) == [found[-1], *found[:-1]]


def test_browsing_goes_on_beyond_what_is_arranged(
    make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    products = [make_product(f"Mug {number:02}") for number in range(25)]
    build_index()
    settings.CATALOG_SEARCH |= {"MAX_CANDIDATES": 10}
    options: dict[str, Any] = {"rewrite": [admitting(products[3])], "page_size": 7}
    pages = [names("", page=page, **options) for page in range(1, 6)]

    assert pages[0][0] == "Mug 03"
    assert sorted(name for page in pages for name in page) == [product.name for product in products]
    assert [len(page) for page in pages] == [7, 7, 7, 4, 0]


def test_a_step_that_fails_is_left_out_openly(indexed_shop: Shop) -> None:
    results = ProductIndex.search("mug", rewrite=[broken, without_red], arrange=[broken])

    assert results.degraded == ("rewrite", "arrange")
    assert "Red mug" not in [hit.object.name for hit in results]
    assert results.total


def test_what_failed_in_a_transaction_is_told(indexed_shop: Shop) -> None:
    def divides(scope: Scope, ask: Ask) -> Ask:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return ask

    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        ProductIndex.search("mug", rewrite=[divides])
    assert names("mug")


def test_a_preview_leaves_no_frozen_order(indexed_shop: Shop) -> None:
    first = names("mug", page_size=1)
    second = names("mug", page_size=1, page=2)
    cache.clear()
    names("mug", page_size=1, arrange=[backwards])

    assert names("mug", page_size=1, page=2) == second != first


@pytest.mark.parametrize("text", ["mug", ""])
def test_pages_of_an_order_of_its_own_go_on_in_it(indexed_shop: Shop, text: str) -> None:
    names(text, page_size=1)  # what visitors see is kept
    everything = names(text)
    pages = [names(text, page_size=1, page=page, arrange=[backwards]) for page in range(1, len(everything) + 1)]

    assert [name for page in pages for name in page] == everything[::-1]


def test_a_step_that_is_not_there_is_a_check(settings: Any) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "ARRANGE": ["tests.test_steps.missing"]}

    with pytest.raises(SystemCheckError, match="E008"):
        call_command("check")
