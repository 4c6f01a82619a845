"""From how many documents on is an HNSW index faster than comparing with all of them? ANN_MIN_DOCUMENTS follows this.

For each size a generation is written and indexed, then the app's vector lane is asked the same queries in turns, with
the index and without. Products are filtered by their key, as every search joins them.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

import django
import numpy as np

from benchmarks.ingest import make_products
from benchmarks.vector_lane import BATCH, Ask, Vectors, clustered, interleaved, scratch_database

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


def build(products: list[Any], vectors: Vectors) -> Any:
    """Write and index a generation of these products."""
    from catalog_search.content import Content
    from catalog_search.indexes import registry
    from catalog_search.indexing import documents, generations

    generation = generations.start_generation(registry.get("product"), fresh=True)
    generations.prepare(generation)
    for first in range(0, len(products), BATCH):
        batch = [
            documents.Draft(str(one.pk), "en", (one.name,), (), "", Content(one.name))
            for one in products[first : first + BATCH]
        ]
        own = {one.content.digest: vectors[first + place] for place, one in enumerate(batch)}
        documents.write("default", generation, batch, own)
    generations.finish(generation)
    return generation


def lane(generation: Any, last: Any, limit: int) -> Ask:
    """Return the app's vector lane over the products of a generation."""
    from catalog_search.indexes import registry
    from catalog_search.searching import lanes
    from catalog_search.searching.scope import Scope
    from project.shop.models import Product

    def ask(vector: Vectors) -> list[str]:
        scope = Scope(registry.get("product"), generation, "en", Product.objects.filter(pk__lte=last.pk))
        return [key for key, _ in lanes.vectors(scope, vector, float("-inf"), limit)]

    return ask


def measure(sizes: list[int], dimensions: int, quantization: str, queries: Vectors, limit: int) -> list[dict[str, Any]]:
    """Return a row for each size."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": dimensions}}
    always = {"ANN_MIN_DOCUMENTS": 1, "ANN_EXACT_ROWS": 1}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy, "QUANTIZATION": quantization, **always}
    call_command("migrate", verbosity=0)
    products, vectors = make_products(max(sizes)), clustered(max(sizes), dimensions, seed=1)
    rows = []
    for size in sizes:
        generation = build(products[:size], vectors[:size])
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        exact = copy.copy(generation)
        exact.ann_index = ""
        order = np.argsort(-(queries @ vectors[:size].T), axis=1)[:, :10]
        truth = [{str(products[place].pk) for place in nearest} for nearest in order]
        ways = {"exact": lane(exact, products[size - 1], limit), "hnsw": lane(generation, products[size - 1], limit)}
        timings = interleaved(ways, queries, truth)
        rows.append({"rows": size, **{name: vars_of(one) for name, one in timings.items()}})
    connection.close()
    return rows


def vars_of(timing: Any) -> dict[str, float]:
    """Return a timing as JSON takes it."""
    return {"median": timing.median, "recall": timing.recall}


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--quantization", choices=["half", "binary"], default="half")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--limit", type=int, default=1000, help="how many nearest are asked for, as MAX_CANDIDATES")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    options = parser.parse_args()
    queries = clustered(options.queries, options.dimensions, seed=2)
    with scratch_database():
        django.setup()
        rows = measure(sorted(options.sizes), options.dimensions, options.quantization, queries, options.limit)
    print(f"{options.dimensions} dimensions, {options.quantization}, nearest {options.limit}; ms (median), recall@10")
    print(f"{'documents':>10}  {'exact':>16}  {'HNSW':>16}  faster")
    for row in rows:
        exact, hnsw = (f"{row[name]['median']:8.2f} ({row[name]['recall']:.3f})" for name in ("exact", "hnsw"))
        faster = "HNSW" if row["hnsw"]["median"] < row["exact"]["median"] else "exact"
        print(f"{row['rows']:>10,}  {exact:>16}  {hnsw:>16}  {faster}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
