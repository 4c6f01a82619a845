"""What do Celery, storages, the database and the batcher cost beside the bare model?

Three questions, each put to the app and to the bare library in turns, so that a busy machine slows both. Every process
computes on one thread. Weights are random and of the real size: speed does not depend on what they say.

* Products into the index through a Celery worker (pictures from disk, decoded, thumbnailed, encoded, written),
  against decoding and ``SentenceTransformer.encode`` alone, with CLIP ViT-B/32.
* Reranking 30 products of the index, against ``CrossEncoder.predict`` on the same pairs, with MiniLM-L6.
* Queries encoded by a worker for 8 clients at once, against one client, with all-MiniLM-L6-v2.
"""

from __future__ import annotations

import io
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import numpy as np
from PIL import Image

from .families import families
from .report import Report, in_turns, parser, quartiles, ratio
from .world import scratch_database, worker

GOALS = {"indexing": 0.9, "reranking": 0.95, "queries": 2.0}
"""The least rate of the app, as a multiple of the reference."""
BATCH = 32
PAIRS = 30
CLIENTS = 8
LOCAL = "catalog_search.backends.local."
EMBEDDER, RERANKER = "SentenceTransformerEmbedder", "CrossEncoderReranker"
INDEXING, SEARCHING = f"benchmark-{os.getpid()}", f"benchmark-{os.getpid()}-searches"
WORDS = [
    "red",
    "blue",
    "green",
    "mug",
    "chair",
    "dress",
    "summer",
    "garden",
    "wool",
    "steel",
    "warm",
    "for",
    "the",
    "of",
]


def backend(name: str, model: Path, device: str) -> dict[str, Any]:
    """Return the setting EMBEDDER or RERANKER of a folder."""
    options = {"model": str(model), "threads": 1 if device == "cpu" else None, "device": device}
    return {"BACKEND": f"{LOCAL}{name}", "OPTIONS": options}


