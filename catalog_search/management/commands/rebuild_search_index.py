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
from catalog_search.exceptions import Unavailable
from catalog_search.indexes import SearchIndex
from catalog_search.indexing import activate, current_generation, drain, start_generation
from catalog_search.indexing.building import demand_complete, retry_failed
from catalog_search.indexing.changes import last_change, progress
from catalog_search.indexing.estimates import Estimate, estimate
from catalog_search.indexing.finishing import finish
from catalog_search.indexing.preparing import prepare
from catalog_search.indexing.reconciling import backfill, reconcile
from catalog_search.indexing.switching import demand_passed, give_up_others, prune
from catalog_search.management.commandline import SearchCommand, integer, number, some_indexes
from catalog_search.management.gate import judge
from catalog_search.measuring import judged_products
from catalog_search.models import Generation
from catalog_search.sql import all_ended, new_transaction, write_alias
from catalog_search.tasks import index_changes, prepare_generation, send

POLL_SECONDS = 0.25
SLICE_SECONDS = 2.0
RING_SECONDS = 10
"""A ring may get lost with the worker that heard it: it is rung again when nothing moves for so long."""
WORKER_SECONDS = 60
"""Without progress for so long, no worker seems to run."""
PREPARING_SECONDS = 600
"""How long a worker may take to load a model and to measure it: a large one on a CPU takes minutes."""
NO_WORKER = "Does a Celery worker run, and listen to the queue of CATALOG_SEARCH['QUEUE']?"
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
        parser.add_argument(
            "--margin", type=number(0, 1), default=0.01, help="how far nDCG@10 may fall (default: 0.01)"
        )
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
        _demand_judgements(index, options)
        generation = start_generation(index, options["fresh"])
        is_new = generation.state == Generation.State.PREPARING
        begun = new_transaction(generation.alias)
        self._prepare(generation, options["sync"])
        _demand_going_on(generation)
        if not self._is_wanted(generation, is_new, options):
            return
        give_up_others(generation)
        retry_failed(generation)
        # A transaction that is open since before it began tells it nothing of what it writes.
        told_of_all = is_new and all_ended(generation.alias, begun)
        queued = sum(backfill(generation))
        worked = self._load(generation, options)
        if not (generation.is_serving or options["force"]):
            demand_complete(generation)
        if (left := progress(generation)).failed:
            self.warn(f"{left.failed} products failed and are tried again later, one of them with: {left.reason}")
        self._finish(generation)
        _demand_going_on(generation)
        for _ in range(CATCH_UPS):
            differing = any(backfill(generation)) if told_of_all else reconcile(generation)
            if not differing and not progress(generation).waiting:
                break
            self._load(generation, options)
        if not generation.is_serving:
            self._switch(index, generation, options)
        if options["verbosity"]:
            took = time.monotonic() - start
            worked_off = f"{queued} new products" if queued else f"changed products done: {worked}" if worked else ""
            done = f"{worked_off} in {took:.1f} s" if worked_off else "nothing new"
            serves = "serves" if generation.is_serving else "is ready"
            self.succeed(f"{index.label}: {done}; generation {generation.pk} {serves}.")

    def _is_wanted(self, generation: Generation, is_new: bool, options: dict[str, Any]) -> bool:
        """Say what building takes, and tell whether to go on; a new generation is given up where not.

        Raises CommandError where it would cost too much.
        """
        expected, limit = estimate(generation), options["limit_cost"]
        if options["verbosity"] and (expected.new or options["estimate"]):
            self.stdout.write(described(generation, expected, 1 if options["sync"] else options["workers"]))
        too_dear = limit is not None and expected.cost > limit
        if is_new and (too_dear or options["estimate"]):
            # Not deleted: whoever saved a product just now, for this one too, could not commit.
            generation.move({generation.state}, state=Generation.State.RETIRED)
        if too_dear:
            raise CommandError(f"About {expected.cost:,.2f} is over the limit of {limit:,.2f}: nothing was embedded.")
        return not options["estimate"]

    def _switch(self, index: SearchIndex, generation: Generation, options: dict[str, Any]) -> None:
        """Let the new generation serve if it may."""
        active = Generation.objects.serving(index, write_alias(index.model))
        if options["judgements"] and active:
            self.stdout.write(
                str(judge(index, active, generation, options["judgements"], options["key"], options["margin"]))
            )
        # What judgements said holds for later runs without them too.
        overruled = options["force"] or active is None
        if not overruled:
            demand_passed(generation)
        withdrawn = generation.is_rolled_back and not options["force"]
        if withdrawn:
            self.warn(f"{generation} was rolled back, and does not serve by itself.")
        if withdrawn or options["activate"] == "manual":
            self.stdout.write(f"To let it serve: manage.py search_generations activate {index.name} {generation.pk}")
            return
        activate(generation, overruled)
        prune(index)

    def _prepare(self, generation: Generation, sync: bool) -> None:
        if generation.state != Generation.State.PREPARING:
            return
        if sync:
            prepare(generation)
            return
        Generation.objects.filter(pk=generation.pk).update(error="")
        try:
            send(prepare_generation, generation.pk)
        except Unavailable as error:
            raise CommandError(f"{error} Or use --sync.") from error
        waiting = Patience(PREPARING_SECONDS)
        hinted = False
        while generation.state == Generation.State.PREPARING:
            time.sleep(POLL_SECONDS)
            generation.refresh_from_db()
            if generation.error:
                raise CommandError(f"The worker could not load the model: {generation.error}")
            if waiting.seconds > WORKER_SECONDS and not hinted:
                self.warn(f"No worker has loaded the model yet. {NO_WORKER}")
                hinted = True
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
            waiting, rung = Patience(WORKER_SECONDS), time.monotonic()
            self._ring(options, total)
            while (now := progress(generation, until)).waiting:
                bar.update(total - now.waiting - bar.n)
                generation.refresh_from_db(fields=["state"])
                paused = generation.state == Generation.State.PAUSED
                if not paused:
                    _demand_going_on(generation)
                bar.set_postfix_str("paused" if paused else "")
                if options["sync"] and drain(generation.alias, SLICE_SECONDS):
                    continue
                # A batch in work moves, if slowly; one of a killed worker comes back when its lease ends.
                if paused or now.in_work:
                    waiting.renew()
                waiting.check(now.waiting, now.reason)
                if min(waiting.seconds, time.monotonic() - rung) > RING_SECONDS:
                    rung = time.monotonic()
                    self._ring(options, now.waiting)
                # Counting a long queue takes PostgreSQL from the workers, and nobody watches one so closely.
                time.sleep(POLL_SECONDS * max(1, now.waiting / 20_000))
            bar.update(total - bar.n)
        return total

    def _finish(self, generation: Generation) -> None:
        """Complete a loaded generation, once its model answers."""
        waiting = Patience(WORKER_SECONDS)
        while True:
            try:
                finish(generation)
            except Unavailable as error:
                waiting.check(0, str(error))
                time.sleep(SLICE_SECONDS)
            else:
                return

    def _ring(self, options: dict[str, Any], products: int) -> None:
        batches = math.ceil(products / settings.BATCH_SIZE)
        try:
            for _ in range(0 if options["sync"] else min(options["workers"], batches)):
                send(index_changes)
        except Unavailable as error:  # it is rung again
            self.warn(error)


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


