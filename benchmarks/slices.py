"""How strict is silence in a small shop? Slices of the judged catalogue, asked for what it sells and what it does not.

For each size: how many queries of the shop's own trade find something, and how many of other trades find nothing, where
as much is demanded as of a large catalogue and where less is, as the size has it (``searching.silence``).
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import django

from .relevance import FOREIGN, KEPT, WAYS, ask, convert, is_at_hand, of_catalogue
from .vector_lane import scratch_database

LISTS = {"own": Path(__file__).parent / "own_queries.txt", "foreign": FOREIGN}
SIZES = (200, 500, 2000, 5000)
SILENT = 0.85
"""The least share of queries of other trades that must find nothing, at every size."""


def slices(rows: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield sizes with the lines of a catalogue of so many products, each a part of the next and drawn at random."""
    drawn = random.Random(5).sample(rows, max(SIZES))
    yield from ((size, drawn[:size]) for size in SIZES)


def measure(folder: Path) -> list[dict[str, Any]]:
    """Load slice after slice, ask each, and return what was found."""
    from django.conf import settings
    from django.core.management import call_command

    from catalog_search.models import Generation
    from catalog_search.searching import silence
    from project.shop.models import Product

    settings.CATALOG_SEARCH = {"EMBEDDER": {"BACKEND": "benchmarks.kept.KeptMiniLM", "OPTIONS": {"folder": str(KEPT)}}}
    settings.MEDIA_ROOT = tempfile.mkdtemp()
    call_command("migrate", verbosity=0)
    asked = {name: list(filter(None, path.read_text(encoding="utf-8").split("\n"))) for name, path in LISTS.items()}
    usual, measured = silence.LESS_BY_TENTH, []
    with tempfile.TemporaryDirectory() as converted:
        catalogue = Path(converted) / "catalog.jsonl"
        convert(folder, Path(converted))
        for size, rows in slices(catalogue.read_text(encoding="utf-8").strip("\n").split("\n")):
            catalogue.write_text("\n".join(rows), encoding="utf-8")
            call_command("load_catalogue", converted, verbosity=0)
            call_command("rebuild_search_index", "--sync", "--fresh", verbosity=0)
            search = ask(WAYS["hybrid"], dict(Product.objects.values_list("pk", "reference")))
            row: dict[str, Any] = {"products": size, "nearness": Generation.objects.active("shop.product").nearness}
            for way, less in {"large": 0.0, "own": usual}.items():
                silence.LESS_BY_TENTH = less
                found = {
                    name: sum(bool(search(query).total) for query in own) / len(own) for name, own in asked.items()
                }
                row[way] = {"found": found["own"], "silent": 1 - found["foreign"]}
            measured.append(row)
    silence.LESS_BY_TENTH = usual
    return measured


def report(measured: Sequence[dict[str, Any]]) -> str:
    """Return the table that people read."""
    lines = ["products   own queries found, as of many products   by size   other trades silent, as of many   by size"]
    for row in measured:
        many, own = row["large"], row["own"]
        lines.append(
            f"{row['products']:8,}   {many['found']:39.0%}   {own['found']:7.0%}   {many['silent']:29.0%}   "
            f"{own['silent']:7.0%}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = of_catalogue(__doc__)
    parser.add_argument("--json", type=Path, default=KEPT / "slices.json", help="write everything measured there")
    options = parser.parse_args()
    if not is_at_hand(options.folder):
        return 0
    with scratch_database():
        django.setup()
        measured = measure(options.folder)
    print(report(measured))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    loud = [row["products"] for row in measured if row["own"]["silent"] < SILENT]
    if loud:
        print(f"Missed: less than {SILENT:.0%} of the queries of other trades find nothing in {loud} products.")
    return int(bool(loud))


if __name__ == "__main__":
    sys.exit(main())
