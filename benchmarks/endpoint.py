"""How many requests a second does the endpoint serve, beside a naive view that does the same search by the ORM?

Gunicorn with two workers serves both from the same database of real products; sixteen clients on this machine ask the
judged catalogue's queries, for a few seconds each side in turns. Vectors of queries are in the cache, nothing is
reranked, nobody is throttled.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from project import services
from project.services import children

from .catalogue import ROWS, large_shop, queries
from .report import Report, in_turns, parser, quantile, quartiles, ratio

WORKERS, CLIENTS = 2, 16
FASTER, TAIL = 1.8, 5.0
"""The least times that the endpoint serves what the naive view does; the most that its p99 is of its p50."""


@contextmanager
def serving() -> Iterator[int]:
    """Serve the project by gunicorn; yields the port."""
    from django.conf import settings

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}"]
    own = {
        "DJANGO_SETTINGS_MODULE": "benchmarks._settings",
        "BENCHMARK_SEARCH": json.dumps(settings.CATALOG_SEARCH),
        "BENCHMARK_URLS": "benchmarks.naive",
    }
    log = services.DATA / "logs" / "benchmark-gunicorn.log"
    with children.running([*command, "project.wsgi:application"], log, env=os.environ | own) as process:
        end = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"gunicorn did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield port


def ask(port: int, path: str) -> float:
    """Ask for a page; return the seconds. Raises SystemExit on anything but an answer."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {body[:500]!r}")
    return time.perf_counter() - start


def load(port: int, paths: Sequence[str], seconds: float) -> list[float]:
    """Let all clients ask for so long; return the seconds that each answer took."""
    taken: list[float] = []
    failed: list[BaseException] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        draw = random.Random(number)
        try:
            while time.monotonic() < end and not failed:
                taken.append(ask(port, draw.choice(paths)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        raise error
    return taken


def measure(told: Report, asked: list[str]) -> None:
    """Ask both sides in turns and tell."""
    from catalog_search.backends import get_embedder
    from catalog_search.content import Content
    from catalog_search.models import Generation
    from project.shop.search import ProductIndex

    from . import naive

    generation = Generation.objects.active("shop.product")
    naive.fill(generation)
    vectors = get_embedder().encode([Content(text) for text in asked], "query")
    for text, vector in zip(asked, vectors, strict=True):
        naive.keep_vector(text, vector)
        ProductIndex.search(text, rerank=False)  # its vector is in the cache from now on
    usual = {"page_size": 20, "rerank": "false"}
    paths = {
        "endpoint": [f"/api/search/product/?{urlencode({'q': text, **usual})}" for text in asked],
        "naive view": [f"/naive/?{urlencode({'q': text})}" for text in asked],
    }
    latencies: dict[str, list[float]] = {name: [] for name in paths}
    with serving() as port:
        for own in paths.values():
            for path in own:
                ask(port, path)

        def rate(name: str) -> float:
            taken = load(port, paths[name], told.options.seconds)
            latencies[name] += taken
            return len(taken) / told.options.seconds

        rates = in_turns({name: lambda _, name=name: rate(name) for name in paths}, told.options.rounds)
    rows = []
    for name, taken in latencies.items():
        milliseconds = [f"{1000 * quantile(taken, share):.0f}" for share in (0.5, 0.95, 0.99)]
        rows.append([name, quartiles(rates[name]), *milliseconds])
    title = f"{told.options.rows:,} products, {WORKERS} workers, {CLIENTS} clients"
    told.table(title, ["", "requests a second", "p50 ms", "p95 ms", "p99 ms"], rows)
    own = latencies["endpoint"]
    told.goal("requests a second / naive view", ratio(rates["endpoint"], rates["naive view"]), least=FASTER)
    told.goal("p99 / p50", quantile(own, 0.99) / quantile(own, 0.5), most=TAIL)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=ROWS)
    options.add_argument("--seconds", type=float, default=8.0, help="of one round of one side")
    options.add_argument("--rounds", type=int, default=4)
    told = Report("endpoint", options.parse_args())
    with large_shop(told.options.rows):
        measure(told, queries())
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
