"""Print what people search for, or draft judgements from what they choose."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from catalog_search.management.commandline import MOST_DAYS, SearchCommand, integer, table
from catalog_search.querylog.reports import REPORTS, Line, drafted_judgements
from catalog_search.registry import registry


class Command(SearchCommand):
    help = "Prints the top, rising, vain and unclicked queries of the log, or writes judgements drafted from clicks."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("report", nargs="?", choices=[*REPORTS], help="one report (default: all)")
        parser.add_argument("--index", default="", help="name of the index (default: all)")
        parser.add_argument("--days", type=integer(1, MOST_DAYS), default=7, help="how far to look back (default: 7)")
        parser.add_argument("--limit", type=integer(), default=20, help="queries in a report (default: 20)")
        parser.add_argument("--judgements", type=Path, help="write drafted judgements to this .jsonl file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        index, days = registry.get(options["index"]).label if options["index"] else "", options["days"]
        if options["judgements"]:
            rows = [json.dumps(row, ensure_ascii=False) for row in drafted_judgements(index, days)]
            options["judgements"].write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
            self.stdout.write(f"{len(rows)} judgements drafted; a person should look at them before they decide.")
            return
        for name in [options["report"]] if options["report"] else REPORTS:
            self.stdout.write(self.style.MIGRATE_HEADING(name.replace("-", " ").capitalize()))
            lines = REPORTS[name](index, days, options["limit"])
            self.stdout.write(f"{table([HEADING, *map(_cells, lines)]) if lines else 'none'}\n\n")


HEADING = ["query", "asked", "before", "in vain", "clicked", "ms"]


def _cells(line: Line) -> list[str]:
    counts = map(str, (line.count, line.before, line.without_results))
    return [line.text[:40], *counts, f"{line.click_rate:.0%}", f"{line.milliseconds:.0f}"]
