"""What does the app's vector lane cost beside the best statement that one would write by hand?

Documents are written through the app's own write path into a database that is dropped afterwards. The reference runs on
a psycopg connection of its own: prepared, parameters and results in binary, keys only. With filters (category, stock
and price together) it is written in two ways, the HNSW index first and the products first; the faster of those that
find enough counts. All are asked the same queries in turns, and for as many products as a search asks the lane for.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import django
import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from .filling import NARROWING, index, make_products
from .report import Report, parser, quartiles, ratio
from .vectors import Ask, Timing, Vectors, interleaved, nearest, similarities, worlds
from .world import scratch_database

PLAIN, FILTERED, RECALL = 1.2, 1.3, 0.98
"""The most that the lane may take without and with filters, as a multiple of SQL by hand; the least recall."""


def by_app(generation: Any, narrowing: Mapping[str, Any], limit: int) -> Ask:
    """Return the app's vector lane over the products that pass a filter."""
    from catalog_search.registry import registry
    from catalog_search.searching import lanes
    from catalog_search.searching.scope import Scope
    from project.shop.models import Product

    def ask(vector: Vectors) -> list[str]:
        scope = Scope(registry.for_model(Product), generation, "en", Product.objects.filter(**narrowing))
        return [key for key, _ in lanes.vectors(scope, vector, float("-inf"), limit)]

    return ask


def by_hand(connection: psycopg.Connection[Any], generation: Any, narrowing: Mapping[str, Any]) -> dict[str, str]:
    """Return the statements that one would write, by name, each with the vector as its only parameter."""
    of = f"generation_id = {generation.pk} AND language = 'en'"
    near = f"embedding::halfvec({generation.dimensions})" if generation.ann_index else "embedding"
    documents = "catalog_search_document"
    if not narrowing:
        return {"by hand": f"SELECT object_key FROM {documents} WHERE {of} ORDER BY {near} <=> %b"}
    path, price = narrowing["category__path"], narrowing["price__lt"]
    ((category,),) = connection.execute("SELECT id FROM shop_category WHERE path = %s", (path,))
    kept = f"category_id = {category} AND stock > 0 AND price < {price}"
    return {
        "index first": f"SELECT object_key FROM {documents} JOIN shop_product product ON product.id = object_id "
        f"WHERE {of} AND {kept} ORDER BY {near} <=> %b",
        "products first": f"WITH kept AS MATERIALIZED (SELECT id FROM shop_product WHERE {kept}) "
        f"SELECT object_key FROM kept JOIN {documents} ON object_id = kept.id WHERE {of} ORDER BY embedding <=> %b",
    }


def asking(connection: psycopg.Connection[Any], statement: str, limit: int) -> Ask:
    """Return a way to ask a statement as barely as psycopg can."""

    def ask(vector: Vectors) -> list[str]:
        cursor = connection.cursor(binary=True)
        cursor.execute(f"{statement} LIMIT {limit}", (HalfVector(vector),), prepare=True)
        return [key for (key,) in cursor]

    return ask


def best(timings: Mapping[str, Timing]) -> str:
    """Return the fastest way by hand that finds enough, or the one that finds most."""
    hands = {name: one for name, one in timings.items() if name != "app"}
    enough = [name for name, one in hands.items() if one.recall >= RECALL]
    return (
        min(enough, key=lambda name: hands[name].median) if enough else max(hands, key=lambda name: hands[name].recall)
    )


def measure(told: Report, url: str, world: str, vectors: Vectors, queries: Vectors, limit: int) -> None:
    """Load, ask and tell about one set of vectors."""
    from django.conf import settings
    from django.db import connection as app

    from project.shop.models import Product

    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": vectors.shape[1]}}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy}
    make_products(len(vectors))
    generation = index(vectors)
    keys = np.fromiter(Product.objects.order_by("pk").values_list("pk", flat=True), dtype=np.int64)
    similar = similarities(queries, vectors)
    rows = []
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        connection.execute("SET hnsw.iterative_scan = relaxed_order")
        connection.execute("SET hnsw.ef_search = 200")
        for share, narrowing in NARROWING.items():
            passing = Product.objects.filter(**narrowing).values_list("pk", flat=True)
            truth = nearest(similar, keys, np.isin(keys, list(passing)))
            hands = by_hand(connection, generation, narrowing)
            ways = {name: asking(connection, statement, limit) for name, statement in hands.items()}
            timings = interleaved({"app": by_app(generation, narrowing, limit), **ways}, queries, truth)
            chosen = best(timings)
            app_one, hand = timings["app"], timings[chosen]
            compared = ratio(app_one.milliseconds, hand.milliseconds)
            told.goal(f"{world}: lane / {chosen}, {share:.1%}", compared, most=PLAIN if share == 1.0 else FILTERED)
            told.goal(f"{world}: recall@10, {share:.1%}", app_one.recall, least=RECALL)
            for name, one in timings.items():
                against = "" if name == "app" else f"{ratio(app_one.milliseconds, one.milliseconds):.2f}"
                rows.append([f"{share:.1%}", name, quartiles(one.milliseconds, ".2f"), f"{one.recall:.3f}", against])
    app.close()
    way = "HNSW" if generation.ann_index else "exact"
    title = f"Vector lane, {len(vectors):,} x {world}, {way}, nearest {limit}, ms (quartiles)"
    told.table(title, ["kept", "way", "ms", "recall@10", "app / way"], rows)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--dimensions", type=int, default=512)
    options.add_argument("--queries", type=int, default=100)
    options.add_argument(
        "--limit", type=int, default=1000, help="how many nearest: MAX_CANDIDATES, as searches ask for"
    )
    told = Report("vector_lane", options.parse_args())
    rows, limit = told.options.rows, told.options.limit
    for name, (vectors, queries) in worlds(rows, told.options.queries, told.options.dimensions).items():
        with scratch_database() as url:
            django.setup()
            measure(told, url, name, vectors, queries, limit)
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
