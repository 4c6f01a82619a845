"""The index equals the shop, whatever dies while the shop goes on writing."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .world import FAULTS, PATIENCE, world

WRITERS, LEAST = 3, 30
"""How many write at once, and how often each of them at least."""
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))


def each(times: int) -> Iterator[str]:
    """Yield every fault so many times, in any order."""
    faults = FAULTS * times
    random.shuffle(faults)
    return iter(faults)


def during(minutes: float) -> Iterator[str]:
    """Yield any fault until the time is up."""
    end = time.monotonic() + 60 * minutes
    return itertools.takewhile(lambda _: time.monotonic() < end, (random.choice(FAULTS) for _ in itertools.count()))


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(lambda: each(1), id="short"),
        pytest.param(
            lambda: iter(["worker_killed", "connections_cut"]),
            id="pooled",
            marks=pytest.mark.skipif(not shutil.which("pgbouncer"), reason="PgBouncer is not installed."),
        ),
        pytest.param(lambda: each(20), id="long", marks=pytest.mark.slow),
        pytest.param(lambda: during(SOAK_MINUTES), id="soak", marks=pytest.mark.soak),
    ],
)
def test_nothing_is_lost_and_nothing_stale(
    faults: Callable[[], Iterator[str]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(10**6)
    random.seed(seed)
    with world(tmp_path) as here:
        if "pooled" in request.node.name:
            here.pool_connections()
        here.manage("shell", "-c", SHOP)
        here.manage("rebuild_search_index", "--sync", "--verbosity", "0")
        here.manage("rebuild_search_index", "--sync", "--fresh", "--verbosity", "0")  # two that live
        here.manage("search_triggers", "--install")
        here.start_workers(2)
        for number in range(WRITERS):
            arguments = ["-m", "tests.faults.writer", str(seed + number), str(tmp_path), str(LEAST)]
            here.start(f"writer-{number}", *arguments)
        before = here.newest_change()
        here.wait_for(here.newest_change, lambda newest: newest > before, "the first write")

        for fault in faults():
            time.sleep(random.uniform(0.05, 0.5))
            here.suffer(fault, random.uniform(0.2, 1.2))

        (tmp_path / "stop").touch()
        writers = [here.programs.pop(f"writer-{number}") for number in range(WRITERS)]
        try:
            for writer in writers:
                assert writer.process.wait(PATIENCE) == 0, writer.log.read_text()[-3000:]
                assert writer.starts == 1, writer.log.with_suffix(".1.log").read_text()[-5000:]
        finally:
            for writer in writers:
                writer.kill()
        here.wait_for(here.changes, lambda left: left == 0, "changes to be worked off")
        verdict = here.verdict()
        starts = {name: program.starts for name, program in here.programs.items()}
    writes = sum((Counter(json.loads(path.read_text())) for path in tmp_path.glob("writer-*.json")), Counter())
    print(
        f"\nseed {seed}\nwrites {writes.total()} {dict(writes)}\nfaults {dict(here.faults)}\nstarts {starts}\n{verdict}"
    )

    assert writes.total() >= WRITERS * LEAST
    assert verdict["generations"] == 2
    assert verdict["documents"] == 2 * verdict["products"]
    assert verdict["browsed"] == verdict["public"]
    assert verdict["differing"] == verdict["deleted or hidden found"] == verdict["without picture"] == 0


SHOP = """
from django.utils import timezone
from project.shop.models import *
brands = Brand.objects.bulk_create(Brand(name=f"Brand {n}") for n in range(12))
places = Category.objects.bulk_create(Category(path=f"Home > Room {n}") for n in range(5))
Product.objects.bulk_create(
    Product(reference=f"r{n}", sku=f"s{n}", name=f"red mug {n}", brand=brands[n % 12], category=places[n % 5],
            created=timezone.now()) for n in range(120))
"""
