"""How fast are documents written, and a whole index rebuilt, beside COPY and CREATE INDEX by hand?

All vectors are ready; products have a title, forty words of description and a SKU. The reference copies the same
columns in binary, from Python, into a table without indexes that derives the words itself, then creates the same
indexes with the same memory and workers. It reads no products, keeps no queue and could not be killed: what the
rebuild adds for that is what is measured. A real worker with a process for each processor does the rebuild.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from benchmarks.vector_lane import clustered, scratch_database
from project import services
from project.services import children

WRITE_GOAL = 0.8
"""The least share of COPY's rows a second that the write statement must reach."""
REBUILD_GOAL = 1.15
"""The most that a rebuild may take, as a multiple of COPY and CREATE INDEX."""
BATCH = 1000
TABLE = "catalog_search_document"

Vectors = NDArray[np.float32]


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_products(rows: int) -> list[Any]:
    """Fill the shop."""
    from django.utils import timezone

    from catalog_search.indexing import paused
    from project.shop.models import Product

    draw = random.Random(0)
    words = [f"word{number}" for number in range(3000)]
    now = timezone.now()
    products = (
        Product(
            reference=str(number),
            sku=f"SKU{number}",
            name=f"Product {number}",
            description=" ".join(draw.choices(words, k=40)),
            created=now,
        )
        for number in range(rows)
    )
    with paused():
        return Product.objects.bulk_create(products, batch_size=5000)


def write(products: list[Any], vectors: Vectors) -> float:
    """Write documents by the app's statement into a table with nothing but its key; return the rows a second."""
    from catalog_search.content import Content
    from catalog_search.indexes import registry
    from catalog_search.indexing import documents, generations
    from catalog_search.sql import execute

    generation = generations.start_generation(registry.get("product"))
    generations.prepare(generation)
    drafts = []
    for product in products:
        parts = (product.name, "", "", product.description)
        content = Content(documents.document_text(parts))
        drafts.append(documents.Draft(str(product.pk), "en", parts, (product.sku.lower(),), "s" * 40, content))

    def work() -> None:
        for first in range(0, len(drafts), BATCH):
            batch = drafts[first : first + BATCH]
            own = {one.content.digest: vectors[first + place] for place, one in enumerate(batch)}
            documents.write("default", generation, batch, own)

    indexes = execute(
        "default",
        "SELECT indexname::text, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE %s",
        (TABLE, "%UNIQUE%"),
    )
    for name, _ in indexes:
        execute("default", f"DROP INDEX {name}")
    rate = len(drafts) / seconds(work)
    execute("default", f"TRUNCATE {TABLE}")
    for _, definition in indexes:
        execute("default", definition)
    generation.delete()
    return rate


def copy(connection: psycopg.Connection[Any], products: list[Any], vectors: Vectors) -> float:
    """Copy the same columns into a table by hand; return the seconds."""
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
        **{"pictures": "varchar", "picture_error": "text", "stamp": "varchar", "digest": "varchar"},
    }
    statement = f"COPY hand ({', '.join(types)}) FROM STDIN WITH (FORMAT BINARY)"

    def work() -> None:
        with connection.cursor().copy(statement) as stream:
            stream.set_types(list(types.values()))
            for product, vector in zip(products, vectors, strict=True):
                key, text = str(product.pk), f"{product.name}\n{product.description}"
                row = (product.pk, 1, key, product.pk, "en", text, product.name, product.description)
                rest = (HalfVector(vector), "", "none", "", "s" * 40, f"{product.pk:040}")
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

    from project.celery import app

    log = services.DATA / "logs" / "bench-worker.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "project",
        "worker",
        "--pool",
        "prefork",
        "--hostname",
        "bench@here",
    ]
    command += ["--concurrency", str(os.cpu_count() or 1), "--without-gossip", "--without-mingle"]
    with children.running(command, log):
        while not app.control.ping(destination=["bench@here"], timeout=0.5):
            pass
        return seconds(lambda: call_command("rebuild_search_index", workers=os.cpu_count() or 1))


def measure(url: str, vectors: Vectors) -> dict[str, Any]:
    """Measure everything and return it."""
    from django.core.management import call_command
    from django.db import connection as app

    from catalog_search.models import Document, Generation

    call_command("migrate", verbosity=0)
    products = make_products(len(vectors))
    rate = write(products, vectors)
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        copied = copy(connection, products, vectors)
        indexes = create_indexes(connection, vectors.shape[1])
        connection.execute("DROP TABLE hand")
    taken = rebuild()
    assert Document.objects.count() == len(vectors)
    assert Generation.objects.get(state=Generation.State.READY).ann_index
    app.close()
    by_hand = copied + sum(indexes.values())
    copy_rate = len(vectors) / copied
    return {
        **{"rows": len(vectors), "dimensions": int(vectors.shape[1]), "processors": os.cpu_count()},
        **{"write_rate": rate, "copy_rate": copy_rate, "write_ratio": rate / copy_rate},
        **{"copy_seconds": copied, "index_seconds": indexes, "by_hand_seconds": by_hand},
        **{"rebuild_seconds": taken, "rebuild_ratio": taken / by_hand},
    }


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="documents; 100,000 take some minutes")
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    vectors = clustered(options.rows, options.dimensions, seed=1)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "benchmarks.ready", "SEARCH_QUEUE": f"bench-{os.getpid()}"}
    with tempfile.TemporaryDirectory() as folder, scratch_database() as url:
        os.environ["BENCH_VECTORS"] = f"{folder}/vectors.npy"
        np.save(os.environ["BENCH_VECTORS"], vectors)
        django.setup()
        measured = measure(url, vectors)
    print(
        "{rows:,} x {dimensions}\n"
        "write    {write_rate:9,.0f} documents a second; COPY by hand {copy_rate:9,.0f}; ratio {write_ratio:.2f}\n"
        "rebuild  {rebuild_seconds:9,.1f} s; COPY and CREATE INDEX by hand {by_hand_seconds:,.1f} s; "
        "ratio {rebuild_ratio:.2f}".format(**measured)
    )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    missed = measured["write_ratio"] < WRITE_GOAL or measured["rebuild_ratio"] > REBUILD_GOAL
    if missed:
        print(f"A goal is missed: writing at {WRITE_GOAL} of COPY or more, a rebuild in {REBUILD_GOAL} or less.")
    return int(options.strict and missed)


if __name__ == "__main__":
    sys.exit(main())
