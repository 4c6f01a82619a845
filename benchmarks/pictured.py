"""How fast is a whole index built from products with pictures, beside nothing but decoding and encoding them?

The demo's catalogue of drawn products and the demo's model: MiniLM reads the texts, a small tower the pictures. The
command hands everything to one real Celery worker, from an empty index each time: pictures are read from disk, made
into thumbnails, embedded with their text, written, measured and switched to. The reference decodes the same files into
the same thumbnails on as many threads and encodes the same pairs in batches of 32, as sentence-transformers does where
nobody says otherwise. Both compute on one torch thread.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django
from PIL import Image

from .report import Report, in_turns, parser, quartiles, ratio
from .world import scratch_database, worker

LEAST = 0.9
"""The least rate of the rebuild, as a multiple of the reference's."""
BATCH = 32
QUEUE = f"benchmark-{os.getpid()}"


def thumbnail(path: Path) -> Image.Image:
    """Open a picture and make it as small as the models want it."""
    from catalog_search.conf import settings

    edge = settings.IMAGE_SIZE
    with Image.open(path) as image:
        image.draft("RGB", (2 * edge, 2 * edge))
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return image.convert("RGB")


def empty_index() -> None:
    """Forget all that was built."""
    from django.db import connection

    from catalog_search.models import Change, Document, Generation, Thumbnail, Vocabulary

    tables = ", ".join(one._meta.db_table for one in (Change, Document, Generation, Thumbnail, Vocabulary))
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")


def measure(told: Report, folder: Path) -> None:
    """Build both ways in turns and tell."""
    from django.core.management import call_command

    from catalog_search.backends import get_embedder
    from catalog_search.conf import settings
    from catalog_search.models import Document
    from project.drawing.catalogue import write_catalogue
    from project.embedded.model import build_embedder
    from project.shop.catalogue import load_catalogue
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    call_command("migrate", verbosity=0)
    write_catalogue(folder, products=told.options.products)
    load_catalogue(folder)
    index = ProductIndex.registered()
    products = list(index.index_queryset())
    # A text once with each picture: a model that takes both gives their mean.
    pairs = [
        ("\n".join(filter(None, index.text_parts(one))), Path(file.path))
        for one in products
        for file in index.picture_files(one)[: settings.IMAGES_PER_PRODUCT]
    ]
    get_embedder()  # imports torch, which is nobody's work here
    bare: Any = build_embedder()

    def rebuild(_: int) -> float:
        empty_index()
        start = time.perf_counter()
        call_command("rebuild_search_index", verbosity=0)
        taken = time.perf_counter() - start
        if Document.objects.count() != Product.objects.count():
            raise SystemExit(f"{Document.objects.count()} of {Product.objects.count()} products were indexed.")
        return len(products) / taken

    def by_hand(_: int) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(settings.PICTURE_THREADS) as pool:
            images = pool.map(thumbnail, [path for _, path in pairs])
            for first in range(0, len(pairs), BATCH):
                inputs = [{"text": text, "image": next(images)} for text, _ in pairs[first : first + BATCH]]
                bare.encode(inputs, batch_size=BATCH)
        return len(products) / (time.perf_counter() - start)

    with worker(QUEUE):
        rebuild(0), by_hand(0)  # load, warm
        rates = in_turns({"rebuild": rebuild, "bare": by_hand}, told.options.rounds)
    rows = [[name, quartiles(values)] for name, values in rates.items()]
    told.table(f"{len(products):,} products, {len(pairs):,} pictures", ["", "products a second (quartiles)"], rows)
    told.goal("rebuild / decoding and encoding", ratio(rates["rebuild"], rates["bare"]), least=LEAST)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--products", type=int, default=1280)
    options.add_argument("--rounds", type=int, default=3)
    told = Report("pictured", options.parse_args())
    os.environ |= {"OMP_NUM_THREADS": "1", "SEARCH_QUEUE": QUEUE}
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        os.environ["MEDIA_ROOT"] = f"{folder}/media"
        django.setup()
        measure(told, Path(folder) / "catalogue")
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
