"""Compare the whole index with the whole shop, and mend what differs."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog_search.exceptions import CatalogSearchError
from catalog_search.indexes import SearchIndex, registry
from catalog_search.indexing.reconciling import reconcile
from catalog_search.models import Generation
from catalog_search.sql import write_alias


class Command(BaseCommand):
    """Find what no signal told of: raw SQL, bulk writes, files that were replaced."""

    help = "Compares every product with its documents; prints what is missing, orphaned or stale and has it mended."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--index", action="append", help="name of an index; may be repeated (default: all)")
        parser.add_argument("--deep", action="store_true", help="read every picture and compare contents")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, index: list[str] | None, **options: Any) -> None:
        """Compare each live generation of each index."""
        try:
            indexes = [registry.get(name) for name in index] if index else list(registry)
        except CatalogSearchError as error:
            raise CommandError(str(error)) from error
        verbose = options["verbosity"] > 0
        found = [row for one in indexes for row in self._compared(one, verbose, options)]
        width = max(len(name) for name, _ in [("generation", None), *found])
        self.stdout.write("generation".ljust(width) + "   missing  orphaned     stale")
        for name, counts in found:
            self.stdout.write(name.ljust(width) + "".join(f"{count:>10}" for count in counts))
        total = sum(sum(counts) for _, counts in found)
        if verbose and total:
            mended = "Nothing was changed." if options["dry_run"] else "Workers mend them now."
            self.stdout.write(self.style.WARNING(f"{total:,} products differ. {mended}"))

    def _compared(
        self, index: SearchIndex, verbose: bool, options: dict[str, Any]
    ) -> list[tuple[str, tuple[int, int, int]]]:
        alias, rows = write_alias(index.model), []
        for generation in Generation.objects.using(alias).of(index.label).live().filter(built_at__isnull=False):
            total = index.index_queryset().using(alias).count()
            with tqdm(total=total, unit=" products", desc=str(generation), disable=not verbose) as bar:
                found = reconcile(generation, options["deep"], not options["dry_run"], done=bar.update)
            rows.append((str(generation), (found.missing, found.orphaned, found.stale)))
        return rows
