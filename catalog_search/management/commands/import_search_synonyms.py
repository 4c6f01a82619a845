"""Bring in synonyms from an export of another engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from catalog_search.management.commandline import SearchCommand
from catalog_search.wording.exchange import bring_in_synonyms


class Command(SearchCommand):
    help = "Imports synonyms from the JSON that Algolia and Typesense export; what is there already stays."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="an export in JSON")
        parser.add_argument("--index", default="", help="the index that they are for (default: every one)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        text = options["file"].read_text(encoding="utf-8-sig")
        outcome = bring_in_synonyms(text, options["index"], options["dry_run"])
        self.warn(*outcome.remarks)
        for row in outcome.made:
            self.stdout.write(f"  {row}")
        self.stdout.write(f"{outcome}{'; nothing was saved' if options['dry_run'] else ''}.")
