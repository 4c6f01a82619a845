"""Suggestions while somebody types: products, queries of others, values of facets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import get_language

from catalog_search import Facet, suggesting
from catalog_search.models import PopularQuery, QueryLog, Synonym
from catalog_search.querylog import popular
from catalog_search.suggesting import Suggestions, suggest
from catalog_search.wording import vocabulary
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    suggesting.MEMORY.forget()
    vocabulary.MEMORY.forget()


def asked(text: str, **options: Any) -> Suggestions:
    return suggest(ProductIndex.registered(), text, **options)


def titles(text: str, **options: Any) -> list[str]:
    return [str(one.object) for one in asked(text, **options).products]


@pytest.mark.parametrize("text", ["mu", "mug", "MUG", " mug ", "mug-"])
def test_the_last_word_may_be_unfinished(indexed_shop: Shop, text: str) -> None:
    assert set(titles(text)) == {"Red mug", "Blue mug", "Mug"}


def test_every_word_counts(indexed_shop: Shop) -> None:
    assert titles("red mu") == ["Red mug"]
    assert titles("mug re") == ["Red mug"]
    assert titles("blue cha") == []
    assert set(titles("the mu")) == set(titles("the mug")) == set(titles("mug"))  # but stop words


@pytest.mark.parametrize("text", ["mgu", "bleu mug", "chiar", "sumer dre"])
def test_typos(indexed_shop: Shop, text: str) -> None:
    assert titles(text)


def test_a_stem_need_not_be_typed_to_its_end(make_product: Callable[..., Product], build_index: Any) -> None:
    make_product("Running shoes")
    build_index()

    for text in ("runn", "runni", "runnin", "running", "running sho"):
        assert titles(text) == ["Running shoes"], text


def test_signs_that_belong_to_letters_part_no_word(make_product: Callable[..., Product], build_index: Any) -> None:
    make_product("हिन्दी किताब", brand="किशोर")
    make_product("हाथी कातिब", brand="काशर")
    build_index()

    assert titles("किता") == ["हिन्दी किताब"]
    assert titles("हिन्दी कि") == ["हिन्दी किताब"]
    assert [one.value for one in asked("किशो").values] == ["किशोर"]


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


def test_values_of_a_hierarchy_count_what_lies_below(indexed_shop: Shop) -> None:
    (home,) = asked("hom").values
    assert (home.value, home.label, home.count) == ("Home", "Home", 4)
    assert ProductIndex.search("", facets={"category": ["Home"]}).total == home.count


def test_values_count_families(make_product: Callable[..., Product], build_index: Any) -> None:
    parent = make_product("Shirt", brand="Acme")
    make_product("Shirt", brand="Acme", parent=parent)
    build_index()

    assert [one.count for one in asked("acm").values] == [1]


def test_what_rules_hide_is_not_suggested(indexed_shop: Shop, make_rule: Any) -> None:
    make_rule("blue", searches="* mug", actions=[{"kind": "hide", "product": str(indexed_shop["blue mug"].pk)}])
    make_rule("always", when="always", actions=[{"kind": "hide", "having": "brand=Bolt"}])

    assert titles("mug") == ["Red mug"]
    assert titles("blue") == ["Blue mug"]  # which is hidden from another search alone
    assert asked("bolt").values == ()


def test_how_often_a_query_must_have_been_asked(indexed_shop: Shop, settings: Any, log_query: Any) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "SUGGEST_QUERIES_FROM": 2}
    log_query("mug with chair", 2)

    assert popular.draw() == 1


def test_queries_that_many_asked_and_that_found_something(indexed_shop: Shop, log_query: Any) -> None:
    log_query("mug with chair", 7)
    log_query("mug for summer", 5)
    log_query("mug of chair", 4)
    log_query("mug that red has", 9, total=0)
    log_query("mug for anna@example.com", 9)
    log_query("dress", 9)
    # A visitor's filters left nothing; that says nothing of the words.
    QueryLog.objects.filter(pk=QueryLog.objects.filter(text="dress")[0].pk).update(total=0, filters={"price": ["9.."]})
    QueryLog.objects.filter(text__contains="anna").update(text="mug for …")

    assert popular.draw() == 3
    assert asked("mug").queries == ("mug with chair", "mug for summer")
    assert asked("mug wi").queries == ("mug with chair",)
    assert asked("dres").queries == ("dress",)
    QueryLog.objects.all().delete()
    assert popular.draw() == PopularQuery.objects.count() == 0


def test_others_put_no_words_into_the_shops_mouth(
    indexed_shop: Shop, log_query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Synonym.objects.create(words="mug, beaker")
    for text in ("mug is rubbish", "secret mug", "mug-9999", "mug-1001", "red beaker", "the mug"):
        log_query(text, 9)
    popular.draw()

    assert set(PopularQuery.objects.values_list("text", flat=True)) == {"mug-1001", "red beaker", "the mug"}
    monkeypatch.setattr(ProductIndex, "queryset", lambda self, request=None: Product.objects.none())
    popular.draw()
    assert not PopularQuery.objects.filter(text__contains="red").exists()  # where everybody has to log in


def test_the_statements_are_few(indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
    asked("red mug")
    with django_assert_max_num_queries(6):
        assert titles("red mug")


def test_without_an_index_there_are_values_at_least(make_product: Callable[..., Product]) -> None:
    make_product("Mug", brand="Acme")

    assert titles("mug") == []
    assert [one.label for one in asked("acm").values] == ["Acme"]


def test_the_storefronts_box_gets_addresses(client: Client, indexed_shop: Shop, log_query: Any) -> None:
    log_query("red mugs", 5)
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


def test_values_are_told_in_the_language_of_who_reads(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "facets", [Facet("brand")])
    monkeypatch.setattr(Brand, "__str__", lambda brand: f"{get_language()} {brand.name}")

    for language in ("en", "de", "en"):
        with translation.override(language):
            assert [one.label for one in asked("acm").values] == [f"{language} Acme"]


def test_values_whose_words_no_product_says(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "facets", [Facet("brand")])
    monkeypatch.setattr(Brand, "__str__", lambda brand: f"Chia & {brand.name}")

    for text in ("chia ac", "acm chia", "chia", "chia &"):  # next to "chair"
        assert "Chia & Acme" in [one.label for one in asked(text).values]
