"""Facets: what is counted is exactly what choosing finds, whatever the catalogue, the query and the other filters."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db import connection, models
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from catalog_search import Facet, HierarchyFacet, RangeFacet, SearchIndex
from catalog_search.facets import FacetRange, FacetValue, bounds
from catalog_search.searching import Results, lanes, search
from catalog_search.searching.search import _keys
from project.shop.models import Brand, Category, Product, ProductImage
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

MakeProduct = Callable[..., Product]

NOUNS = ["mug", "chair", "dress", "lamp"]
COLOURS = ["red", "blue", "green", ""]
SIZES = ["S", "M", "L", ""]
PATHS = ["Home", "Home > Kitchen", "Home > Kitchen > Mugs", "Home > Kitchen > Pots", "Clothes > Summer", "Clothes"]
STEPS = [10, 25, 50]


class Catalogue(SearchIndex):
    """Every kind of facet that the shop's rows can show."""

    text = ["name"]
    identifiers = ["sku"]
    variants = "parent"
    facets = [
        Facet("brand.name"),
        Facet("brand", name="maker"),
        Facet("colour"),
        Facet("size"),
        Facet("in_stock"),
        Facet("attributes.material", name="material"),
        Facet("images.position", name="photo"),
        HierarchyFacet("category.path"),
        HierarchyFacet("parent", name="line", parent="parent"),
        RangeFacet("price", steps=STEPS),
    ]
    sorts = {"price": "price", "popular": "-popularity", "dear": "-price"}

    def queryset(self, request: Any = None) -> QuerySet[Product]:
        """Show what is public."""
        return Product.objects.public().with_stock()


INDEX = Catalogue(Product)


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()
    lanes._sample.cache_clear()


@pytest.fixture
def products(make_product: MakeProduct, build_index: Any) -> list[Product]:
    """Forty products whose names stay; all that facets read is dealt anew for each example."""
    draw = random.Random(7)
    made = [make_product(f"{draw.choice(COLOURS[:3])} {draw.choice(NOUNS)}", price=1) for _ in range(40)]
    for path in PATHS:
        Category.objects.create(path=path)
    for name in ("Acme", "Bolt", "Coco"):
        Brand.objects.create(name=name)
    build_index()
    return made


def deal(products: Sequence[Product], seed: int) -> None:
    """Give every product another look, price, place and family."""
    draw = random.Random(seed)
    brands, categories = [*Brand.objects.all(), None], [*Category.objects.all(), None]
    for number, product in enumerate(products):
        product.brand, product.category = draw.choice(brands), draw.choice(categories)
        product.colour, product.size = draw.choice(COLOURS), draw.choice(SIZES)
        product.price = draw.choice([None, Decimal("10"), Decimal("24.99"), Decimal("25"), Decimal("50"), Decimal(80)])
        product.stock, product.popularity = draw.choice([0, 5]), draw.random()
        product.attributes = draw.choice([{}, {"material": "wood"}, {"material": "tin", "note": ""}])
        product.is_public = draw.random() > 0.1
        product.parent = products[draw.randrange(number)] if number and draw.random() < 0.5 else None
    # One level of families, as shops have them.
    for product in products:
        if product.parent and product.parent.parent:
            product.parent = None
    fields = ["brand", "category", "colour", "size", "price", "stock", "popularity", "attributes", "is_public"]
    Product.objects.bulk_update(products, [*fields, "parent"])
    ProductImage.objects.all().delete()
    images = [ProductImage(product=one, position=place) for one in products for place in draw.choices([1, 2, 3], k=2)]
    ProductImage.objects.bulk_create(images)


def held(product: Product, name: str) -> set[str]:
    """Return the values that a product has of a facet, in plain Python."""
    if name == "category":
        parts = product.category.path.split(" > ") if product.category else []
        return {" > ".join(parts[: depth + 1]) for depth in range(len(parts))}
    if name == "line":
        return {str(product.parent.pk)} if product.parent else set()
    if name == "price":
        return set() if product.price is None else {step_of(product.price)}
    if name == "photo":
        return {str(image.position) for image in product.images.all()}
    value = {
        "brand": product.brand and product.brand.name,
        "maker": product.brand_id,
        "colour": product.colour,
        "size": product.size,
        "in_stock": "true" if product.stock else "false",
        "material": product.attributes.get("material"),
    }[name]
    return {str(value)} if value else set()


