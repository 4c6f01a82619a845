"""Fills the demo shop with products that are made up, and its index with vectors that are there already."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .vectors import Vectors

BATCH = 1000
CATEGORIES = (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
"""The share of each in the catalogue."""
NARROWING: dict[float, dict[str, Any]] = {
    1.0: {},
    0.1: {"category__path": "Category 0", "stock__gt": 0, "price__lt": 50},
    0.01: {"category__path": "Category 1", "stock__gt": 0, "price__lt": 20},
    0.001: {"category__path": "Category 1", "stock__gt": 0, "price__lt": 2},
}
"""Filters of a shop, by the share of the products that they keep."""


def make_products(rows: int) -> None:
    """Fill an empty shop: a title, forty words, a SKU; price and stock do not depend on each other or the category.

    The price of a product is its place in a random order, in percent. Half of all are in stock.
    """
    from django.core.management import call_command
    from django.utils import timezone

    from catalog_search.indexing import paused
    from project.shop.models import Category, Product

    call_command("migrate", verbosity=0)
    draw = random.Random(0)
    words = [f"word{number}" for number in range(3000)]
    categories = Category.objects.bulk_create(
        [Category(path=f"Category {number}") for number in range(len(CATEGORIES))]
    )
    now = timezone.now()
    places = draw.sample(range(rows), rows)
    with paused():
        for numbers in batches(range(rows), 5 * BATCH):
            Product.objects.bulk_create(
                Product(
                    reference=str(number),
                    sku=f"SKU{number}",
                    name=f"Product {number}",
                    description=" ".join(draw.choices(words, k=40)),
                    category=draw.choices(categories, CATEGORIES)[0],
                    stock=draw.choice([0, 5]),
                    price=100 * places[number] / rows,
                    created=now,
                )
                for number in numbers
            )


def batches(things: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Yield things so many at a time."""
    source = iter(things)
    while batch := list(islice(source, size)):
        yield batch


def drafts(products: Iterable[Any]) -> list[Any]:
    """Return what is written of products."""
    from catalog_search.content import Content
    from catalog_search.indexing.documents import Draft, Reading

    made = []
    for product in products:
        parts = (product.name, "", "", product.description)
        reading = Reading(str(product.pk), "en", parts, (), (product.sku.lower(),))
        made.append(Draft(reading, Content(reading.text)))
    return made


def write(generation: Any, made: Iterable[Any], vectors: Vectors) -> None:
    """Write drafts with their vectors by the app's own statement, a batch at a time."""
    from catalog_search.indexing import documents

    for number, batch in enumerate(batches(made)):
        own = vectors[number * BATCH : number * BATCH + len(batch)]
        digests = [one.content.digest for one in batch]
        documents.write(generation, batch, dict(zip(digests, own, strict=True)))


def load(vectors: Vectors) -> Any:
    """Give the first products these vectors; returns the generation, which still lacks its HNSW index."""
    from catalog_search.indexing import start_generation
    from catalog_search.indexing.preparing import prepare
    from catalog_search.registry import registry
    from project.shop.models import Product

    generation = start_generation(registry.for_model(Product), fresh=True)
    prepare(generation)
    first = Product.objects.order_by("pk")[: len(vectors)]
    for number, batch in enumerate(batches(first.iterator(BATCH))):
        write(generation, drafts(batch), vectors[number * BATCH : number * BATCH + len(batch)])
    return generation


def index(vectors: Vectors) -> Any:
    """Give the first products these vectors; returns the finished generation."""
    from django.db import connection

    from catalog_search.indexing.building import finish

    generation = load(vectors)
    finish(generation)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return generation
