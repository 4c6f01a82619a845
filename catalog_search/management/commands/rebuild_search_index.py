"""Build search indexes: a generation beside the serving one, through Celery workers or right here."""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog_search.exceptions import CatalogSearchError
from catalog_search.indexes import SearchIndex, registry
from catalog_search.indexing import activate, changes, drain, start_generation
from catalog_search.indexing.generations import backfill, finish, prepare, progress
from catalog_search.models import Change, Generation
from catalog_search.tasks import index_changes, prepare_generation, send

POLL_SECONDS = 0.25
WORKER_SECONDS = 60
"""Without progress for so long, no worker seems to run."""
TOLERATED = 0.02
"""Share of products that may fail and leave the generation good enough to serve."""


class Command(BaseCommand):
    """Bring every product into the index; interrupted, it goes on where it stopped."""

    help = "Builds the search indexes: embeds what is new or changed, then lets the new generation serve."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--index", action="append", help="name of an index; may be repeated (default: all)")
        parser.add_argument("--sync", action="store_true", help="embed in this process instead of Celery workers")
        parser.add_argument("--fresh", action="store_true", help="begin anew even where the index is up to date")
        parser.add_argument("--force", action="store_true", help="activate however many products failed")

    def handle(self, *args: Any, index: list[str] | None, **options: Any) -> None:
        """Build each index in turn."""
        try:
            indexes = [registry.get(name) for name in index] if index else list(registry)
            if not indexes:
                raise CommandError("No search index is declared; see @register(Model) in the README.")
            for one in indexes:
                self._build(one, **{name: options[name] for name in ("sync", "fresh", "force", "verbosity")})
        except CatalogSearchError as error:
            raise CommandError(str(error)) from error

    def _build(self, index: SearchIndex, sync: bool, fresh: bool, force: bool, verbosity: int) -> None:
        start = time.monotonic()
        generation = start_generation(index, fresh)
        self._prepare(generation, sync)
        changes.retry(Change.objects.filter(generation=generation).failing())
        queued = backfill(generation)
        self._load(generation, sync, quiet=verbosity == 0)
        self._judge(generation, index, force)
        finish(generation)
        activate(generation)
        if verbosity:
            took = time.monotonic() - start
            done = f"{queued} new products in {took:.1f} s" if queued else "nothing new"
            self.stdout.write(self.style.SUCCESS(f"{index.label}: {done}; generation {generation.pk} serves."))

    def _judge(self, generation: Generation, index: SearchIndex, force: bool) -> None:
        """Refuse to let a generation serve that lost more than a few products."""
        failed = progress(generation)
        if not failed.failed:
            return
        message = f"{failed.failed} products failed and are tried again later, one of them with: {failed.reason}"
        if not force and failed.failed > TOLERATED * index.index_queryset().count():
            raise CommandError(
                f"{message}\nThe new generation does not serve. Mend the cause and run the command again, "
                "or let it serve as it is with --force."
            )
        self.stderr.write(self.style.WARNING(message))

    def _prepare(self, generation: Generation, sync: bool) -> None:
        if generation.state != Generation.State.PREPARING:
            return
        if sync:
            prepare(generation)
            return
        Generation.objects.filter(pk=generation.pk).update(error="")
        send(prepare_generation, generation.pk)
        waiting = Patience()
        while generation.state == Generation.State.PREPARING:
            time.sleep(POLL_SECONDS)
            generation.refresh_from_db()
            if generation.error:
                raise CommandError(f"The worker could not load the model: {generation.error}")
            waiting.check(0)

    def _load(self, generation: Generation, sync: bool, quiet: bool) -> None:
        """Work the changes off, here or by workers, showing count, rate and time left."""
        total = progress(generation).waiting
        if not total:
            return
        with tqdm(total=total, unit=" products", desc=f"Embedding {generation.index}", disable=quiet) as bar:

            def show(_: int = 0) -> int:
                left = progress(generation).waiting
                bar.update(total - left - bar.n)
                return left

            if sync:
                drain(generation.alias, done=show)
                return
            send(index_changes)
            waiting = Patience()
            while left := show():
                waiting.check(left)
                time.sleep(POLL_SECONDS)


class Patience:
    """Gives up with advice when nothing moves for long."""

    def __init__(self) -> None:
        self._left, self._since = -1, time.monotonic()

    def check(self, left: int) -> None:
        """Note what is left to do; raise CommandError where that did not change for WORKER_SECONDS."""
        if left != self._left:
            self._left, self._since = left, time.monotonic()
        elif time.monotonic() - self._since > WORKER_SECONDS:
            raise CommandError(
                f"Nothing moved for {WORKER_SECONDS} s: does a Celery worker run, and listen to the queue of "
                "CATALOG_SEARCH['QUEUE']? Start one, or use --sync. What is done is kept; run the command again."
            )
