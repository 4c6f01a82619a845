"""Bring in rules of merchandising from a table, or from an export of another engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog_search.exceptions import CatalogSearchError
from catalog_search.management.commands.evaluate_search import chosen_index
from catalog_search.merchandising.exchange import bring_in
from catalog_search.merchandising.reading import FORMATS, read_rules


class Command(BaseCommand):
    """Import rules."""

    help = "Imports rules from CSV, or from the JSON that Algolia and Typesense export: all of them, or none."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, help="a table as export_search_rules writes it, or an export in JSON")
        parser.add_argument("--format", choices=[*FORMATS], default="", help="what the file is (default: look into it)")
        parser.add_argument("--index", default="", help="index of the rules of a JSON export (default: the only one)")
        parser.add_argument("--key", default="pk", help="the product's field that the file names (default: pk)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, say what is lost, and save."""
        try:
            text = options["file"].read_text(encoding="utf-8-sig")
            index = chosen_index(options["index"], serving=False)
            found = read_rules(index, text, options["format"], options["key"])
            for remark in found.remarks:
                self.stderr.write(self.style.WARNING(remark))
            occasion = f"Import of {options['file'].name}"
            outcome = bring_in(found, "manage.py", occasion, options["dry_run"])
        except (OSError, UnicodeDecodeError, CatalogSearchError) as error:
            raise CommandError(str(error)) from error
        for name in (*outcome.made, *outcome.changed):
            self.stdout.write(f"  {name}: {'new' if name in outcome.made else 'changed'}")
        self.stdout.write(f"{outcome}{'; nothing was saved' if options['dry_run'] else ''}.")
