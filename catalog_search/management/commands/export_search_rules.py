"""Write the rules of merchandising as a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from catalog_search.management.commandline import SearchCommand
from catalog_search.merchandising.exchange import write_table
from catalog_search.models import Rule
from catalog_search.registry import registry


class Command(SearchCommand):
    help = "Writes the rules of merchandising as CSV, which import_search_rules reads back."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="the file to write (default: to the terminal)")
        parser.add_argument("--index", default="", help="only the rules of this index")

    def handle(self, *args: Any, **options: Any) -> None:
        rules = Rule.objects.prefetch_related("actions")
        if options["index"]:
            rules = rules.filter(index=registry.get(options["index"]).label)
        text = write_table(rules)
        if options["file"] is None:
            self.stdout.write(text, ending="")
            return
        options["file"].write_text(text, encoding="utf-8-sig", newline="")
        self.stdout.write(f"{len(rules)} rules written to {options['file']}.")
