"""What does a vector search cost from 10,000 to 1,000,000 documents, and what do their indexes take to build?

Each size is a shop of its own, written through the app's own write path, its HNSW index built as a rebuild builds it.
The app's vector lane is asked for the nearest thousand, as every search asks it, without and with filters; recall is
that of its first ten. Memory is the highest that PostgreSQL's processes held, shared memory counted once.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import numpy as np
from tqdm import tqdm

from .filling import NARROWING, load, make_products
from .report import KEPT, Report, apart, parser, quantile
from .vector_lane import by_app
from .vectors import Vectors, clustered, interleaved, nearest, similarities
from .world import scratch_database

SIZES = (10_000, 30_000, 100_000)
FULL = (*SIZES, 300_000, 1_000_000)
SMALL, LARGE = 100_000, 1_000_000
GROWTH, P95 = 2.0, 40.0
"""The most that p50 of a million may be of that of 100,000; the most milliseconds of its p95."""
DIMENSIONS, LIMIT, BUILD_MB = 512, 1000, 4096
SHARED_BUFFERS = "6GB"
POLL_SECONDS = 0.2


@contextmanager
def memory_watched(postmaster: int) -> Iterator[list[int]]:
    """Watch the memory of a server's processes; the list holds the highest sum in the end, in bytes."""
    highest, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            highest[0] = max(highest[0], resident(postmaster))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield highest
    finally:
        ended.set()
        watcher.join()


def resident(postmaster: int) -> int:
    """Return the bytes that a server and its children hold, what they share divided among them (Linux's Pss)."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    total = 0
    for process in (str(postmaster), *children):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has ended
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def configure() -> None:
    """Set what the index is built of, and with."""
    from django.conf import settings

    embedder = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": DIMENSIONS}}
    settings.CATALOG_SEARCH = {"EMBEDDER": embedder, "ANN_BUILD_MB": BUILD_MB}


def measure(rows: int, queries: Vectors) -> dict[str, Any]:
    """Fill a shop, build its index, ask; returns what was measured."""
    from django.db import connection

    from catalog_search.indexing.building import finish
    from project.shop.models import Product

    make_products(rows)
    vectors = clustered(rows, DIMENSIONS, seed=1)
    start = time.perf_counter()
    generation = load(vectors)
    written = time.perf_counter() - start
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_read_file('postmaster.pid')")
        postmaster = int(cursor.fetchone()[0].split()[0])
    start = time.perf_counter()
    with memory_watched(postmaster) as memory:
        finish(generation)
    built = time.perf_counter() - start
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute(
            "SELECT pg_table_size('catalog_search_document'), coalesce(pg_relation_size(to_regclass(%s::text)), 0)",
            [generation.ann_index],
        )
        table, index = cursor.fetchone()
    keys = np.fromiter(Product.objects.order_by("pk").values_list("pk", flat=True), dtype=np.int64)
    asked: dict[str, Any] = {}
    similar = similarities(queries, vectors)
    for share, narrowing in NARROWING.items():
        kept = set(Product.objects.filter(**narrowing).values_list("pk", flat=True))
        among = np.fromiter((key in kept for key in keys.tolist()), bool, len(keys))
        truth = nearest(similar, keys, among)
        ways = {"lane": by_app(generation, narrowing, LIMIT)}
        timing = interleaved(ways, queries, truth)["lane"]
        asked[f"{share:.1%}"] = {
            "p50": timing.median,
            "p95": quantile(timing.milliseconds, 0.95),
            "recall": timing.recall,
        }
    connection.close()
    return {
        **{"rows": rows, "written_seconds": written, "built_seconds": built, "memory": memory[0]},
        **{"table": table, "index": index, "asked": asked},
    }


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options.add_argument("--full", action="store_true", help="up to a million")
    options.add_argument("--queries", type=int, default=100)
    told = Report("million", options.parse_args())
    queries = clustered(told.options.queries, DIMENSIONS, seed=2)
    sizes = FULL if told.options.full else told.options.sizes
    if len(sizes) == 1:
        # A server of its own, with the memory that one for a million documents would have.
        os.environ["SHARED_BUFFERS"] = SHARED_BUFFERS
        with scratch_database(KEPT / "million"):
            django.setup()
            configure()
            found = [measure(sizes[0], queries)]
    else:
        arguments = "--queries", told.options.queries, "--sizes"
        found = [apart("million", *arguments, rows)["sizes"][0] for rows in tqdm(sizes, desc="million")]
    told.keep(sizes=found)
    tell(told, found)
    return told.finish()


def tell(told: Report, found: list[dict[str, Any]]) -> None:
    """Print the tables and the plot, and note the goals."""
    shares = list(found[0]["asked"])
    heads = ["documents", *(f"{share} kept: p50 / p95 ms, recall@10" for share in shares)]
    rows = [
        [
            f"{one['rows']:,}",
            *(f"{own['p50']:.1f} / {own['p95']:.1f}, {own['recall']:.3f}" for own in one["asked"].values()),
        ]
        for one in found
    ]
    told.table(f"The nearest {LIMIT:,} of documents of {DIMENSIONS} dimensions", heads, rows)
    rows = [
        [f"{one['rows']:,}", f"{one['written_seconds']:.0f}", f"{one['built_seconds']:.0f}"]
        + [f"{one[what] / 2**20:,.0f}" for what in ("table", "index", "memory")]
        for one in found
    ]
    heads = ["documents", "written, s", "indexed, s", "table, MiB", "HNSW, MiB", "memory while indexing, MiB"]
    told.table("What they take", heads, rows)
    across = [one["rows"] for one in found]
    lines = {f"{share} kept": (across, [one["asked"][share]["p50"] for one in found]) for share in shares}
    told.plot("vector lane", "documents", "milliseconds, median", lines)
    plain = {one["rows"]: one["asked"]["100.0%"] for one in found}
    if SMALL in plain and LARGE in plain:
        told.goal("p50 at 1,000,000 / at 100,000", plain[LARGE]["p50"] / plain[SMALL]["p50"], most=GROWTH)
        told.goal("p95 in ms at 1,000,000", plain[LARGE]["p95"], most=P95)


if __name__ == "__main__":
    sys.exit(main())