def _demand_judgements(index: SearchIndex, options: dict[str, Any]) -> None:
    """Raise CatalogSearchError where what is to decide about a new generation cannot be read: not hours later."""
    active = Generation.objects.serving(index, write_alias(index.model))
    if options["judgements"] and active and (options["fresh"] or current_generation(index) != active):
        judged_products(index, options["judgements"], options["key"])


def _demand_going_on(generation: Generation) -> None:
    """Raise CommandError where somebody paused a generation, or gave it up."""
    if generation.state == Generation.State.PAUSED:
        again = f"manage.py search_generations resume {generation.index}"
        raise CommandError(f"{generation} is paused; let it go on: {again}")
    if generation.state == Generation.State.RETIRED:
        raise CommandError(f"{generation} was given up: a newer one serves, or is being built.")


class Patience:
    """Gives up with advice when nothing moves for long."""

    def __init__(self, limit: float) -> None:
        self._limit, self._left = limit, -1
        self.renew()

    def renew(self) -> None:
        """Wait anew: something moved, or there is a good reason why nothing does."""
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """For how long nothing has moved."""
        return time.monotonic() - self._since

    def check(self, left: int, reason: str = "") -> None:
        """Note what is left to do; raise CommandError after too long with nothing done.

        ``reason`` is what the work is known to wait for.
        """
        if left != self._left:
            self._left = left
            self.renew()
        elif self.seconds > self._limit:
            advice = f"It waits for this: {reason}" if reason else f"{NO_WORKER} Start one, or use --sync."
            raise CommandError(
                f"Nothing moved for {self._limit:g} s. {advice}\nWhat is done is kept; run the command again."
            )
