"""What do Celery, storages, the database and the batcher cost beside the bare model?

Three questions, each put to the app and to the bare library in turns, so that a busy machine slows both. Every process
computes on one thread. Weights are random and of the real size: speed does not depend on what they say.

* Products into the index through a Celery worker (pictures from disk, decoded, thumbnailed, encoded, written),
  against decoding and ``SentenceTransformer.encode`` alone, with CLIP ViT-B/32.
* Reranking 30 products of the index, against ``CrossEncoder.predict`` on the same pairs, with MiniLM-L6.
* Queries encoded by a worker for 8 clients at once, against one client, with all-MiniLM-L6-v2.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import numpy as np
from PIL import Image

from benchmarks.families import families
from benchmarks.vector_lane import scratch_database
from project import services
from project.services import children

GOALS = {"indexing": 0.9, "reranking": 0.95, "queries": 2.0}
"""The least rate of the app, as a multiple of the reference."""
BATCH = 32
PAIRS = 30
CLIENTS = 8
LOCAL = "catalog_search.backends.local."
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


def embedder(model: Path) -> dict[str, Any]:
    """Return the setting EMBEDDER of a folder."""
    options = {"model": str(model), "threads": 1}
    return {"BACKEND": f"{LOCAL}SentenceTransformerEmbedder", "OPTIONS": options}


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


@contextmanager
def worker(queue: str, threads: int, search: dict[str, Any]) -> Iterator[None]:
    """Run a worker on one queue with these search settings."""
    from project.celery import app

    name = f"{queue}@localhost"
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "--hostname", name, "--queues", queue]
    command += ["--pool", "threads", "--concurrency", str(threads), "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle"]
    own = {"DJANGO_SETTINGS_MODULE": "benchmarks._settings", "BENCHMARK_SEARCH": json.dumps(search)}
    log = services.DATA / "logs" / "benchmark.log"
    with children.running(command, log, env=os.environ | own) as process:
        end = time.monotonic() + 120
        while not app.control.ping(destination=[name], timeout=0.5):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"The worker did not start: {log.read_text()[-2000:]}")
        yield


def in_turns(rounds: int, arms: dict[str, Callable[[int], float]]) -> dict[str, Any]:
    """Measure rates of both arms in turns; returns quartiles of each and the median of the rounds' ratios."""
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds):
        for name in random.sample(list(arms), len(arms)):
            rates[name].append(arms[name](number))
    app, reference = rates.values()
    found = {name: [float(value) for value in np.quantile(rates[name], (0.25, 0.5, 0.75))] for name in rates}
    ratios = [one / other for one, other in zip(app, reference, strict=True)]
    return {"rates": found, "ratios": ratios, "ratio": statistics.median(ratios)}


def measure_indexing(model: Path, rounds: int, size: int) -> dict[str, Any]:
    """Products a second into the index, and through the bare library."""
    from django.conf import settings
    from django.core.files.base import ContentFile
    from django.utils import timezone
    from sentence_transformers import SentenceTransformer

    from catalog_search.indexes import registry
    from catalog_search.indexing import append, generations, paused
    from catalog_search.models import Change, Document
    from project.shop.models import Product, ProductImage

    settings.CATALOG_SEARCH = search = {"EMBEDDER": embedder(model), "QUEUE": INDEXING}
    index = registry.for_model(Product)
    generation = generations.start_generation(index)
    generations.prepare(generation)  # of an empty shop: the means of a sample are no part of the question
    with paused():
        for number in range(rounds * size + BATCH):
            values = {"reference": str(number), "sku": str(number), "created": timezone.now()}
            product = Product.objects.create(name=sentence(number, 9), **values)
            ProductImage.objects.create(product=product, file=ContentFile(photo(number), f"{number}.jpg"))
    found = [(one.product_id, Path(one.file.path)) for one in ProductImage.objects.order_by("pk")]
    bare = SentenceTransformer(str(model), device="cpu")

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

    with worker(INDEXING, 1, search):
        through_celery(rounds), by_hand(rounds)  # one batch to warm up
        measured = in_turns(rounds, {"app": through_celery, "bare": by_hand})
    written = Document.objects.filter(generation=generation, pictures="ok").count()
    if written != len(found):
        raise SystemExit(f"{written} of {len(found)} products were indexed with their picture.")
    return measured | {"unit": "products/s", "products": rounds * size}


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


def measure_reranking(generation: Any, model: Path, rounds: int) -> dict[str, Any]:
    """Pairs a second through the app (read from the index, scored), and through the bare library."""
    import torch
    from sentence_transformers import CrossEncoder

    from catalog_search import Content
    from catalog_search.models import Document
    from catalog_search.searching import reranking

    torch.set_num_threads(1)
    documents = dict(Document.objects.filter(generation=generation).values_list("object_key", "text"))
    bare = CrossEncoder(str(model), device="cpu")

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
    return in_turns(rounds, {"app": app, "bare": by_hand}) | {"unit": "pairs/s"}


def measure_queries(generation: Any, search: dict[str, Any], rounds: int, seconds: float) -> dict[str, Any]:
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
                    words = model_worker.packed(Content(sentence(hash((number, place, len(done))), 4)))
                    model_worker.ask(encoding.TASK, generation.alias, generation.pk, [words])
                    done.append(1)

            threads = [threading.Thread(target=client, args=[place]) for place in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return len(done) / seconds

        return measured

    with worker(SEARCHING, CLIENTS, search):
        rate(CLIENTS)(0)  # warm
        arms = {f"{CLIENTS} clients": rate(CLIENTS), "one client": rate(1)}
        return in_turns(rounds, arms) | {"unit": "queries/s"}


def report(measured: dict[str, Any]) -> str:
    """Return the table that people read."""
    lines = [f"{'':<11}{'median rates (quartiles)':<72}{'ratio':>6}  goal"]
    for name, one in measured.items():
        rates = "  ".join(f"{arm} {mid:.1f} ({low:.1f}-{high:.1f})" for arm, (low, mid, high) in one["rates"].items())
        lines.append(f"{name:<11}{rates + ' ' + one['unit']:<72}{one['ratio']:>6.2f}  {GOALS[name]}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status: 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=GOALS, action="append", help="one question; may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--products", type=int, default=160, help="products of one round")
    parser.add_argument("--json", type=Path, default=services.DATA / "benchmarks" / "models.json")
    options = parser.parse_args(arguments)
    wanted = options.only or list(GOALS)
    measured: dict[str, Any] = {}
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
            measured["indexing"] = measure_indexing(clip, options.rounds, options.products)
        if {"reranking", "queries"} & set(wanted):
            search = {"EMBEDDER": embedder(text_model_folder()), "MODEL_QUEUE": SEARCHING, "MODEL_SECONDS": 30}
            cross = save["ms-marco-MiniLM-L6-v2"](folder / "cross")
            reranker = {"BACKEND": f"{LOCAL}CrossEncoderReranker", "OPTIONS": {"model": str(cross), "threads": 1}}
            generation = small_shop(search | {"RERANKER": reranker})
            if "reranking" in wanted:
                measured["reranking"] = measure_reranking(generation, cross, 4 * options.rounds)
            if "queries" in wanted:
                measured["queries"] = measure_queries(generation, search, options.rounds, 4.0)
        connections.close_all()
    print(report(measured))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"goals": GOALS, "measured": measured}, indent=1), encoding="utf-8")
    missed = [name for name, one in measured.items() if one["ratio"] < GOALS[name]]
    if missed:
        print(f"Missed: {', '.join(missed)}.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
