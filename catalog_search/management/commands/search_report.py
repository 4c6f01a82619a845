"""Print what people search for, or draft judgements from what they choose."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog_search.exceptions import CatalogSearchError
from catalog_search.indexes import registry
from catalog_search.management.bounds import MOST_DAYS, integer
from catalog_search.querylog.reports import REPORTS, Line, drafted_judgements


class Command(BaseCommand):
    """Read the query log."""

    help = "Prints the top, rising, vain and unclicked queries of the log, or writes judgements drafted from clicks."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("report", nargs="?", choices=[*REPORTS], help="one report (default: all)")
        parser.add_argument("--index", default="", help="name of the index (default: all)")
        parser.add_argument("--days", type=integer(1, MOST_DAYS), default=7, help="how far to look back (default: 7)")
        parser.add_argument("--limit", type=integer(), default=20, help="queries in a report (default: 20)")
        parser.add_argument("--judgements", type=Path, help="write drafted judgements to this .jsonl file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print or write."""
        try:
            index = registry.get(options["index"]).label if options["index"] else ""
        except CatalogSearchError as error:
            raise CommandError(str(error)) from error
        days = options["days"]
        if options["judgements"]:
            rows = [json.dumps(row, ensure_ascii=False) for row in drafted_judgements(index, days)]
            options["judgements"].write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
            self.stdout.write(f"{len(rows)} judgements drafted; a person should look at them before they decide.")
            return
        for name in [options["report"]] if options["report"] else REPORTS:
            self.stdout.write(self.style.MIGRATE_HEADING(name.replace("-", " ").capitalize()))
            self.stdout.write(table(REPORTS[name](index, days, options["limit"])))


def table(lines: list[Line]) -> str:
    """Lay out the lines of a report."""
    if not lines:
        return "  none\n"
    head = f"  {'query':40}  {'asked':>6}  {'before':>6}  {'in vain':>7}  {'clicked':>7}  {'ms':>6}"
    rows = [
        f"  {line.text[:40]:40}  {line.count:6}  {line.before:6}  {line.without_results:7}  {line.click_rate:7.0%}  "
        f"{line.milliseconds:6.0f}"
        for line in lines
    ]
    return "\n".join([head, *rows, ""])
