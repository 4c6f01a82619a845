"""Erase searches from the query log."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from catalog_search.management.bounds import MOST_DAYS, number
from catalog_search.querylog.retention import forget


class Command(BaseCommand):
    """Forget searches by age or by what they say."""

    help = "Erases searches and their clicks: older than QUERY_LOG_DAYS, than --days, or those that hold some words."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--days", type=number(0, MOST_DAYS), help="erase what is older; 0 erases everything")
        parser.add_argument("--containing", default="", help="erase only searches whose text holds these words")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase and say how many."""
        self.stdout.write(f"{forget(options['days'], options['containing'])} searches erased.")
