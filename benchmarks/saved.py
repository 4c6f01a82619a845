"""How long after a product is saved is it found, beside encoding it and inserting one row?

The demo's catalogue, index and model, and an idle Celery worker. A product with new words is saved as the shop would,
by the ORM: the change waits in its transaction, a ring wakes the worker, the worker reads, embeds and writes. The
reference encodes the same text in this process, model warm, and inserts one row by hand.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import django
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from .report import Report, in_turns, milliseconds, parser, quantile, quartiles
from .world import scratch_database, worker

MORE = 150.0
"""The most milliseconds that the way through the worker may take beside the reference."""
POLL_SECONDS = 0.003
IDLE_SECONDS = 0.3
PATIENCE_SECONDS = 60
QUEUE = f"benchmark-{os.getpid()}"


def measure(told: Report, url: str, folder: Path) -> None:
    """Save and insert in turns, and tell."""
    from django.core.management import call_command

    from catalog_search.backends import get_embedder
    from catalog_search.content import Content
    from catalog_search.models import Document
    from project.drawing.catalogue import write_catalogue
    from project.shop.catalogue import load_catalogue
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    call_command("migrate", verbosity=0)
    write_catalogue(folder, products=told.options.products)
    load_catalogue(folder)
    product = Product.objects.public().filter(images__isnull=True).first() or Product.objects.public().first()
    assert product is not None
    embedder = get_embedder()

    def saved(number: int) -> float:
        time.sleep(IDLE_SECONDS)  # an idle worker is what is asked about
        word = f"novelty{number}x"
        product.name = f"{word} mug"
        start = time.perf_counter()
        product.save()
        while not Document.objects.filter(object_id=product.pk, text__startswith=word).exists():
            if time.perf_counter() - start > PATIENCE_SECONDS:
                raise SystemExit("The worker did not index what was saved; see .data/logs/benchmark.log.")
            time.sleep(POLL_SECONDS)
        taken = (time.perf_counter() - start) * 1000
        assert [hit.object.pk for hit in ProductIndex.search(word, lanes=["words"])] == [product.pk]
        return taken

    with worker(QUEUE), psycopg.connect(url, autocommit=True) as connection:
        call_command("rebuild_search_index", verbosity=0)
        register_vector(connection)
        connection.execute("CREATE TABLE hand (words text, embedding halfvec)")

        def by_hand(number: int) -> float:
            def work() -> None:
                text = f"novelty{number}y mug\n{product.description}"
                (vector,) = embedder.encode([Content(text)], "document")
                connection.execute("INSERT INTO hand VALUES (%s, %b)", (text, HalfVector(vector)))

            return milliseconds(work)

        saved(-1), by_hand(-1)
        figures = in_turns({"saved": saved, "by hand": by_hand}, told.options.rounds)
    told.table("One product", ["", "ms (quartiles)"], [[name, quartiles(values)] for name, values in figures.items()])
    more = [one - other for one, other in zip(figures["saved"], figures["by hand"], strict=True)]
    told.keep(p95=quantile(more, 0.95))
    told.goal("ms from saved to found, more than encoding and inserting", statistics.median(more), most=MORE)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--products", type=int, default=320)
    options.add_argument("--rounds", type=int, default=30)
    told = Report("saved", options.parse_args())
    os.environ |= {"OMP_NUM_THREADS": "1", "SEARCH_QUEUE": QUEUE}
    with tempfile.TemporaryDirectory() as folder, scratch_database() as url:
        os.environ["MEDIA_ROOT"] = f"{folder}/media"
        django.setup()
        measure(told, url, Path(folder) / "catalogue")
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
