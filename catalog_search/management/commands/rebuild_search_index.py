"""Build search indexes: a generation beside the serving one, through Celery workers or right here."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog_search.conf import settings
from catalog_search.indexes import SearchIndex
from catalog_search.indexing import activate, changes, drain, start_generation
from catalog_search.indexing.building import TOLERATED
from catalog_search.indexing.estimates import Estimate, estimate
from catalog_search.indexing.generations import backfill, finish, last_change, prepare, progress
from catalog_search.indexing.reconciling import reconcile
from catalog_search.indexing.switching import demand_passed, give_up_others, prune
from catalog_search.management.commandline import SearchCommand, integer, number, some_indexes
from catalog_search.management.gate import judge
from catalog_search.models import Change, Generation
from catalog_search.sql import all_ended, new_transaction
from catalog_search.tasks import index_changes, prepare_generation, send

POLL_SECONDS = 0.25
SLICE_SECONDS = 2.0
RING_SECONDS = 10
"""A ring may get lost with the worker that heard it: it is rung again when nothing moves for so long."""
WORKER_SECONDS = 60
"""Without progress for so long, no worker seems to run."""
CATCH_UPS = 3
"""Rounds after loading for what writers did unseen meanwhile; later ones would find what is just being written."""


class Command(SearchCommand):
    help = "Builds the search indexes: embeds what is new or changed, then lets the new generation serve."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--index", action="append", help="name of an index; may be repeated (default: all)")
        parser.add_argument("--sync", action="store_true", help="embed in this process instead of Celery workers")
        parser.add_argument(
            "--workers", type=integer(1, 1000), default=4, help="Celery tasks that work at once at most (default: 4)"
        )
        parser.add_argument("--fresh", action="store_true", help="begin anew even where the index is up to date")
        parser.add_argument("--estimate", action="store_true", help="say what it would take, and stop")
        parser.add_argument("--limit-cost", type=number(), help="stop where the estimated cost is higher")
        parser.add_argument(
            "--activate", choices=["auto", "manual"], default="auto", help="manual: leave the switch to a person"
        )
        parser.add_argument(
            "--judgements",
            type=Path,
            help='let the new generation serve only if it does as well on these queries ("admin": those made there)',
        )
        parser.add_argument("--key", default="pk", help="the product's field that the judgements name (default: pk)")
        parser.add_argument("--margin", type=number(0, 1), help="how far nDCG@10 may fall (default: GATE_MARGIN)")
        parser.add_argument("--force", action="store_true", help="let it serve whatever failed, or judgements say")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit_cost"] is not None and not settings.PRICE_PER_THOUSAND:
            raise CommandError('--limit-cost needs a price: set CATALOG_SEARCH["PRICE_PER_THOUSAND"].')
        indexes = some_indexes(options["index"])
        if not indexes:
            raise CommandError("No search index is declared; see @register(Model) in the README.")
        for index in indexes:
            self._build(index, options)

    def _build(self, index: SearchIndex, options: dict[str, Any]) -> None:
        start = time.monotonic()
        active = Generation.objects.active(index.label)
        generation = start_generation(index, options["fresh"])
        is_new = generation.state == Generation.State.PREPARING
        begun = new_transaction(generation.alias)
        self._prepare(generation, options["sync"])
        if generation.state == Generation.State.PAUSED:
            raise CommandError(
                f"{generation} is paused; let it go on: manage.py search_generations resume {index.name}"
            )
        expected = estimate(generation)
        if options["verbosity"] and (expected.new or options["estimate"]):
            self.stdout.write(described(generation, expected, 1 if options["sync"] else options["workers"]))
        limit = options["limit_cost"]
        too_dear = limit is not None and expected.cost > limit
        if is_new and (too_dear or options["estimate"]):
            generation.delete()
        if too_dear:
            raise CommandError(f"About {expected.cost:,.2f} is over the limit of {limit:,.2f}: nothing was embedded.")
        if options["estimate"]:
            return
        give_up_others(generation)
        changes.retry(Change.objects.using(generation.alias).filter(generation=generation).failing())
        # A transaction that is open since before it began tells it nothing of what it writes.
        told_of_all = is_new and all_ended(generation.alias, begun)
        queued = sum(backfill(generation))
        worked = self._load(generation, options)
        self._assess(generation, index, options["force"])
        finish(generation)
        for _ in range(CATCH_UPS):
            differing = any(backfill(generation)) if told_of_all else reconcile(generation)
            if not differing and not progress(generation).waiting:
                break
            self._load(generation, options)
        if active is None or active.pk != generation.pk:
            self._switch(index, active, generation, options)
        if options["verbosity"]:
            took = time.monotonic() - start
            told = f"{queued} new products" if queued else f"changed products done: {worked}" if worked else ""
            done = f"{told} in {took:.1f} s" if told else "nothing new"
            serves = "serves" if Generation.objects.active(index.label) == generation else "is ready"
            self.succeed(f"{index.label}: {done}; generation {generation.pk} {serves}.")

    def _switch(
        self, index: SearchIndex, active: Generation | None, generation: Generation, options: dict[str, Any]
    ) -> None:
        """Let the new generation serve if it may."""
        by_hand = f"manage.py search_generations activate {index.name} {generation.pk}"
        if options["judgements"] and active:
            margin = settings.GATE_MARGIN if options["margin"] is None else options["margin"]
            verdict = judge(index, active, generation, options["judgements"], options["key"], margin)
            self.stdout.write(str(verdict))
        # What judgements said holds for later runs without them too.
        overruled = options["force"] or active is None
        if not overruled:
            demand_passed(generation)
        if options["activate"] == "manual":
            self.stdout.write(f"To let it serve: {by_hand}")
            return
        activate(generation, overruled)
        prune(index)

    def _assess(self, generation: Generation, index: SearchIndex, force: bool) -> None:
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
        self.warn(message)

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

    def _load(self, generation: Generation, options: dict[str, Any]) -> int:
        """Work off the changes that are there now, here or by workers, showing count, rate and time left; return how
        many products they concern.
        """
        until = last_change(generation)
        total = progress(generation, until).waiting
        if not total:
            return 0
        quiet = options["verbosity"] == 0
        with tqdm(total=total, unit=" products", desc=f"Embedding {generation.index}", disable=quiet) as bar:
            waiting = Patience()
            self._ring(options, total)
            while (now := progress(generation, until)).waiting:
                bar.update(total - now.waiting - bar.n)
                generation.refresh_from_db(fields=["state"])
                if generation.state == Generation.State.RETIRED:
                    raise CommandError(f"{generation} was given up: a newer one serves, or is being built.")
                paused = generation.state == Generation.State.PAUSED
                bar.set_postfix_str("paused" if paused else "")
                if options["sync"] and drain(generation.alias, SLICE_SECONDS):
                    continue
                # A batch in work moves, if slowly; one of a killed worker comes back when its lease ends.
                waiting.check(-1 if paused or now.in_work else now.waiting)
                if waiting.seconds > RING_SECONDS:
                    self._ring(options, now.waiting)
                # Counting a long queue takes PostgreSQL from the workers, and nobody watches one so closely.
                time.sleep(POLL_SECONDS * max(1, now.waiting / 20_000))
            bar.update(total - bar.n)
        return total

    def _ring(self, options: dict[str, Any], products: int) -> None:
        batches = math.ceil(products / settings.BATCH_SIZE)
        for _ in range(0 if options["sync"] else min(options["workers"], batches)):
            send(index_changes)


def described(generation: Generation, expected: Estimate, workers: int) -> str:
    """Return an estimate as operators read it."""
    parts = [f"{expected.products:,} products", f"{expected.known:,} with a vector on record"]
    parts.append(f"{expected.new:,} to embed with about {expected.pictures:,} pictures")
    seconds = expected.seconds(workers)
    if expected.new and seconds is not None and expected.rate:
        left = tqdm.format_interval(int(seconds))
        parts.append(f"about {left} at {expected.rate:,.1f} products a second with each of {workers} workers")
    if settings.PRICE_PER_THOUSAND:
        parts.append(f"about {expected.cost:,.2f} at {settings.PRICE_PER_THOUSAND:g} per thousand")
    return f"{generation}: {', '.join(parts)}."


class Patience:
    """Gives up with advice when nothing moves for long."""

    def __init__(self) -> None:
        self._left, self._since = -1, time.monotonic()

    @property
    def seconds(self) -> float:
        """For how long nothing has moved."""
        return time.monotonic() - self._since

    def check(self, left: int) -> None:
        """Note what is left to do, -1 for a good reason to wait; raise CommandError after WORKER_SECONDS of nothing."""
        if left != self._left or left < 0:
            self._left, self._since = left, time.monotonic()
        elif self.seconds > WORKER_SECONDS:
            raise CommandError(
                f"Nothing moved for {WORKER_SECONDS} s: does a Celery worker run, and listen to the queue of "
                "CATALOG_SEARCH['QUEUE']? Start one, or use --sync. What is done is kept; run the command again."
            )
