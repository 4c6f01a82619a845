"""From how many documents on is an HNSW index faster than comparing with all of them? ANN_MIN_DOCUMENTS follows this.

For each size a shop is filled, written and indexed, then the app's vector lane is asked the same queries in turns, with
the index and without.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import django
import numpy as np

from .filling import index, make_products
from .report import Report, parser, quartiles
from .vector_lane import by_app
from .vectors import Timing, Vectors, clustered, interleaved, nearest, similarities
from .world import scratch_database

SIZES = (2_000, 3_000, 5_000, 7_000, 10_000, 20_000, 50_000)


def measure(options: Any, size: int, queries: Vectors) -> dict[str, Timing]:
    """Return the timings of both ways among so many documents."""
    from django.conf import settings
    from django.db import connection

    from project.shop.models import Product

    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": options.dimensions}}
    always = {"ANN_MIN_DOCUMENTS": 1, "ANN_EXACT_ROWS": 1}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy, "QUANTIZATION": options.quantization, **always}
    make_products(size)
    vectors = clustered(size, options.dimensions, seed=1)
    keys = np.fromiter(Product.objects.order_by("pk").values_list("pk", flat=True), dtype=np.int64)
    generation = index(vectors)
    exact = copy.copy(generation)
    exact.ann_index = ""
    ways = {name: by_app(one, {}, options.limit) for name, one in (("exact", exact), ("HNSW", generation))}
    found = interleaved(ways, queries, nearest(similarities(queries, vectors), keys))
    connection.close()
    return found


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options.add_argument("--dimensions", type=int, default=512)
    options.add_argument("--quantization", choices=["half", "binary"], default="half")
    options.add_argument("--queries", type=int, default=60)
    options.add_argument("--limit", type=int, default=1000, help="how many nearest are asked for, as MAX_CANDIDATES")
    told = Report("exact_or_hnsw", options.parse_args())
    asked = told.options
    queries = clustered(asked.queries, asked.dimensions, seed=2)
    found = {}
    for size in sorted(asked.sizes):
        with scratch_database():
            django.setup()
            found[size] = measure(asked, size, queries)
    rows = []
    for size, timings in found.items():
        cells = [f"{quartiles(one.milliseconds)}, {one.recall:.3f}" for one in timings.values()]
        rows.append([f"{size:,}", *cells, min(timings, key=lambda name: timings[name].median)])
    title = f"{asked.dimensions} dimensions, {asked.quantization}, nearest {asked.limit}: ms (quartiles), recall@10"
    told.table(title, ["documents", "exact", "HNSW", "faster"], rows)
    told.plot(
        "exact or HNSW",
        "documents",
        "ms",
        {name: (list(found), [one[name].median for one in found.values()]) for name in ("exact", "HNSW")},
    )
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
