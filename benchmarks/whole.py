"""What does a whole search cost beside its SQL, and the endpoint beside the search?

100,000 products with real texts and vectors (benchmarks/catalogue.py), the judged catalogue's queries, three lanes,
fusion, membership, facets and a page of 20 live products; the query's vector is in the cache and nothing is reranked.
The reference replays the very statements of each search on a bare psycopg connection, prepared, in binary. The endpoint
is asked through Django's test client. All are asked in turns; the median ratio over the queries is the result.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from pgvector.psycopg import register_vector

from .catalogue import ROWS, large_shop, queries

GOALS = {"search": ("bare SQL", 1.4), "endpoint": ("search", 1.25)}
ROUNDS = 5

Statement = tuple[str, Any]


def captured(search: Callable[[], Any]) -> list[Statement]:
    """Return the statements of a search with their parameters."""
    from django.db import connection

    ran: list[Statement] = []

    def note(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        ran.append((statement, parameters))
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(note):
        search()
    return ran


def replayed(connection: psycopg.Connection[Any], statements: list[Statement]) -> None:
    """Run statements as barely as psycopg can, and read all their rows."""
    for statement, parameters in statements:
        cursor = connection.cursor(binary=True)
        cursor.execute(statement, parameters or None, prepare=True)
        if cursor.description:
            cursor.fetchall()


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(url: str, asked: list[str]) -> dict[str, Any]:
    """Ask everything in turns and return medians in milliseconds and ratios."""
    from django.test import Client

    from project.shop.search import ProductIndex

    client = Client(headers={"host": "localhost"})
    taken: dict[str, list[float]] = {"bare SQL": [], "search": [], "endpoint": []}
    stages: dict[str, list[float]] = {}
    counts = []
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        connection.execute("SET hnsw.iterative_scan = relaxed_order")
        connection.execute("SET hnsw.ef_search = 200")
        for text in asked:

            def search(text: str = text) -> Any:
                return ProductIndex.search(text, page_size=20, rerank=False)

            def endpoint(text: str = text) -> None:
                client.get("/api/search/product/", {"q": text, "page_size": 20, "rerank": "false"})

            search()
            endpoint()
            statements = captured(search)
            counts.append(len(statements))
            own: dict[str, list[float]] = {name: [] for name in taken}
            for _ in range(ROUNDS):
                own["bare SQL"].append(seconds(lambda statements=statements: replayed(connection, statements)))
                own["search"].append(seconds(search))
                own["endpoint"].append(seconds(endpoint))
            for name, values in own.items():
                taken[name].append(1000 * statistics.median(values))
            for stage, spent in search().timings.items():
                stages.setdefault(stage, []).append(spent)
    ratios = {
        name: statistics.median(a / b for a, b in zip(taken[name], taken[reference], strict=True))
        for name, (reference, _) in GOALS.items()
    }
    return {
        "ms": {name: statistics.quantiles(values, n=4) for name, values in taken.items()},
        "ratios": ratios,
        "stages": {stage: statistics.median(values) for stage, values in stages.items()},
        "statements": [min(counts), max(counts)],
    }


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    with large_shop(options.rows) as url:
        measured = measure(url, queries())
    print(f"A search of {options.rows:,} products, milliseconds (quartiles)")
    for name, (low, median, high) in measured["ms"].items():
        ratio = measured["ratios"].get(name)
        reference, goal = GOALS.get(name, ("", 0))
        told = f"   {ratio:.2f} of {reference}, goal {goal}" if ratio else ""
        print(f"{name:>10}  {median:7.1f} ({low:.1f}-{high:.1f}){told}")
    print("stages: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in measured["stages"].items()))
    print(f"statements of a search: {measured['statements'][0]} to {measured['statements'][1]}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    missed = [name for name, (_, goal) in GOALS.items() if measured["ratios"][name] > goal]
    print(f"Missed: {', '.join(missed)}." if missed else "Every goal is met.")
    return int(options.strict and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
