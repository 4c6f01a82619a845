"""Variants: one product of each family is shown, the one that answers best, and families are what is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from django.test import Client

from catalog_search import Facet, SearchIndex
from catalog_search.searching import search
from project.shop.models import Product, ProductImage
from project.shop.search import ProductIndex

from .shop import Shop, names

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(make_product: Callable[..., Product], build_index: Any) -> Shop:
    """A shirt in two colours and sizes, the red one small alone; a mug, and a chair with a hidden parent."""
    shirt = make_product("Blue shirt", picture="blue", colour="blue", size="M", price=20, sku="SHIRT-100")
    chair = make_product("Chair", price=90, is_public=False)
    shop = {
        "blue M": shirt,
        "red S": make_product("Red shirt", picture="red", colour="red", size="S", price=18, parent=shirt),
        "blue S": make_product("Blue shirt small", picture="blue", colour="blue", size="S", price=19, parent=shirt),
        "mug": make_product("Red mug", picture="red", colour="red", price=9),
        "chair": chair,
        "red chair": make_product("Red chair", picture="red", colour="red", price=80, parent=chair),
    }
    build_index()
    return shop


def test_the_best_variant_stands_for_its_family(shop: Shop) -> None:
    for text, best in [("red shirt", "red S"), ("blue shirt", "blue M"), ("blue shirt small", "blue S")]:
        first = ProductIndex.search(text, cutoff=None).hits[0]
        assert first.object == shop[best]
        assert first.variants == 3
        assert first.thumbnail_url


def test_an_identifier_finds_the_very_variant(shop: Shop) -> None:
    assert ProductIndex.search("SHIRT-100").hits[0].object == shop["blue M"]
    assert ProductIndex.search(shop["red S"].sku).hits[0].object == shop["red S"]


def test_filters_hold_for_one_variant(shop: Shop) -> None:
    both = {"size": ["M"], "colour": ["red"]}
    assert names("shirt", facets=both) == names("", facets=both) == []
    small = ProductIndex.search("shirt", facets={"size": ["S"]})
    assert (small.total, small.hits[0].variants) == (1, 2)
    red = ProductIndex.search("blue shirt", facets={"colour": ["red"]})
    assert shop["red S"] in [hit.object for hit in red]


@pytest.mark.parametrize("text", ["", "shirt", "red"])
@pytest.mark.parametrize("sort", ["", "price", "highest_price"])
def test_totals_facets_and_pages_count_families(shop: Shop, text: str, sort: str) -> None:
    whole = ProductIndex.search(text, sort=sort, cutoff=None)
    families = {product.parent_id or product.pk for product in Product.objects.public()}
    assert whole.total == len(whole.hits) == len(families) == 3
    sizes = {value.value: value.count for value in whole.facets["size"].found}
    assert sizes == {"S": 1, "M": 1}
    assert {value.value: value.count for value in whole.facets["colour"].found} == {"red": 3, "blue": 1}
    paged = [name for page in (1, 2) for name in names(text, sort=sort, cutoff=None, page=page, page_size=2)]
    assert paged == [hit.object.name for hit in whole]


def test_the_first_in_a_sort_stands_for_its_family(shop: Shop) -> None:
    assert names("", sort="price") == ["Red mug", "Red shirt", "Red chair"]
    assert names("", sort="highest_price") == ["Red chair", "Blue shirt", "Red mug"]


@pytest.mark.parametrize("text", ["", "shirt"])
def test_what_is_distinct_counts_once(shop: Shop, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {hit.unit: hit.variants for hit in ProductIndex.search(text)}
    for product in shop.values():
        ProductImage.objects.bulk_create([ProductImage(product=product, position=place) for place in (7, 8, 9)])
    public = Product.objects.public().with_stock()
    distinct = public.filter(images__position__gte=7).distinct()
    monkeypatch.setattr(ProductIndex, "queryset", lambda index, request=None: distinct)

    assert {hit.unit: hit.variants for hit in ProductIndex.search(text)} == before


def test_every_variant_on_demand(shop: Shop) -> None:
    results = ProductIndex.search("shirt", group_by=False, cutoff=None)

    assert results.total == 5
    assert {hit.variants for hit in results} == {1}


def test_the_back_office_shows_every_variant_and_the_strip_one(shop: Shop, admin_client: Client) -> None:
    rows = admin_client.get("/admin/shop/product/", {"q": "shirt"}).context["cl"].result_list
    assert {"Blue shirt", "Red shirt", "Blue shirt small"} <= {row.name for row in rows}
    strip = [hit.object for hit in ProductIndex.similar(shop["mug"], size=10)]
    assert len({shop["blue M"], shop["red S"], shop["blue S"]} & set(strip)) == 1


@pytest.mark.parametrize("text", ["", "shirt"])
def test_what_is_pinned_stands_for_its_family(shop: Shop, text: str) -> None:
    def pinned(scope: Any, ask: Any, candidates: Any) -> Any:
        return sorted(candidates, key=lambda one: one.key != str(shop["blue S"].pk))

    def admitted(scope: Any, ask: Any) -> Any:
        return replace(ask, admitted=(str(shop["blue S"].pk),))

    first = ProductIndex.search(text, rewrite=[admitted], arrange=[pinned], cutoff=None).hits[0]
    assert (first.object, first.variants) == (shop["blue S"], 3)


def test_the_reranker_spends_its_time_on_what_can_be_shown(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[list[str]] = []

    def noted(scope: Any, query: Any, candidates: Any, spent: float) -> Any:
        judged.append([one.family for one in candidates])
        return candidates, 0, False

    monkeypatch.setattr(import_module("catalog_search.searching.search"), "rerank", noted)
    ProductIndex.search("red shirt", cutoff=None)

    assert len(set(judged[0][:3])) == 3
    assert len(judged[0]) == 5


@pytest.mark.parametrize("shared", ["size", "brand"])
def test_families_by_what_they_share(make_product: Callable[..., Product], build_index: Any, shared: str) -> None:
    for number in range(3):
        make_product(f"Mug {number}", brand="Acme", size="XL")
    for number in range(2):
        make_product(f"Lone mug {number}")
    build_index()
    declaration = type("Shared", (SearchIndex,), {"variants": shared, "group_by": True, "facets": [Facet("stock")]})
    for text in ("", "mug"):
        results = search(declaration(Product), text, cutoff=None)
        assert sorted(hit.variants for hit in results) == [1, 1, 3]
        assert results.facets["stock"].found[0].count == 3


def test_the_page_and_the_api_tell_how_many_there_are(shop: Shop, client: Client) -> None:
    html = client.get("/search/", {"q": "shirt"}).content.decode()
    assert "3 variants" in html
    answer = client.get("/api/search/product/", {"q": "shirt"}).json()
    assert answer["hits"][0]["variants"] == 3
