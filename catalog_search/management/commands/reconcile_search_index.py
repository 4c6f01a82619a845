"""Compare the whole index with the whole shop, and mend what no signal told of: raw SQL, bulk writes, other files."""

from __future__ import annotations

import argparse
from typing import Any

from tqdm import tqdm

from catalog_search.indexing.reconciling import reconcile
from catalog_search.management.commandline import SearchCommand, some_indexes, table
from catalog_search.models import Generation
from catalog_search.sql import write_alias


class Command(SearchCommand):
    help = "Compares every product with its documents; prints what is missing, orphaned or stale and has it mended."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--index", action="append", help="name of an index; may be repeated (default: all)")
        parser.add_argument("--deep", action="store_true", help="read every picture and compare contents")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        verbose = options["verbosity"] > 0
        rows, differing = [["generation", "missing", "orphaned", "stale"]], 0
        for index in some_indexes(options["index"]):
            alias = write_alias(index.model)
            for generation in Generation.objects.using(alias).of(index.label).live().filter(built_at__isnull=False):
                total = index.index_queryset().using(alias).count()
                with tqdm(total=total, unit=" products", desc=str(generation), disable=not verbose) as bar:
                    found = reconcile(generation, options["deep"], not options["dry_run"], done=bar.update)
                counts = found.missing, found.orphaned, found.stale
                rows.append([str(generation), *map(str, counts)])
                differing += sum(counts)
        self.stdout.write(table(rows))
        if verbose and differing:
            mended = "Nothing was changed." if options["dry_run"] else "Workers mend them now."
            self.stdout.write(self.style.WARNING(f"{differing:,} products differ. {mended}"))
