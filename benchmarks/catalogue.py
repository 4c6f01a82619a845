"""A large catalogue that benchmarks ask: 100,000 products with real texts and vectors, built once and kept.

The texts are those of the judged catalogue where it is at hand, each product several times with another price, stock
and popularity, its MiniLM vector a little moved; without it they are made up. The database stays beside the demo's.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import numpy as np
from tqdm import tqdm

from .relevance import CATALOGUE
from .report import KEPT
from .world import kept_database

ROWS = 100_000
BATCH = 1000
MOVED = 0.01
"""How far a copy's vector is moved, in each of the dimensions."""


@contextmanager
def large_shop(rows: int = ROWS) -> Iterator[str]:
    """Make a database with so many indexed products the project's; yields its URL. It is kept for the next time."""
    with kept_database(f"bench_catalogue_{rows}") as url:
        django.setup()
        _configure()
        _build(rows)
        yield url


def queries(count: int = 68) -> list[str]:
    """Return what people ask: the judged catalogue's queries, or two words of a product's name."""
    from project.shop.models import Product

    path = CATALOGUE / "queries.jsonl"
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["query"] for line in lines][:count]
    names = Product.objects.order_by("reference").values_list("name", flat=True)[: 50 * count : 50]
    return [" ".join(name.split()[:2]) for name in names]


def _configure() -> None:
    from django.conf import settings

    settings.MEDIA_ROOT = tempfile.mkdtemp()
    settings.CATALOG_SEARCH = {
        "EMBEDDER": {"BACKEND": "benchmarks.kept.KeptMiniLM", "OPTIONS": {"folder": str(KEPT)}},
        "QUERY_LOG": False,
    }
    # Who is throttled measures the throttle.
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": None}}


def _build(rows: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from catalog_search.conf import settings
    from catalog_search.indexing import activate, is_outdated, start_generation
    from catalog_search.indexing.finishing import finish
    from catalog_search.indexing.preparing import prepare
    from catalog_search.models import Generation
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    call_command("migrate", verbosity=0)
    index = ProductIndex.registered()
    active = Generation.objects.active(index.label)
    is_indexed_so = active and bool(active.ann_index) == (rows >= settings.ANN_MIN_DOCUMENTS)
    if Product.objects.count() == rows and is_indexed_so and not is_outdated(index):
        return
    if Product.objects.count() != rows:
        Product.objects.all().delete()
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), rows)
            call_command("load_catalogue", folder, verbosity=0)
    Generation.objects.all().delete()
    generation = start_generation(index)
    prepare(generation)
    _write_documents(generation)
    finish(generation)
    activate(generation)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE catalog_search_change")
        cursor.execute("VACUUM ANALYZE")


def _write(folder: Path, rows: int) -> None:
    """Write the products as the demo shop loads them."""
    draw = random.Random(0)
    originals = list(_originals())
    with (folder / "catalog.jsonl").open("w", encoding="utf-8") as out:
        for number in range(rows):
            copy, place = divmod(number, len(originals))
            one = originals[place] | {
                "id": f"{number:06}",
                "sku": f"BN-{number:06}",
                "price": round(draw.lognormvariate(4, 1), 2),
                "stock": draw.choice([0, 0, 1, 5, 20]),
                "popularity": draw.random(),
                "created": f"20{20 + number % 6}-{1 + number % 12:02}-01",
            }
            if copy:
                one["name"] += f" edition {copy + 1}"
            out.write(json.dumps(one, ensure_ascii=False) + "\n")


def _originals() -> Iterator[dict[str, Any]]:
    path = CATALOGUE / "products.jsonl.gz"
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                one = json.loads(line)
                row = {key: one.get(key) for key in ("description", "brand", "category", "attributes")}
                yield row | {"name": str(one["title"])[:280]}
        return
    draw = random.Random(0)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("a", "e", "i", "o") for c in ("lon", "mer", "rik", "tal")]
    for _ in range(20_000):
        yield {
            "name": " ".join(draw.choices(words, k=5)),
            "brand": draw.choice(words).capitalize(),
            "category": f"{draw.choice(words[:12])} > {draw.choice(words[:60])}",
            "description": " ".join(draw.choices(words, k=40)),
            "attributes": {"colour": draw.choice(["red", "blue", "green", "black"])},
        }


def _write_documents(generation: Any) -> None:
    """Embed each text once, its copies by a vector beside it, and write all through the app's own statement."""
    from catalog_search.backends import embedder_of
    from catalog_search.content import Content
    from catalog_search.indexing import documents
    from project.shop.search import ProductIndex

    index, embedder = ProductIndex.registered(), embedder_of(generation.definition["embedder"])
    draw = np.random.default_rng(0)
    known: dict[str, Any] = {}
    products = index.index_queryset().order_by("pk").iterator(BATCH)
    total = index.index_queryset().count()
    with tqdm(total=total, desc="catalogue", unit=" products") as bar:
        while batch := [product for _, product in zip(range(BATCH), products, strict=False)]:
            drafts, vectors = [], {}
            originals = {product.pk: product.name.partition(" edition ")[0] for product in batch}
            new = {name: pk for pk, name in originals.items() if name not in known}
            texts = {
                product.pk: Content("\n".join(filter(None, index.text_parts(product))))
                for product in batch
                if product.pk in new.values()
            }
            if new:
                known |= dict(zip(new, embedder.encode([texts[pk] for pk in new.values()], "document"), strict=True))
            for product in batch:
                said = index.text_parts(product), index.keyword_parts(product)
                identifiers = tuple(documents_identifiers(index, product))
                reading = documents.Reading(str(product.pk), "en", *said, identifiers)
                content = Content(reading.text)
                drafts.append(documents.Draft(reading, content))
                moved = known[originals[product.pk]] + draw.normal(0, MOVED, embedder.dimensions)
                vectors[content.digest] = (moved / np.linalg.norm(moved)).astype(np.float32)
            documents.write(generation, drafts, vectors)
            bar.update(len(batch))


def documents_identifiers(index: Any, product: Any) -> Iterator[str]:
    """Yield the identifiers of a product as they are compared."""
    from catalog_search.languages import normalise_identifier

    return (normalise_identifier(value) for value in index.identifier_values(product))
