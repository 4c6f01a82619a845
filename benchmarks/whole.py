"""What does a whole search cost beside its SQL, and the endpoint beside the search?

100,000 products with real texts and vectors (benchmarks/catalogue.py), the judged catalogue's queries, three lanes,
fusion, membership, facets and a page of 20 live products; the query's vector is in the cache and nothing is reranked.
The reference replays the very statements of each search on a bare psycopg connection, prepared, in binary. The endpoint
is asked through Django's test client. All are asked in turns; the median ratio over the queries is the result.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable
from typing import Any

import psycopg
from pgvector.psycopg import register_vector

from .catalogue import ROWS, large_shop, queries
from .report import Report, in_turns, milliseconds, parser, quartiles, ratio

GOALS = {"search": ("bare SQL", 1.4), "endpoint": ("search", 1.25)}
"""What each is compared with, and the most that it may take as a multiple of that."""
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


def measure(told: Report, url: str, asked: list[str]) -> None:
    """Ask everything in turns and tell medians in milliseconds and ratios."""
    from django.test import Client

    from project.shop.search import ProductIndex

    client = Client(headers={"host": "localhost"})
    gc.freeze()  # as docs/deploy.md advises
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
                found = client.get("/api/search/product/", {"q": text, "page_size": 20, "rerank": "false"})
                assert found.status_code == 200, found.content

            search()
            endpoint()
            statements = captured(search)
            counts.append(len(statements))
            works = {
                "bare SQL": lambda statements=statements: replayed(connection, statements),
                "search": search,
                "endpoint": endpoint,
            }
            own = in_turns({name: lambda _, work=work: milliseconds(work) for name, work in works.items()}, ROUNDS)
            for name, values in own.items():
                taken[name].append(statistics.median(values))
            for stage, spent in search().timings.items():
                stages.setdefault(stage, []).append(spent)
    rows = []
    for name, values in taken.items():
        reference, most = GOALS.get(name, ("", 0.0))
        compared = ratio(values, taken[reference]) if reference else 0.0
        rows.append([name, quartiles(values), f"{compared:.2f} of {reference}" if reference else ""])
        if reference:
            told.goal(f"{name} / {reference}", compared, most=most)
    told.table(f"A search of {told.options.rows:,} products, ms (quartiles)", ["", "ms", "ratio"], rows)
    told.table(
        "Its stages, median ms", ["stage", "ms"], [[one, f"{statistics.median(ms):.1f}"] for one, ms in stages.items()]
    )
    told.table("Statements of a search", ["", "number"], [["fewest", min(counts)], ["most", max(counts)]])


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=ROWS)
    told = Report("whole", options.parse_args())
    with large_shop(told.options.rows) as url:
        measure(told, url, queries())
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
