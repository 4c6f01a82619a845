"""Rebuilding a live shop: workers killed in the middle, and searches that never notice a change of model."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from catalog_search.indexing import paused
from catalog_search.models import Change, Document, Generation
from project import services
from project.services import children
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex

from .conftest import PLACE
from .surroundings import database_url

pytestmark = pytest.mark.django_db(transaction=True)

ICECAT = Path(__file__).parents[1].parent / "shared" / "data" / "icecat" / "products.jsonl.gz"


def environment() -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.impatient",
        "DJANGO_DEBUG": "0",
        # No other worker of these tests may do the work.
        "SEARCH_QUEUE": f"rebuilding-{PLACE}",
    }


@contextmanager
def process(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    log = services.DATA / "logs" / f"test-{name}-{PLACE}.log"
    with children.running([sys.executable, *arguments], log, env=environment()) as started:
        yield started


def worker() -> Any:
    command = ["-m", "celery", "-A", "project", "worker", "--pool", "threads", "--concurrency", "2"]
    return process("rebuild-worker", *command, "--without-gossip", "--without-mingle", "--without-heartbeat")


def build_with_kills(kills: int, seconds: float) -> None:
    """Run the command while its worker is killed again and again; check that every product has its document."""
    draw = random.Random(0)
    total = Product.objects.count()
    killed_at = []
    with process("rebuild", "manage.py", "rebuild_search_index", "--workers", "20") as build:
        for kill in range(kills):
            # Somewhere in this kill's share of the work.
            goal = total * (kill + draw.random()) / (kills + 1)
            with worker() as running:
                while Document.objects.count() <= goal:
                    assert build.poll() is None, "The command ended too early."
                    time.sleep(0.005)
                os.killpg(running.pid, signal.SIGKILL)
                killed_at.append(Document.objects.count())
        # So the worker was killed in the middle each time.
        assert all(count < total for count in killed_at), killed_at
        with worker():
            assert build.wait(seconds) == 0

    generation = Generation.objects.active("shop.product")
    assert generation is not None
    assert generation.ann_index
    keys = Counter(Document.objects.filter(generation=generation).values_list("object_key", flat=True))
    assert keys == Counter(str(pk) for pk in Product.objects.values_list("pk", flat=True))
    assert not Change.objects.exists()


def test_a_rebuild_whose_worker_is_killed_is_finished() -> None:
    with paused():
        Product.objects.bulk_create(
            Product(reference=str(n), name=f"Mug {n} of {n % 7} colours", created=timezone.now()) for n in range(3000)
        )

    build_with_kills(2, seconds=60)


@pytest.mark.slow
@pytest.mark.skipif(not ICECAT.exists(), reason=f"There is no {ICECAT}.")
def test_a_rebuild_of_a_whole_catalogue_killed_five_times_is_finished() -> None:
    with gzip.open(ICECAT, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows += [row | {"id": f"{row['id']}-again"} for row in rows[: max(0, 20_000 - len(rows))]]
    with paused():
        names = {row.get("brand") or "" for row in rows} - {""}
        brands = {one.name: one for one in Brand.objects.bulk_create(Brand(name=name[:100]) for name in sorted(names))}
        Product.objects.bulk_create(
            (
                Product(
                    reference=str(row["id"]),
                    name=(row.get("title") or row.get("name") or "?")[:300],
                    description=row.get("description") or "",
                    brand=brands.get((row.get("brand") or "")[:100]),
                    created=timezone.now(),
                )
                for row in rows
            ),
            batch_size=2000,
        )
    assert Product.objects.count() >= 20_000

    build_with_kills(5, seconds=150)


def test_a_change_of_model_under_constant_search_loses_no_search(dummy_models: Any) -> None:
    colours = ["red", "green", "blue", "black", "white"]
    with paused():
        Product.objects.bulk_create(
            Product(reference=str(n), name=f"{colours[n % 5]} mug {n}", created=timezone.now()) for n in range(400)
        )
    dummy_models.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 100, "ANN_EXACT_ROWS": 50}
    call_command("rebuild_search_index", sync=True, verbosity=0)
    over = threading.Event()
    served: Counter[int] = Counter()
    failures: list[str] = []

    def ask(number: int) -> None:
        try:
            while not over.is_set():
                served[number] += 1
                colour = colours[served[number] % 5]
                found = ProductIndex.search(f"{colour} mug", facet_counts=False)
                if found.degraded or not found.total or colour not in found.hits[0].object.name:
                    failures.append(f"{colour}: {found.total} found, degraded {found.degraded}")
        except Exception as error:
            failures.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for dimensions in (32, 48):
            dummy_models.CATALOG_SEARCH |= {
                "EMBEDDER": {
                    "BACKEND": "catalog_search.backends.dummy.DummyEmbedder",
                    "OPTIONS": {"dimensions": dimensions},
                }
            }
            call_command("rebuild_search_index", sync=True, verbosity=0)
            call_command("search_generations", "rollback", verbosity=0)
            call_command("search_generations", "rollback", verbosity=0)
        call_command("search_generations", "prune", keep=0, verbosity=0)
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert failures == []
    assert min(served.values()) > 5
    assert [one.dimensions for one in Generation.objects.live()] == [48]
