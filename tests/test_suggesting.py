"""Suggestions while somebody types: products, queries of others, values of facets."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from catalog_search import suggesting
from catalog_search.models import PopularQuery, QueryLog
from catalog_search.querylog import popular
from catalog_search.suggesting import Suggestions, suggest
from catalog_search.wording import vocabulary
from project.shop.models import Product
from project.shop.search import ProductIndex

Shop = dict[str, Product]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cache.clear()
    suggesting._kept.clear()
    vocabulary.forget()


def asked(text: str, **options: Any) -> Suggestions:
    return suggest(ProductIndex.registered(), text, **options)


def titles(text: str, **options: Any) -> list[str]:
    return [str(one.object) for one in asked(text, **options).products]


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


@pytest.mark.parametrize("text", ["mu", "mug", "MUG", " mug ", "mug-"])
def test_the_last_word_may_be_unfinished(indexed_shop: Shop, text: str) -> None:
    assert set(titles(text)) == {"Red mug", "Blue mug", "Mug"}


def test_every_word_counts(indexed_shop: Shop) -> None:
    assert titles("red mu") == ["Red mug"]
    assert titles("mug re") == ["Red mug"]
    assert titles("blue cha") == []


@pytest.mark.parametrize("text", ["mgu", "bleu mug", "chiar", "sumer dre"])
def test_typos(indexed_shop: Shop, text: str) -> None:
    assert titles(text)


def test_a_stem_need_not_be_typed_to_its_end(make_product: Callable[..., Product], build_index: Any) -> None:
    make_product("Running shoes")
    build_index()

    for text in ("runn", "runni", "runnin", "running", "running sho"):
        assert titles(text) == ["Running shoes"], text


def test_identifiers(indexed_shop: Shop) -> None:
    assert titles("mug-1002") == ["Blue mug"]
    assert set(titles("mug-10")) >= {"Red mug", "Blue mug"}


def test_drafts_stay_hidden(indexed_shop: Shop) -> None:
    assert "Secret mug" not in titles("secret")
    Product.objects.filter(name="Blue mug").update(is_public=False)
    assert "Blue mug" not in titles("mug")


@pytest.mark.parametrize("text", ["", "m", "  ", "'", "!!", "\x00", "' | & :*", "\\", "ü" * 3000, "<script>", "%_"])
def test_odd_text_suggests_without_harm(indexed_shop: Shop, text: str) -> None:
    assert isinstance(asked(text), Suggestions)


def test_values_of_facets(indexed_shop: Shop) -> None:
    assert [(one.facet, one.value, one.label, one.count) for one in asked("kit").values] == [
        ("category", "Home > Kitchen", "Kitchen", 3)
    ]
    assert [one.label for one in asked("acm").values] == ["Acme"]


def test_queries_that_many_asked_and_that_found_something(indexed_shop: Shop) -> None:
    log("mug with dots", 7)
    log("mug for soup", 5)
    log("mug of my neighbour", 4)
    log("mug that nobody has", 9, total=0)
    log("mug for anna@example.com", 9)
    log("dress", 9)
    QueryLog.objects.filter(text__contains="anna").update(text="mug for …")

    assert popular.draw() == 3
    assert asked("mug").queries == ("mug with dots", "mug for soup")
    assert asked("mug wi").queries == ("mug with dots",)
    assert asked("dres").queries == ("dress",)
    QueryLog.objects.all().delete()
    assert popular.draw() == PopularQuery.objects.count() == 0


def test_the_statements_are_few(indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
    asked("red mug")
    with django_assert_max_num_queries(6):
        assert titles("red mug")


def test_without_an_index_there_are_values_at_least(make_product: Callable[..., Product]) -> None:
    make_product("Mug", brand="Acme")

    assert titles("mug") == []
    assert [one.label for one in asked("acm").values] == ["Acme"]


def test_the_storefronts_box_gets_addresses(client: Client, indexed_shop: Shop) -> None:
    log("red mugs", 5)
    popular.draw()
    answer = client.get("/search/suggest/", {"q": "red"}).json()

    assert answer["queries"] == [{"label": "red mugs", "url": "/search/?q=red+mugs"}]
    assert {one["label"] for one in answer["products"]} == {"Red mug", "Red chair"}
    assert answer["products"][0]["url"].startswith("/product/")
    assert answer["products"][0]["picture"].startswith("/media/")
    assert answer["values"] == [{"label": "red", "detail": "Colour", "url": "/search/?colour=red"}]
    assert (
        client.get("/search/product/suggest/", {"q": "red"}).json()["values"][0]["url"] == "/search/product/?colour=red"
    )
    assert client.get("/search/nothing/suggest/").status_code == 404


def test_the_api_suggests(client: Client, indexed_shop: Shop) -> None:
    answer = client.get("/api/search/suggest/product/", {"q": "red", "size": 1}).json()

    assert [one["title"] for one in answer["products"]] in (["Red mug"], ["Red chair"])
    assert answer["products"][0]["url"].startswith("http://testserver/product/")
    assert answer["values"] == [
        {"facet": "colour", "facet_label": "Colour", "value": "red", "label": "red", "count": 2}
    ]
    assert client.get("/api/search/suggest/product/", {"q": "red", "size": "0"}).status_code == 400
    assert client.get("/api/search/suggest/nothing/").status_code == 404
