"""Let PostgreSQL itself record what changes, for shops that write past Django's signals."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from catalog_search.indexing import triggers
from catalog_search.management.commandline import SearchCommand
from catalog_search.models import Change
from catalog_search.sql import write_alias


class Command(SearchCommand):
    help = "Installs, removes or shows the database triggers that tell the index of raw SQL and bulk writes."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_mutually_exclusive_group()
        actions.add_argument("--install", action="store_true", help="create or renew them; needs the tables' owner")
        actions.add_argument("--remove", action="store_true", help="drop them, e.g. before removing the app")
        actions.add_argument("--status", action="store_true", help="show what is there and what lacks (the default)")

    def handle(self, *args: Any, **options: Any) -> None:
        self._verbose = options["verbosity"] > 0
        alias = write_alias(Change)
        try:
            if options["install"]:
                self._install(alias)
            elif options["remove"]:
                self._say(f"{alias}: {triggers.remove(alias)} triggers dropped.")
            else:
                self._show(alias)
        except DatabaseError as error:
            raise CommandError(
                f"{alias}: {str(error).strip()}\nTriggers are made after `manage.py migrate`, by the owner of the "
                "tables, and while no transaction holds one for long. What was done stays; run the command again."
            ) from error

    def _install(self, alias: str) -> None:
        created, dropped = triggers.install(alias)
        self._say(f"{alias}: {created} triggers created, {dropped} old ones dropped.")
        if created:
            self._say("For what changed unseen before: manage.py reconcile_search_index")

    def _show(self, alias: str) -> None:
        there, needed = triggers.installed(alias), triggers.wanted(alias)
        for name, table in there.items():
            self.stdout.write(f"{alias}: {table}: {name}{'' if name in needed else ' (out of date)'}")
        missing = len(needed.keys() - there.keys())
        if missing or there.keys() - needed.keys():
            self.stdout.write(self.style.WARNING(f"{alias}: {missing} missing: manage.py search_triggers --install"))
        else:
            self._say(f"{alias}: all {len(there)} triggers are installed.")

    def _say(self, text: str) -> None:
        if self._verbose:
            self.succeed(text)
