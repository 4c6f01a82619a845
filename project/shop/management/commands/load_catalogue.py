"""Load a folder of products into the shop, without building the index."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from project.shop.catalogue import CatalogueError, load_catalogue, read_lines


class Command(BaseCommand):
    """Load or update the products of a catalogue folder."""

    help = "Loads the products of a folder with catalog.jsonl and pictures; rebuild_search_index then indexes them."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path, help="a folder with catalog.jsonl and its pictures")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Load with a progress bar."""
        try:
            with tqdm(total=sum(1 for _ in read_lines(folder)), unit=" products") as bar:
                load_catalogue(folder, done=bar.update)
        except CatalogueError as error:
            raise CommandError(str(error)) from error
