"""How fast are documents written, and a whole index rebuilt, beside COPY and CREATE INDEX by hand?

All vectors are ready; products have a title, forty words of description and a SKU. The reference copies the same
columns in binary, from Python, into a table without indexes that derives the words itself, then creates the same
indexes with the same memory and workers. It reads no products, keeps no queue and could not be killed: what the
rebuild adds for that is what is measured. A real worker with a process for each processor does the rebuild.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import django
import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from . import filling
from .report import Report, in_turns, milliseconds, parser, quartiles, ratio
from .vectors import Vectors, clustered
from .world import scratch_database, worker

WRITE_GOAL = 0.8
"""The least share of COPY's rows a second that the write statement must reach."""
REBUILD_GOAL = 1.15
"""The most that a rebuild may take, as a multiple of COPY and CREATE INDEX."""
TABLE = "catalog_search_document"


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    return milliseconds(work) / 1000


def write(products: list[Any], vectors: Vectors) -> float:
    """Write documents by the app's statement into a table with nothing but its key; return the seconds."""
    from catalog_search.indexing import start_generation
    from catalog_search.indexing.preparing import prepare
    from catalog_search.registry import registry
    from catalog_search.sql import execute

    generation = start_generation(registry.get("product"))
    prepare(generation)
    indexes = execute(
        "default",
        "SELECT indexname::text, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE %s",
        (TABLE, "%UNIQUE%"),
    )
    for name, _ in indexes:
        execute("default", f"DROP INDEX {name}")
    made = filling.drafts(products)
    for one in made:  # both are looked up before: what is unchanged is not written
        assert one.reading.stamp
        assert one.content.digest
    taken = seconds(lambda: filling.write(generation, made, vectors))
    execute("default", f"TRUNCATE {TABLE}")
    for _, definition in indexes:
        execute("default", definition)
    generation.delete()
    return taken


def copy(connection: psycopg.Connection[Any], products: list[Any], vectors: Vectors) -> float:
    """Copy the same columns into a table by hand; return the seconds."""
    connection.execute("DROP TABLE IF EXISTS hand")
    connection.execute(f"CREATE TABLE hand (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING STORAGE)")
    connection.execute("ALTER TABLE hand DROP search_vector, ADD title text, ADD description text")
    connection.execute(
        "ALTER TABLE hand ADD search_vector tsvector GENERATED ALWAYS AS ("
        "setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', description), 'D')) STORED"
    )
    connection.execute("ALTER TABLE hand ALTER id DROP IDENTITY IF EXISTS")
    types = {
        **{"id": "int8", "generation_id": "int8", "object_key": "varchar", "object_id": "int8", "language": "varchar"},
        **{"text": "text", "title": "text", "description": "text", "embedding": "halfvec", "thumbnail": "varchar"},
        **{
            "pictures": "varchar",
            "picture_error": "text",
            "stamp": "varchar",
            "digest": "varchar",
            "lengths": "int2[]",
        },
    }
    statement = f"COPY hand ({', '.join(types)}) FROM STDIN WITH (FORMAT BINARY)"

    def work() -> None:
        with connection.cursor().copy(statement) as stream:
            stream.set_types(list(types.values()))
            for product, vector in zip(products, vectors, strict=True):
                key, text = str(product.pk), f"{product.name}\n{product.description}"
                row = (product.pk, 1, key, product.pk, "en", text, product.name, product.description)
                rest = (HalfVector(vector), "", "none", "", "s" * 40, f"{product.pk:040}", [2, 0, 0, 40])
                stream.write_row((*row, *rest))

    connection.execute("ALTER TABLE hand ALTER identifiers DROP NOT NULL")
    return seconds(work)


def create_indexes(connection: psycopg.Connection[Any], dimensions: int) -> dict[str, float]:
    """Create by hand what the app's table has; return the seconds of each."""
    from catalog_search.conf import settings

    connection.execute(f"SET maintenance_work_mem = '{settings.ANN_BUILD_MB}MB'")
    connection.execute(f"SET max_parallel_maintenance_workers = {settings.ANN_BUILD_WORKERS}")
    keys = ("(id)", "(generation_id, object_key, language)", "(generation_id, object_id)", "(digest)")
    words = ("USING gin (search_vector)", "USING gin (identifiers)")
    hnsw = f"USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE generation_id = 1"
    return {
        what: seconds(lambda what=what: connection.execute(f"CREATE INDEX ON hand {what}"))
        for what in (*keys, *words, hnsw)
    }  # type: ignore[misc]


def rebuild() -> float:
    """Rebuild by the command and a real worker; return the seconds."""
    from django.core.management import call_command

    processes = os.cpu_count() or 1
    with worker(os.environ["SEARCH_QUEUE"], pool="prefork", concurrency=processes):
        return seconds(lambda: call_command("rebuild_search_index", workers=processes, verbosity=0))


def measure(told: Report, url: str, vectors: Vectors) -> None:
    """Measure everything and tell."""
    from django.db import connection as app

    from catalog_search.models import Document, Generation
    from project.shop.models import Product

    filling.make_products(len(vectors))
    products = list(Product.objects.order_by("pk"))
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        ways = {
            "app": lambda _: write(products, vectors),
            "by hand": lambda _: copy(connection, products, vectors),
        }
        written = in_turns(ways, told.options.rounds)
        indexes = create_indexes(connection, vectors.shape[1])
        connection.execute("DROP TABLE hand")
    taken = rebuild()
    assert Document.objects.count() == len(vectors)
    assert Generation.objects.get(state=Generation.State.READY).ann_index
    app.close()
    by_hand = statistics.median(written["by hand"]) + sum(indexes.values())
    rows = [
        ["written without indexes, s", *(quartiles(seconds, ".2f") for seconds in written.values())],
        ["rebuilt with them, s", f"{taken:.1f}", f"{by_hand:.1f}"],
    ]
    told.table(f"{len(vectors):,} documents of {vectors.shape[1]} dimensions", ["", *written], rows)
    told.keep(index_seconds=indexes)
    told.goal("documents written a second / COPY", ratio(written["by hand"], written["app"]), least=WRITE_GOAL)
    told.goal("rebuild / COPY and CREATE INDEX", taken / by_hand, most=REBUILD_GOAL)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=20_000, help="documents; 100,000 take some minutes")
    options.add_argument("--dimensions", type=int, default=512)
    options.add_argument("--rounds", type=int, default=5, help="of writing; rebuilt is once")
    told = Report("ingest", options.parse_args())
    vectors = clustered(told.options.rows, told.options.dimensions, seed=1)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "benchmarks.ready", "SEARCH_QUEUE": f"bench-{os.getpid()}"}
    with tempfile.TemporaryDirectory() as folder, scratch_database() as url:
        os.environ["BENCH_VECTORS"] = f"{folder}/vectors.npy"
        np.save(os.environ["BENCH_VECTORS"], vectors)
        django.setup()
        measure(told, url, vectors)
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
