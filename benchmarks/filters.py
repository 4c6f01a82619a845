"""Do filters cost results or time? The app's vector lane beside stock pgvector, over filters that pass ever fewer.

100,000 products, synthetic vectors in clusters and, where the judged catalogue is at hand, its MiniLM vectors (each
product five times, a little moved: there are only 19,000). Filters keep a random share, the neighbourhood of the query
("agree"), or what is farthest from it ("conflict"). The reference is what most people write: the filter beside
ORDER BY, ``hnsw.iterative_scan = relaxed_order``, prepared, binary. Both are asked in turns; recall is of the ten truly
nearest.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import django
import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from .filling import index, make_products
from .report import Report, parser
from .vector_lane import asking
from .vectors import Ask, Vectors, interleaved, nearest, similarities, worlds
from .world import scratch_database

SHARES = (1.0, 0.1, 0.01, 0.001)
KINDS = ("random", "agree", "conflict")
RECALL, SPEED = 0.98, 5.0


def filters(kind: str, share: float, similar: Vectors) -> Any:
    """Return which rows pass, one mask for each query: shape (queries, rows)."""
    queries, rows = similar.shape
    count = max(10, int(rows * share))
    if kind == "random" or share == 1.0:
        mask = np.zeros(rows, dtype=bool)
        mask[np.random.default_rng(1).permutation(rows)[:count]] = True
        return np.broadcast_to(mask, (queries, rows))
    order = np.argsort(-similar if kind == "agree" else similar, axis=1)[:, :count]
    masks = np.zeros((queries, rows), dtype=bool)
    np.put_along_axis(masks, order, True, axis=1)
    return masks


def measure(url: str, vectors: Vectors, queries: Vectors) -> list[dict[str, Any]]:
    """Load, ask and return a row for each kind of filter and share."""
    from django.conf import settings
    from django.db import connection as app

    from catalog_search.conf import settings as own
    from catalog_search.registry import registry
    from catalog_search.searching import extent, lanes
    from catalog_search.searching.scope import Scope
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
        connection.execute("CREATE INDEX ON shop_product (stock)")  # as anyone has who filters by it
        connection.execute("VACUUM ANALYZE")
        for kind in KINDS:
            for share in SHARES if kind == "random" else SHARES[1:]:
                masks = filters(kind, share, similar)
                truth = nearest(similar, keys, masks)
                # The filter is the product's stock, which each query sets beforehand: one mask at a time.
                place_of = {vector.tobytes(): place for place, vector in enumerate(queries)}
                current = {"mask": b""}

                def narrow(
                    vector: Vectors, masks: Any = masks, place_of: Any = place_of, current: Any = current
                ) -> None:
                    mask = masks[place_of[vector.tobytes()]]
                    if current["mask"] != (digest := mask.tobytes()):
                        current["mask"] = digest
                        extent._sizes.clear()  # as a minute later: this filter keeps another share now
                        Product.objects.exclude(stock=0).update(stock=0)
                        chosen = keys[mask].tolist()
                        Product.objects.filter(pk__in=chosen).update(stock=1)
                        connection.execute("ANALYZE shop_product")

                def by_app(
                    vector: Vectors, share: float = share, limit: int = 10, cutoff: float | None = None
                ) -> list[str]:
                    products = Product.objects.all() if share == 1.0 else Product.objects.filter(stock=1)
                    scope = Scope(registry.for_model(Product), generation, "en", products)
                    near = float("-inf") if cutoff is None else lanes.background(scope, vector).at(cutoff)
                    return [key for key, _ in lanes.vectors(scope, vector, near, limit)]

                near = f"document.embedding::halfvec({generation.dimensions})"
                condition = "" if share == 1.0 else "AND product.stock = 1"
                statement = (
                    "SELECT object_key FROM catalog_search_document document "
                    "JOIN shop_product product ON product.id = document.object_id "
                    f"WHERE generation_id = {generation.pk} AND language = 'en' {condition} "
                    f"ORDER BY {near} <=> %b"
                )
                whole = partial(by_app, limit=own.MAX_CANDIDATES)
                ways = {
                    "ten": by_app,
                    "stock": asking(connection, statement, 10),
                    "all": whole,
                    "search": partial(whole, cutoff=own.CUTOFF),
                }
                rows.append({"filter": kind, "share": share} | in_turns(ways, queries, truth, narrow, kind != "random"))
    app.close()
    return rows


def in_turns(ways: dict[str, Ask], queries: Vectors, truth: list[set[str]], narrow: Any, each: bool) -> dict[str, Any]:
    """Ask in turns; where each query has a filter of its own it is set, outside the clock, before both are asked."""
    if not each:
        narrow(queries[0])
        timings = interleaved(ways, queries, truth)
        return {name: {"ms": one.median, "recall": one.recall} for name, one in timings.items()}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for place in range(0, len(queries), 5):
        narrow(queries[place])
        batch = np.repeat(queries[place : place + 1], 3, axis=0)
        for name, one in interleaved(ways, batch, [truth[place]] * 3).items():
            taken[name].append(one.median)
            found[name].append(one.recall)
    return {name: {"ms": float(np.median(taken[name])), "recall": float(np.mean(found[name]))} for name in ways}


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--queries", type=int, default=50)
    told = Report("filters", options.parse_args())
    for name, (vectors, queries) in worlds(told.options.rows, told.options.queries, dimensions=384).items():
        with scratch_database() as url:
            django.setup()
            measured = measure(url, vectors, queries)
        told.keep(**{name: measured})
        rows = []
        for row in measured:
            ten, stock, everything = row["ten"], row["stock"], row["all"]
            faster, kind, share = stock["ms"] / ten["ms"], row["filter"], f"{row['share']:.1%}"
            recalls = " / ".join(f"{one['recall']:.3f}" for one in (ten, stock, everything))
            times = [f"{one['ms']:.2f}" for one in (ten, stock, everything, row["search"])]
            rows.append([kind, share, *times[:2], f"{faster:.1f}x", *times[2:], recalls])
            told.goal(f"{name}: recall@10 at {share} {kind}", everything["recall"], least=RECALL)
            if row["share"] == 0.01 and kind == "random":
                told.goal(f"{name}: times faster than stock pgvector at 1 %", faster, least=SPEED)
        title = (
            f"{name}: ms of the ten nearest by the lane and by stock pgvector, of the 1000 nearest, and of a search, "
            "which wants no more of them than reach CUTOFF"
        )
        told.table(
            title,
            ["filter", "passes", "ten", "stock", "faster", "1000", "search", "recall@10 of the first three"],
            rows,
        )
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
