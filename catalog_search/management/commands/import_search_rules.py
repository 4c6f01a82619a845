"""Bring in rules of merchandising from a table, or from an export of another engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from catalog_search.management.commandline import SearchCommand, the_index
from catalog_search.merchandising.exchange import bring_in
from catalog_search.merchandising.reading import FORMATS, read_rules


class Command(SearchCommand):
    help = "Imports rules from CSV, or from the JSON that Algolia and Typesense export: all of them, or none."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a table as export_search_rules writes it, or an export in JSON")
        parser.add_argument("--format", choices=[*FORMATS], default="", help="what the file is (default: look into it)")
        parser.add_argument("--index", default="", help="index of the rules of a JSON export (default: the only one)")
        parser.add_argument("--key", default="pk", help="the product's field that the file names (default: pk)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        text = options["file"].read_bytes().decode("utf-8-sig")  # lines within a cell end as they do
        found = read_rules(the_index(options["index"]), text, options["format"], options["key"])
        self.warn(*found.remarks)
        outcome = bring_in(found, "manage.py", f"Import of {options['file'].name}", options["dry_run"])
        for name in (*outcome.made, *outcome.changed):
            self.stdout.write(f"  {name}: {'new' if name in outcome.made else 'changed'}")
        self.stdout.write(f"{outcome}{'; nothing was saved' if options['dry_run'] else ''}.")
