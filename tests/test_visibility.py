"""Visitors of whom each may see a queryset of another kind: a slice, a union, the first of each brand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.test import Client, RequestFactory

from catalog_search import Facet, SearchIndex
from catalog_search.exceptions import ConfigurationError
from catalog_search.registry import registry
from catalog_search.searching import search, similar
from catalog_search.searching.visibility import visible
from catalog_search.suggesting import suggest
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

Shop = dict[str, Product]
Narrow = Callable[[QuerySet[Product]], Any]

RED_MUG, BLUE_MUG, CHAIR = "Red mug", "Blue mug", "Red chair"
KINDS: dict[str, tuple[Narrow, set[str]]] = {
    "a slice": (lambda public: public.order_by("price")[:2], {RED_MUG, BLUE_MUG}),
    "a union": (lambda public: public.filter(price=9).union(public.filter(price=80)), {RED_MUG, CHAIR}),
    "without": (lambda public: public.filter(price__lt=12).difference(public.filter(price=9)), {BLUE_MUG}),
    "the dearest of each brand": (
        lambda public: (
            public.filter(brand__name__in=["Acme", "Bolt"]).order_by("brand_id", "-price").distinct("brand_id")
        ),
        {BLUE_MUG, CHAIR},
    ),
    "once each": (lambda public: public.filter(images__isnull=False, price=9).order_by("pk").distinct("pk"), {RED_MUG}),
}
KINDS_BUT_UNIONS = [name for name in KINDS if name not in ("a union", "without")]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Narrow], None]:
    """Let visitors see a part of the public products; checks, which have no request, see all of them."""

    def narrow(part: Narrow) -> None:
        public = Product.objects.public()

        def queryset(index: ProductIndex, request: Any = None) -> Any:
            return public if request is None else part(public)

        monkeypatch.setattr(ProductIndex, "facets", [one for one in ProductIndex.facets if one.name != "in_stock"])
        monkeypatch.setattr(ProductIndex, "queryset", queryset)

    return narrow


def found(**options: Any) -> set[str]:
    """Return the names of what a visitor finds."""
    results = ProductIndex.search(**options, request=RequestFactory().get("/"), cutoff=None, group_by=False)
    assert results.degraded == ()
    assert results.total == len(results.hits)
    return {hit.object.name for hit in results}


@pytest.mark.parametrize("kind", KINDS)
def test_every_surface_shows_what_this_visitor_may_see(
    kind: str, indexed_shop: Shop, narrow: Any, client: Client
) -> None:
    part, seen = KINDS[kind]
    narrow(part)
    request = RequestFactory().get("/")
    dress = indexed_shop["dress"]

    assert found(text="red blue mug chair") == found() == found(sort="price") == seen
    assert found(text="mug", facets={"price": [0, 20]}) == found(facets={"price": [0, 20]}) == seen - {CHAIR}
    assert found(like=[dress]) == {hit.object.name for hit in ProductIndex.similar(dress, request=request)} == seen
    brands = ProductIndex.search("", request=request).facets["brand"].values
    assert sum(value.count for value in brands or ()) == len(seen)
    offered = suggest(registry.of(ProductIndex), "mu", request=request).products
    assert {one.object.name for one in offered} == seen - {CHAIR}
    for name, product in indexed_shop.items():
        there = product.name in seen
        assert client.get(f"/api/search/similar/product/{product.pk}/").status_code == (200 if there else 404), name
        chips = client.get("/search/", {"like": str(product.pk)}).context["chips"]
        assert (product.name in [str(chip.value) for chip in chips]) is there, name
    for address in ("/search/?q=mug", "/search/", "/search/?sort=price", "/api/search/product/?q=mug"):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("kind", KINDS_BUT_UNIONS)
def test_what_is_annotated_stays(kind: str, indexed_shop: Shop, narrow: Any, dummy_models: Any) -> None:
    part, seen = KINDS[kind]
    index = registry.of(ProductIndex)

    class Twice(SearchIndex):
        facets = [Facet("tint")]
        sorts = {"twice": "-twice"}

        def queryset(self, request: Any = None) -> Any:
            return part(index.queryset(request).annotate(twice=F("price") * 2, tint=Lower("colour")))

    annotated = Twice(Product)
    results = search(annotated, "", sort="twice")

    assert [hit.object.twice for hit in results] == sorted((hit.object.price * 2 for hit in results), reverse=True)
    assert {hit.object.name for hit in results} == seen
    assert sum(value.count for value in results.facets["tint"].values or ()) == len(seen)


@pytest.mark.parametrize("kind", KINDS)
def test_callers_may_say_so_too(kind: str, indexed_shop: Shop, narrow: Any) -> None:
    part, seen = KINDS[kind]
    narrow(lambda public: public)
    public = Product.objects.public()

    for name in ("visible", "queryset"):
        assert found(text="red blue mug chair", **{name: part(public)}) == seen
        assert found(**{name: part(public)}) == seen
    index = registry.of(ProductIndex)
    assert {hit.object.name for hit in similar(index, indexed_shop["dress"], queryset=part(public))} == seen


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (list, "a list, not a QuerySet"),
        (lambda public: public.values("pk"), "values, not products"),
        (lambda public: public.union(public)[:2], "a slice of a union"),
        (lambda public: public.with_stock().union(public), r"a union of what is annotated \(in_stock\)"),
    ],
)
def test_what_is_no_queryset_of_products_is_named(part: Narrow, told: str, narrow: Any) -> None:
    narrow(part)

    with pytest.raises(ConfigurationError, match=told):
        visible(registry.of(ProductIndex), RequestFactory().get("/"))
