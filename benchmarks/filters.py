"""Do filters cost results or time? The app's vector lane beside stock pgvector, over filters that pass ever fewer.

100,000 products, synthetic vectors in clusters and, where the judged catalogue is at hand, its MiniLM vectors (each
product five times, a little moved: there are only 19,000). Filters keep a random share, the neighbourhood of the query
("agree"), or what is farthest from it ("conflict"). The reference is what most people write: the filter beside
ORDER BY, ``hnsw.iterative_scan = relaxed_order``, prepared, binary. Both are asked in turns; recall is of the ten truly
nearest.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import django
import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from .vector_lane import Ask, Vectors, clustered, interleaved, load, scratch_database

KEPT = Path(__file__).resolve().parents[1] / ".data" / "benchmarks" / "minilm.npz"
SHARES = (1.0, 0.1, 0.01, 0.001)
KINDS = ("random", "agree", "conflict")
RECALL, SPEED = 0.98, 5.0


def real_vectors(rows: int, queries: int) -> tuple[Vectors, Vectors] | None:
    """Return vectors of real products and as many queries as asked for; None where none are kept."""
    if not KEPT.is_file():
        return None
    with np.load(KEPT) as kept:
        own = np.asarray(kept["vectors"], dtype=np.float32)
    own = own / np.linalg.norm(own, axis=1, keepdims=True)
    draw = np.random.default_rng(0)
    picked = draw.permutation(len(own))
    asked, own = own[picked[:queries]], own[picked[queries:]]
    repeated = own[np.arange(rows) % len(own)]
    repeated = (
        repeated + draw.normal(0, 0.01, repeated.shape).astype(np.float32) * (np.arange(rows) >= len(own))[:, None]
    )
    return (repeated / np.linalg.norm(repeated, axis=1, keepdims=True)).astype(np.float32), asked


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

    from catalog_search.indexes import registry
    from catalog_search.searching import lanes
    from catalog_search.searching.scope import Scope
    from project.shop.models import Product

    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": vectors.shape[1]}}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy}
    generation, _ = load(vectors)
    references = dict(Product.objects.values_list("reference", "pk"))
    keys = np.array([references[str(number)] for number in range(len(vectors))])
    # As they are kept: where everything is equally far, rounding decides which ten are nearest.
    similar = queries.astype(np.float16).astype(np.float32) @ vectors.astype(np.float16).astype(np.float32).T
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
                truth = []
                for place, mask in enumerate(masks):
                    order = np.argsort(-np.where(mask, similar[place], -np.inf))[:10]
                    truth.append({str(key) for key in keys[order]})
                # The filter is the product's price, which each query sets beforehand: one mask at a time.
                place_of = {vector.tobytes(): place for place, vector in enumerate(queries)}
                current = {"mask": b""}

                def narrow(
                    vector: Vectors, masks: Any = masks, place_of: Any = place_of, current: Any = current
                ) -> None:
                    mask = masks[place_of[vector.tobytes()]]
                    if current["mask"] != (digest := mask.tobytes()):
                        current["mask"] = digest
                        Product.objects.exclude(stock=0).update(stock=0)
                        chosen = keys[mask].tolist()
                        Product.objects.filter(pk__in=chosen).update(stock=1)
                        connection.execute("ANALYZE shop_product")

                def by_app(vector: Vectors, share: float = share, limit: int = 10) -> list[str]:
                    products = Product.objects.all() if share == 1.0 else Product.objects.filter(stock=1)
                    scope = Scope(registry.for_model(Product), generation, "en", products)
                    return [key for key, _ in lanes.vectors(scope, vector, float("-inf"), limit)]

                near = f"document.embedding::halfvec({generation.dimensions})"
                condition = "" if share == 1.0 else "AND product.stock = 1"
                statement = (
                    "SELECT object_key FROM catalog_search_document document "
                    "JOIN shop_product product ON product.id = document.object_id "
                    f"WHERE generation_id = {generation.pk} AND language = 'en' {condition} "
                    f"ORDER BY {near} <=> %b LIMIT 10"
                )

                def stock(vector: Vectors, statement: str = statement) -> list[str]:
                    cursor = connection.cursor(binary=True)
                    cursor.execute(statement, (HalfVector(vector),), prepare=True)
                    return [key for (key,) in cursor]

                whole = partial(by_app, limit=settings.CATALOG_SEARCH.get("MAX_CANDIDATES", 1000))
                ways = {"ten": by_app, "search": whole, "stock": stock}
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


def report(name: str, rows: list[dict[str, Any]]) -> str:
    """Return the table that people read."""
    lines = [
        f"{name}: ms of the ten nearest by the lane and by stock pgvector, and of the 1000 that a search asks for",
        f"{'filter':>9} {'passes':>7} {'ten':>8} {'stock':>8} {'faster':>7} {'search':>8}  recall@10",
    ]
    for row in rows:
        ten, stock, search = row["ten"], row["stock"], row["search"]
        lines.append(
            f"{row['filter']:>9} {row['share']:>7.1%} {ten['ms']:>8.2f} {stock['ms']:>8.2f} "
            f"{stock['ms'] / ten['ms']:>6.1f}x {search['ms']:>8.2f}  "
            f"{ten['recall']:.3f} / {stock['recall']:.3f} / {search['recall']:.3f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    worlds = {"synthetic, 384": (clustered(options.rows, 384, seed=1), clustered(options.queries, 384, seed=2))}
    if real := real_vectors(options.rows, options.queries):
        worlds["MiniLM of real products, 384"] = real
    missed = []
    measured = {}
    for name, (vectors, queries) in worlds.items():
        with scratch_database() as url:
            django.setup()
            measured[name] = measure(url, vectors, queries)
        print(report(name, measured[name]), flush=True)
        for row in measured[name]:
            if row["search"]["recall"] < RECALL:
                missed.append(f"{name}: recall {row['search']['recall']:.3f} at {row['share']:.1%} {row['filter']}")
            faster = row["stock"]["ms"] / row["ten"]["ms"]
            if row["share"] == 0.01 and row["filter"] == "random" and faster < SPEED:
                missed.append(f"{name}: {faster:.1f} times faster at 1 %, not {SPEED:g}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    for one in missed:
        print(f"Missed: {one}.")
    return int(options.strict and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