def photo(number: int) -> bytes:
    """Draw a JPEG of 800 x 800 pixels with as much detail as a photo of a product has."""
    draw = np.random.default_rng(number)
    coarse = Image.fromarray(draw.integers(0, 255, (25, 25, 3), dtype=np.uint8)).resize((800, 800), Image.BICUBIC)
    grain = draw.normal(0, 6, (800, 800, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def sentence(seed: int, words: int) -> str:
    """Return as many words, the same for the same seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def told_in_turns(told: Report, name: str, unit: str, ways: dict[str, Callable[[int], float]], rounds: int) -> None:
    """Measure the rates of both ways in turns and tell; the second is the reference."""
    (app, rates), (reference, others) = in_turns(ways, rounds).items()
    compared = ratio(rates, others)
    row = [app, quartiles(rates), reference, quartiles(others), f"{compared:.2f}"]
    told.table(f"{name}, {unit} (quartiles)", ["", unit, "reference", unit, "ratio"], [row])
    told.goal(f"{name}: {app} / {reference}", compared, least=GOALS[name])


def measure_indexing(told: Report, model: Path, device: str, rounds: int, size: int) -> None:
    """Products a second into the index, and through the bare library."""
    from django.conf import settings
    from django.core.files.base import ContentFile
    from django.utils import timezone
    from sentence_transformers import SentenceTransformer

    from catalog_search.indexing import append, paused, start_generation
    from catalog_search.indexing.preparing import prepare
    from catalog_search.models import Change, Document
    from catalog_search.registry import registry
    from project.shop.models import Product, ProductImage

    settings.CATALOG_SEARCH = search = {"EMBEDDER": backend(EMBEDDER, model, device), "QUEUE": INDEXING}
    index = registry.for_model(Product)
    generation = start_generation(index)
    prepare(generation)  # of an empty shop: the means of a sample are no part of the question
    with paused():
        for number in range(rounds * size + BATCH):
            values = {"reference": str(number), "sku": str(number), "created": timezone.now()}
            product = Product.objects.create(name=sentence(number, 9), **values)
            ProductImage.objects.create(product=product, file=ContentFile(photo(number), f"{number}.jpg"))
    found = [(one.product_id, Path(one.file.path)) for one in ProductImage.objects.order_by("pk")]
    bare = SentenceTransformer(str(model), device=device)

    def through_celery(number: int) -> float:
        products = found[number * size : (number + 1) * size]
        start = time.perf_counter()
        append(index, Product.objects.filter(pk__in=[key for key, _ in products]))
        while Change.objects.exists():
            time.sleep(0.02)
        return len(products) / (time.perf_counter() - start)

    def by_hand(number: int) -> float:
        products = found[number * size : (number + 1) * size]
        start = time.perf_counter()
        for first in range(0, len(products), BATCH):
            images = []
            for _, path in products[first : first + BATCH]:
                with Image.open(path) as image:
                    image.draft("RGB", (1024, 1024))
                    image.thumbnail((512, 512), Image.Resampling.LANCZOS)
                    images.append(image.convert("RGB"))
            texts = [{"text": sentence(number * size + first + place, 9)} for place in range(len(images))]
            bare.encode([{"image": image} for image in images], batch_size=BATCH)
            bare.encode(texts, batch_size=BATCH)
        return len(products) / (time.perf_counter() - start)

    with worker(INDEXING, search):
        through_celery(rounds), by_hand(rounds)  # one batch to warm up
        told_in_turns(told, "indexing", "products/s", {"app": through_celery, "bare": by_hand}, rounds)
    written = Document.objects.filter(generation=generation, pictures="ok").count()
    if written != len(found):
        raise SystemExit(f"{written} of {len(found)} products were indexed with their picture.")


def small_shop(search: dict[str, Any]) -> Any:
    """Index PAIRS products in this process; returns the generation."""
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from catalog_search.indexing import paused
    from catalog_search.models import Generation
    from project.shop.models import Product

    settings.CATALOG_SEARCH = search
    Product.objects.all().delete()
    with paused():
        for number in range(PAIRS):
            values = {"reference": str(number), "sku": str(number), "created": timezone.now()}
            Product.objects.create(name=sentence(number, 8), description=sentence(-number, 30), **values)
    call_command("rebuild_search_index", sync=True, verbosity=0)
    return Generation.objects.active("shop.product")


def measure_reranking(told: Report, generation: Any, model: Path, device: str, rounds: int) -> None:
    """Pairs a second through the app (read from the index, scored), and through the bare library."""
    import torch
    from sentence_transformers import CrossEncoder

    from catalog_search import Content
    from catalog_search.models import Document
    from catalog_search.searching import reranking

    torch.set_num_threads(1)
    documents = dict(Document.objects.filter(generation=generation).values_list("object_key", "text"))
    bare = CrossEncoder(str(model), device=device)

    def app(number: int) -> float:
        start = time.perf_counter()
        reranking.score("default", generation.pk, "en", list(documents), Content(sentence(number, 4)))
        return PAIRS / (time.perf_counter() - start)

    def by_hand(number: int) -> float:
        pairs = [(sentence(number, 4), text) for text in documents.values()]
        start = time.perf_counter()
        bare.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return PAIRS / (time.perf_counter() - start)

    app(0), by_hand(0)  # warm
    told_in_turns(told, "reranking", "pairs/s", {"app": app, "bare": by_hand}, rounds)


def measure_queries(told: Report, generation: Any, search: dict[str, Any], rounds: int, seconds: float) -> None:
    """Queries a second that a worker encodes for CLIENTS at once, and for one after the other."""
    from catalog_search import Content
    from catalog_search.backends import worker as model_worker
    from catalog_search.searching import encoding

    def rate(clients: int) -> Callable[[int], float]:
        def measured(number: int) -> float:
            done: list[int] = []
            end = time.monotonic() + seconds

            def client(place: int) -> None:
                while time.monotonic() < end:
                    words = Content(sentence(hash((number, place, len(done))), 4)).packed()
                    model_worker.ask(encoding.TASK, generation.alias, generation.pk, [words])
                    done.append(1)

            threads = [threading.Thread(target=client, args=[place]) for place in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return len(done) / seconds

        return measured

    with worker(SEARCHING, search, concurrency=CLIENTS):
        rate(CLIENTS)(0)  # warm
        ways = {f"{CLIENTS} clients": rate(CLIENTS), "one client": rate(1)}
        told_in_turns(told, "queries", "queries/s", ways, rounds)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--only", choices=GOALS, action="append", help="one question; may be repeated (default: all)")
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--products", type=int, default=160, help="products of one round")
    options.add_argument("--device", default="cpu")
    told = Report("models", options.parse_args())
    asked = told.options
    wanted = asked.only or list(GOALS)
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name, scratch_database():
        folder = Path(name)
        os.environ["MEDIA_ROOT"] = str(folder / "media")
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        from project.embedded.model import text_model_folder

        call_command("migrate", verbosity=0)
        save = {name: make for name, (_, make) in families().items()}
        if "indexing" in wanted:
            clip = save["clip-ViT-B-32, BGE-VL-base"](folder / "clip")
            measure_indexing(told, clip, asked.device, asked.rounds, asked.products)
        if {"reranking", "queries"} & set(wanted):
            search = {"MODEL_QUEUE": SEARCHING, "MODEL_SECONDS": 30}
            search |= {"EMBEDDER": backend(EMBEDDER, text_model_folder(), asked.device)}
            cross = save["ms-marco-MiniLM-L6-v2"](folder / "cross")
            generation = small_shop(search | {"RERANKER": backend(RERANKER, cross, asked.device)})
            if "reranking" in wanted:
                measure_reranking(told, generation, cross, asked.device, 4 * asked.rounds)
            if "queries" in wanted:
                measure_queries(told, generation, search, asked.rounds, 4.0)
        connections.close_all()
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
