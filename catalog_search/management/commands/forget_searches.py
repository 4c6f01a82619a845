"""Erase searches from the query log, by age or by what they say."""

from __future__ import annotations

import argparse
from typing import Any

from catalog_search.management.commandline import MOST_DAYS, SearchCommand, number
from catalog_search.querylog.retention import forget


class Command(SearchCommand):
    help = "Erases searches and their clicks: older than QUERY_LOG_DAYS, than --days, or those that hold some words."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--days", type=number(0, MOST_DAYS), help="erase what is older; 0 erases everything")
        parser.add_argument("--containing", default="", help="erase only searches whose text holds these words")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{forget(options['days'], options['containing'])} searches erased.")
