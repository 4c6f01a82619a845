"""The app beside what one would pick else: Chroma and LanceDB for vectors with filters, django-modelsearch for words.

Each peer runs in a process of its own, in an environment of its own that is made at the first run, and is asked the
same in turns; what is timed is the call in its process, not the way there. Vectors: the nearest hundred of 100,000
products, without and with filters of category, stock and price together, recall of the first ten. Words: a judged
catalogue's queries, nDCG@10; the app with its words and identifiers alone and as hybrid, query vectors in the cache.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import django
import numpy as np
import psycopg

from .catalogue import large_shop
from .filling import NARROWING, index, make_products
from .relevance import CATALOGUE, read_products
from .report import KEPT, Report, apart, in_turns, milliseconds, parser, quartiles
from .vector_lane import RECALL, by_app
from .vectors import nearest, similarities, worlds
from .world import scratch_database

ENVIRONMENT = KEPT / "peers"
PACKAGES = ["chromadb==1.5.9", "lancedb==0.40.0", "modelsearch==1.3.2", "psycopg[binary]==3.3.9", "django==5.2.19"]
STORES = ("chromadb", "lancedb")
LIMIT = 100


def python() -> str:
    """Return the interpreter of the peers' environment, which is made where it lacks."""
    interpreter, made = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    if not made.is_file() or made.read_text() != " ".join(PACKAGES):
        venv.create(ENVIRONMENT, with_pip=True, clear=True, symlinks=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        made.write_text(" ".join(PACKAGES))
    return str(interpreter)


@contextmanager
def peer(name: str, folder: Path, **environment: str) -> Iterator[tuple[float, Callable[[Mapping[str, Any]], Any]]]:
    """Start a peer and load it; yields how long that took and a way to ask it."""
    script = Path(__file__).with_name("peer.py")
    command = [python(), str(script), name, str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    assert process.stdin
    assert process.stdout
    source, sink = process.stdout, process.stdin

    def read() -> Any:
        while line := source.readline():
            if line.startswith("{"):  # a library may print
                return json.loads(line)
        raise SystemExit(f"{name} ended.")

    def ask(asked: Mapping[str, Any]) -> Any:
        sink.write(json.dumps(asked) + "\n")
        sink.flush()
        return read()

    try:
        yield read()["seconds"], ask
    finally:
        sink.close()
        process.wait(60)


def vectors(told: Report, rows: int, queries: int) -> None:
    """Compare vector searches of one shop."""
    from django.conf import settings
    from django.db import connection

    from project.shop.models import Category, Product

    name, (own, asked) = list(worlds(rows, queries, dimensions=384).items())[-1]
    backend = "catalog_search.backends.dummy.DummyEmbedder"
    settings.CATALOG_SEARCH = {"EMBEDDER": {"BACKEND": backend, "OPTIONS": {"dimensions": own.shape[1]}}}
    make_products(rows)
    generations: list[Any] = []
    seconds = {"app": milliseconds(lambda: generations.append(index(own))) / 1000}
    fields = list(zip(*Product.objects.order_by("pk").values_list("pk", "category", "stock", "price"), strict=True))
    keys, categories, stock, price = (np.array(list(map(float, column))) for column in fields)
    similar = similarities(asked, own)
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        np.save(folder / "vectors.npy", own)
        np.save(folder / "queries.npy", asked)
        columns = {"keys": keys.astype(int), "category": categories.astype(int), "stock": stock.astype(int)}
        np.savez(folder / "columns.npz", price=price, **columns)
        peers = {}
        for store in STORES:
            seconds[store], peers[store] = stack.enter_context(peer(store, folder))
        rows_told = []
        for share, narrowing in NARROWING.items():
            kept, among = None, np.ones(rows, dtype=bool)
            if narrowing:
                category = Category.objects.get(path=narrowing["category__path"]).pk
                kept = {"category": category, "price": narrowing["price__lt"]}
                among = (categories == category) & (stock > 0) & (price < kept["price"])
            truth = nearest(similar, keys.astype(np.int64), among)
            lane = by_app(generations[0], narrowing, LIMIT)
            recalls: dict[str, list[float]] = {}

            def timed(
                way: str, number: int, lane: Any = lane, kept: Any = kept, truth: Any = truth, recalls: Any = recalls
            ) -> float:
                found: list[str] = []
                if way == "app":
                    taken = milliseconds(lambda: found.extend(lane(asked[number])))
                else:
                    answer = peers[way]({"query": number, "filter": kept})
                    taken, found = answer["ms"], answer["keys"]
                recalls.setdefault(way, []).append(len(truth[number] & set(found[:10])) / max(len(truth[number]), 1))
                return taken

            for way in ("app", *STORES):
                timed(way, 0)
            recalls.clear()
            ways = {way: lambda number, way=way: timed(way, number) for way in ("app", *STORES)}
            taken = in_turns(ways, len(asked))
            recall = {way: float(np.mean(recalls[way])) for way in ways}
            for way in ways:
                rows_told.append([f"{share:.1%}", way, quartiles(taken[way], ".2f"), f"{recall[way]:.3f}"])
            told.goal(f"recall@10, {share:.1%} kept", recall["app"], least=RECALL)
            for store in STORES:
                what = f"app / {store}, {share:.1%} kept, whose recall is {recall[store]:.3f}"
                told.goal(what, statistics.median(taken["app"]) / statistics.median(taken[store]), most=1.0)
    connection.close()
    heads = ["kept", "who", "ms (quartiles)", "recall@10"]
    told.table(f"The nearest {LIMIT} of {rows:,} x {name}", heads, rows_told)
    told.table("Loaded and indexed", ["who", "seconds"], [[who, f"{taken:.0f}"] for who, taken in seconds.items()])


def words(told: Report, folder: Path) -> None:
    """Compare keyword searches of a judged catalogue."""
    from django.db import connection

    from catalog_search import evaluation
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    products = read_products(folder)
    known = {f"{number:06}": str(one["id"]) for number, one in enumerate(products)}
    references = {str(pk): known[reference] for pk, reference in Product.objects.values_list("pk", "reference")}
    there = set(known.values())
    judgements = {
        query: {key: grade for key, grade in grades.items() if key in there}
        for query, grades in evaluation.read_judgements(folder).items()
    }
    texts = list(judgements)
    usual: dict[str, Any] = {
        "page_size": LIMIT,
        "facet_counts": False,
        "group_by": False,
        "arrange": (),
        "rerank": False,
    }

    def app(text: str, **options: Any) -> tuple[float, list[str]]:
        found: list[Any] = []
        taken = milliseconds(lambda: found.append(ProductIndex.search(text, **usual, **options)))
        return taken, [references[str(hit.object.pk)] for hit in found[0]]

    database = f"bench_peer_{os.getpid()}"
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {database}")
        try:
            with tempfile.TemporaryDirectory() as temporary:
                write_texts(Path(temporary), products)
                url = f"{server.rpartition('/')[0]}/{database}"
                with peer("modelsearch", Path(temporary), PEER_DATABASE=url) as (_, ask):
                    compare(told, texts, judgements, app, ask)
        finally:
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
    connection.close()


def compare(
    told: Report, texts: Sequence[str], judgements: Mapping[str, Mapping[str, int]], app: Any, ask: Any
) -> None:
    """Ask the app and django-modelsearch in turns, and tell time and nDCG."""
    from catalog_search.evaluation import NDCG, Outcome, evaluate

    def modelsearch(text: str, operator: str) -> tuple[float, list[str]]:
        answer = ask({"query": text, "operator": operator})
        return answer["ms"], answer["keys"]

    ways: dict[str, Callable[[str], tuple[float, list[str]]]] = {
        "app, words": lambda text: app(text, lanes=("identifiers", "words")),
        "app, hybrid": app,
        "modelsearch, all words": lambda text: modelsearch(text, "and"),
        "modelsearch, any word": lambda text: modelsearch(text, "or"),
    }
    ranked: dict[str, dict[str, Any]] = {name: {} for name in ways}

    def timed(name: str, number: int) -> float:
        taken, keys = ways[name](texts[number])
        ranked[name][texts[number]] = Outcome(keys, len(keys))
        return taken

    for name in ways:
        timed(name, 0)
    taken = in_turns({name: lambda number, name=name: timed(name, number) for name in ways}, len(texts))
    scores = {name: evaluate(name, judgements, outcomes).means[NDCG] for name, outcomes in ranked.items()}
    rows = [[name, quartiles(taken[name]), f"{scores[name]:.3f}"] for name in ways]
    told.table(f"{len(texts)} judged queries", ["who", "ms (quartiles)", "nDCG@10"], rows)
    best = max(scores["modelsearch, all words"], scores["modelsearch, any word"])
    told.goal("nDCG@10 of hybrid over modelsearch's best", scores["app, hybrid"] - best, least=0.0)
    peers = [statistics.median(taken[name]) for name in ways if name.startswith("modelsearch")]
    told.goal("app, words / modelsearch's faster", statistics.median(taken["app, words"]) / min(peers), most=1.0)
    told.goal("app, hybrid / modelsearch's faster", statistics.median(taken["app, hybrid"]) / min(peers), most=1.0)


def write_texts(folder: Path, products: Sequence[Mapping[str, Any]]) -> None:
    """Write what django-modelsearch indexes."""
    with (folder / "products.jsonl").open("w", encoding="utf-8") as out:
        for one in products:
            keywords = " ".join(f"{name} {value}" for name, value in (one.get("attributes") or {}).items())
            row = {"key": str(one["id"]), "name": one["title"], "keywords": keywords.replace("\x00", " ")}
            row |= {name: one.get(name) or "" for name in ("brand", "category", "description")}
            out.write(json.dumps(row) + "\n")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--queries", type=int, default=60)
    options.add_argument("--part", choices=["vectors", "words"], help="only that")
    told = Report("peers", options.parse_args())
    rows, queries = told.options.rows, told.options.queries
    if told.options.part == "vectors":
        with scratch_database():
            django.setup()
            vectors(told, rows, queries)
    elif told.options.part == "words":
        if (CATALOGUE / "products.jsonl.gz").is_file():
            with large_shop(len(read_products(CATALOGUE))):
                words(told, CATALOGUE)
        else:
            print(f"Skipped: {CATALOGUE} holds no judged catalogue.")
    else:
        for part in ("vectors", "words"):  # each in a database of its own, of which the other must remember nothing
            kept = apart("peers", "--part", part, "--rows", rows, "--queries", queries)
            for table in kept["tables"]:
                told.table(**table)
            for goal in kept["goals"]:
                told.goal(**{name: goal[name] for name in ("what", "value", "most", "least")})
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
