"""Declarations: paths resolve on real products, and the registry says what it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from catalog_search import SearchIndex
from catalog_search.exceptions import ConfigurationError, IndexNotFound
from catalog_search.languages import fold, normalise_identifier, text_config
from catalog_search.paths import plain_text, resolve
from catalog_search.registry import Registry, registry
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex


@pytest.mark.django_db
def test_paths(make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product("Mug", "Acme", picture="red", attributes={"size": {"height": 9}, "tags": ["a", "b"]})
    bare = make_product("Cup")

    assert resolve(product, "brand.name") == "Acme"
    assert resolve(bare, "brand.name") is None
    assert resolve(product, "attributes.size.height") == 9
    assert resolve(product, "attributes.weight.unit") is None
    assert resolve(product, "get_absolute_url") == product.get_absolute_url()
    assert [file.name for file in resolve(product, "images.file")] == [product.images.get().file.name]
    # A method or a property may give a queryset, as those of shops' own models do.
    monkeypatch.setattr(Product, "shown_images", lambda one: one.images.order_by("pk"), raising=False)
    assert resolve(product, "shown_images.file") == resolve(product, "images.file")
    assert resolve(bare, "shown_images.file") == resolve(bare, "shown_images") == []
    assert resolve(product, lambda one: one.name.upper()) == "MUG"
    with pytest.raises(AttributeError):
        resolve(product, "nothing")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("<p>Soft &amp; warm</p><p>Red</p>", "Soft & warm Red"),
        ("5 < 6", "5 < 6"),
        ("t<b and " * 300, " ".join(["t<b and"] * 300)),
        (["a", None, "b"], "a, b"),
        ({"shoe_size": 42, "note": ""}, "shoe size: 42"),
        ("a\x00b\n\n c", "ab c"),
        ("half a teapot \ud83e", "half a teapot ?"),
        (9.5, "9.5"),
    ],
)
def test_plain_text(value: Any, text: str) -> None:
    assert plain_text(value) == text


def test_the_registry() -> None:
    own = Registry()
    index = ProductIndex(Product)
    own.add(index, "things")

    assert own.get("things") is own.get("shop.product") is own.of(ProductIndex) is index
    assert own.for_model(Brand) is None
    with pytest.raises(IndexNotFound, match=r'no search index "other".*things'):
        own.get("other")
    with pytest.raises(ConfigurationError, match="share the name"):
        own.add(type("BrandIndex", (SearchIndex,), {})(Brand), "things")
    with pytest.raises(ConfigurationError, match="same model"):
        own.add(type("SecondIndex", (SearchIndex,), {})(Product), "more")
    with pytest.raises(IndexNotFound, match="decorate it"):
        own.of(type("Unregistered", (SearchIndex,), {}))


def test_rows_that_an_index_has_under_other_names() -> None:
    models_of_this_test = Apps()

    def made(name: str, *bases: type[models.Model], proxy: bool = False, **fields: Any) -> type[models.Model]:
        meta = type("Meta", (), {"app_label": "shop", "apps": models_of_this_test, "proxy": proxy})
        return type(name, bases, {"Meta": meta, "__module__": __name__, **fields})

    place = made("Place", models.Model)
    shop = made("Shop", place, proxy=True)
    brewery = made("Brewery", place)
    pub = made("Pub", shop)
    beer = made("Beer", models.Model, number=models.AutoField(primary_key=True))
    beer_pub = made("BeerPub", pub, beer)

    own = Registry()
    places, breweries, beers = (type("Index", (SearchIndex,), {})(model) for model in (place, brewery, beer))
    own.add(places, "places")
    own.add(breweries, "breweries")
    assert [own.for_model(one) for one in (place, shop, pub, beer_pub)] == [places] * 4
    assert own.for_model(brewery) is breweries

    own = Registry()
    own.add(beers, "beers")
    assert own.for_model(beer) is beers
    # Its key is that of its other parent.
    assert own.for_model(beer_pub) is None


def test_the_demo_declares_one_index() -> None:
    assert registry.get("product").label == "shop.product"
    assert registry.get("product").language_codes == ("en",)


@pytest.mark.parametrize(
    ("language", "config"), [("en", "english"), ("sv-se", "swedish"), ("pt_BR", "portuguese"), ("xx", "simple")]
)
def test_text_configs(language: str, config: str) -> None:
    assert text_config(language) == config


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Crème brûlée", "Creme brulee"), ("Ångström", "Angstrom"), ("हिन्दी", "हिन्दी"), ("Straße", "Strasse"), ("ё", "е")],
)
def test_accents_fold_and_vowel_signs_stay(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_identifiers_are_letters_and_digits(text: str) -> None:
    normal = normalise_identifier(text)

    assert normal == "" or normal.isalnum()
    assert normalise_identifier(normal) == normal
