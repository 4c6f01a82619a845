"""What does the first search of a fresh web process cost, beside its later ones, where workers hold the models?

The demo's catalogue and index, and a real Celery worker for MODEL_QUEUE. Each round starts a process that loads the
WSGI application, as a web server does before it takes requests, and is asked through it: queries that nobody asked
before, so that first and later ones alike wait for the worker's vector. No model may come into that process.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import django

from .report import Report, milliseconds, parser, quartiles
from .world import scratch_database, worker

MORE = 200.0
"""The most milliseconds that the first search may take beside a later one."""
LATER = 12
QUEUE = f"benchmark-{os.getpid()}"
MODELS = ("torch", "transformers", "sentence_transformers")


def web_process(seed: int) -> dict[str, Any]:
    """Be a web process: load the application, search, and return the milliseconds of each and what was imported."""
    from django.test import Client

    from project.wsgi import application  # noqa: F401  what a web server loads

    client = Client(headers={"host": "localhost"})
    draw = random.Random(seed)
    words = ["red", "warm", "garden", "mug", "lamp", "wool", "small", "chair", "summer", "gift", "kitchen", "blue"]

    def search() -> None:
        text = " ".join([*draw.sample(words, 2), f"x{draw.randrange(10**9)}"])
        answer = client.get("/api/search/product/", {"q": text, "rerank": "false"})
        if answer.status_code != 200 or answer.json()["degraded"]:
            raise SystemExit(f"The search answered {answer.status_code}: {answer.content[:500]!r}")

    return {
        "ms": [milliseconds(search) for _ in range(1 + LATER)],
        "imported": [name for name in MODELS if name in sys.modules],
    }


def measure(told: Report, folder: Path) -> None:
    """Start processes one after the other and tell."""
    from django.conf import settings
    from django.core.management import call_command

    from project.drawing.catalogue import write_catalogue
    from project.shop.catalogue import load_catalogue

    call_command("migrate", verbosity=0)
    write_catalogue(folder, products=told.options.products)
    load_catalogue(folder)
    call_command("rebuild_search_index", sync=True, verbosity=0)
    search = json.dumps({**settings.CATALOG_SEARCH, "MODEL_QUEUE": f"{QUEUE}_interactive", "MODEL_SECONDS": 10})
    own = {"DJANGO_SETTINGS_MODULE": "benchmarks._settings", "BENCHMARK_SEARCH": search}
    first, later, imported = [], [], set()
    with worker(f"{QUEUE}_interactive", json.loads(search), concurrency=2):
        for number in range(told.options.rounds):
            command = [sys.executable, "-m", "benchmarks.cold", "--process", str(number)]
            done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            found = json.loads(done.stdout.splitlines()[-1])
            first.append(found["ms"][0])
            later.append(statistics.median(found["ms"][1:]))
            imported |= set(found["imported"])
    rows = [["first search of a process", quartiles(first)], ["later ones", quartiles(later)]]
    told.table("A web process that holds no models", ["", "ms (quartiles)"], rows)
    more = statistics.median(one - other for one, other in zip(first, later, strict=True))
    told.goal("ms that the first search takes more", more, most=MORE)
    told.goal(f"model libraries in the web process ({', '.join(sorted(imported)) or 'none'})", len(imported), most=0)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--products", type=int, default=320)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--process", type=int, help="be one of the processes; for this script itself")
    asked = options.parse_args()
    if asked.process is not None:
        print(json.dumps(web_process(asked.process)))
        return 0
    told = Report("cold", asked)
    os.environ |= {"OMP_NUM_THREADS": "1", "SEARCH_QUEUE": QUEUE}
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        os.environ["MEDIA_ROOT"] = f"{folder}/media"
        django.setup()
        measure(told, Path(folder) / "catalogue")
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