def step_of(price: Decimal) -> str:
    ends = ["", *map(str, STEPS), ""]
    place = sum(price >= step for step in STEPS)
    return f"{ends[place]}..{ends[place + 1]}"


def kept(product: Product, chosen: Mapping[str, Sequence[str]], without: str = "") -> bool:
    return all(held(product, name) & set(values) for name, values in chosen.items() if name != without)


def options(chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {name: (None, None, *values) if name == "price" else values for name, values in chosen.items()}


def counted(results: Results) -> dict[str, dict[str, int]]:
    """Return every count that is shown, by facet and value."""

    def flat(values: Sequence[FacetValue]) -> Iterator[FacetValue]:
        for value in values:
            yield value
            yield from flat(value.children)

    return {
        name: {one.value: one.count for one in flat(facet.found.steps if facet.is_range else facet.found) if one.count}
        for name, facet in results.facets.items()
    }


def family(product: Product, grouped: bool) -> int:
    return (product.parent_id or product.pk) if grouped else product.pk


VALUES: dict[str, list[str]] = {
    "brand": ["Acme", "Bolt", "None such"],
    "colour": COLOURS[:3],
    "size": SIZES[:3],
    "in_stock": ["true", "false"],
    "material": ["wood", "tin"],
    "photo": ["1", "2"],
    "category": ["Home", "Home > Kitchen", "Clothes > Summer"],
    "price": ["..10", "10..25", "25..50", "50.."],
}


@given(
    seed=st.integers(0, 10_000),
    text=st.sampled_from(["", "mug", "red", "blue chair", "SKU-0003", "green lamp", "zzz", "dress -red"]),
    chosen=st.fixed_dictionaries(
        {}, optional={name: st.lists(st.sampled_from(known), min_size=1, max_size=2) for name, known in VALUES.items()}
    ),
    grouped=st.booleans(),
)
# Without shrinking, which takes minutes where each try asks a database.
@hypothesis(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_count_is_brute_force_and_what_choosing_finds(
    products: list[Product], seed: int, text: str, chosen: dict[str, list[str]], grouped: bool
) -> None:
    deal(products, seed)
    asked = {"page_size": 1000, "rerank": False, "group_by": grouped}
    everything = search(INDEX, text, **asked | {"group_by": False})
    fresh = Product.objects.select_related("brand", "category", "parent").prefetch_related("images")
    whole = list(fresh.filter(pk__in=[hit.object.pk for hit in everything]))
    results = search(INDEX, text, facets=options(chosen), **asked)
    found = counted(results)

    shown = {family(one, grouped) for one in whole if kept(one, chosen)}
    assert len(whole) == everything.total
    assert {family(hit.object, grouped) for hit in results} == shown
    assert results.total == len(results.hits) == len(shown)
    if grouped:
        sizes = Counter(family(one, True) for one in whole if kept(one, chosen))
        assert {family(hit.object, True): hit.variants for hit in results} == sizes
    for name, counts in found.items():
        brute: dict[str, set[int]] = {}
        for one in whole:
            if kept(one, chosen, without=name):
                for value in held(one, name):
                    brute.setdefault(value, set()).add(family(one, grouped))
        expected = {value: len(units) for value, units in brute.items()}
        if name in ("category", "line"):  # only the levels that are open
            expected = {value: number for value, number in expected.items() if value in counts}
            roots = {value for value in brute if name == "line" or " > " not in value}
            assert roots <= counts.keys() or name == "line"
        assert counts == expected, name
        for value in random.Random(seed).sample(sorted(counts), min(2, len(counts))):
            choice = {**chosen, name: [value]}
            assert search(INDEX, text, facets=options(choice), **asked).total == counts[value], (name, value)
