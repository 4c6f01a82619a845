"""See the generations of an index, and say which one serves, rests or goes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog_search.indexes import SearchIndex
from catalog_search.indexing import activate, is_outdated, switching
from catalog_search.indexing.changes import progress
from catalog_search.management.commandline import SearchCommand, integer, the_index
from catalog_search.models import Document, Generation
from catalog_search.registry import registry


class Command(SearchCommand):
    help = "Lists the generations of a search index; activates, rolls back, pauses, resumes or prunes them."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        for name, text in (
            ("list", "show the generations (the default)"),
            ("activate", "let a ready generation serve"),
            ("rollback", "let the generation serve that served before"),
            ("pause", "let workers leave the generation that is being built"),
            ("resume", "let workers go on with it"),
            ("prune", "remove generations that no longer serve, with all that belongs to them"),
        ):
            action = actions.add_parser(name, help=text)
            action.add_argument("index", nargs="?", default="", help="name of the index (default: the only one)")
            if name == "activate":
                action.add_argument("generation", type=int, help="its number")
                action.add_argument("--force", action="store_true", help="even where judgements spoke against it")
            if name == "prune":
                action.add_argument("--keep", type=integer(0), default=1, help="kept for a rollback (default: 1)")
                action.add_argument("--thumbnails", action="store_true", help="and thumbnails that no document shows")

    def handle(self, *args: Any, **options: Any) -> None:
        action, name = options.get("action") or "list", options.get("index") or ""
        if action == "prune" and registry.find(name) is None and Generation.objects.of(name).exists():
            self._report(partial(switching.forget, name), options)
        else:
            getattr(self, f"_{action}")(the_index(name), options)

    def _list(self, index: SearchIndex, options: dict[str, Any]) -> None:
        active = Generation.objects.serving(index)
        for one in Generation.objects.of(index.label).live().order_by("pk"):
            state = "serves" if active == one else one.get_state_display().lower()
            if active == one and is_outdated(index):
                state += ", out of date: build a new one with rebuild_search_index"
            left = progress(one)
            documents = Document.objects.filter(generation=one).count()
            parts = [state, f"{documents:,} documents", f"{left.waiting:,} waiting", f"{left.failed:,} failed"]
            parts += [one.ann_index and f"HNSW ({one.quantization.name})", one.error]
            parts.append(f"judgements: {one.verdict}" if "gate" in one.measured else "")
            parts.append("rolled back" if one.is_rolled_back else "")
            self.stdout.write(f"{one}: {'; '.join(filter(None, parts))}")

    def _activate(self, index: SearchIndex, options: dict[str, Any]) -> None:
        generation = Generation.objects.of(index.label).filter(pk=options["generation"]).first()
        if generation is None:
            raise CommandError(f"{index.label} has no generation {options['generation']}.")
        activate(generation, options["force"])
        self.succeed(f"{generation} serves.")

    def _rollback(self, index: SearchIndex, options: dict[str, Any]) -> None:
        self.succeed(f"{switching.rollback(index)} serves again.")

    def _pause(self, index: SearchIndex, options: dict[str, Any]) -> None:
        generation = _the(index, Generation.State.BUILDING)
        switching.pause(generation)
        self.succeed(f"{generation} is paused; what is in work is finished.")

    def _resume(self, index: SearchIndex, options: dict[str, Any]) -> None:
        generation = _the(index, Generation.State.PAUSED)
        switching.resume(generation)
        self.succeed(f"{generation} goes on; run rebuild_search_index where it does not run any more.")

    def _prune(self, index: SearchIndex, options: dict[str, Any]) -> None:
        self._report(partial(switching.prune, index, options["keep"]), options)

    def _report(self, remove: Callable[..., switching.Pruned], options: dict[str, Any]) -> None:
        with tqdm(unit=" rows", disable=options["verbosity"] == 0) as bar:
            gone = remove(thumbnails=options["thumbnails"], done=bar.update)
        self.succeed(
            f"Removed {gone.generations} generations, {gone.documents:,} documents, {gone.indexes} HNSW indexes, "
            f"{gone.thumbnails:,} thumbnails."
        )


def _the(index: SearchIndex, state: Generation.State) -> Generation:
    found = Generation.objects.of(index.label).filter(state=state).order_by("-pk").first()
    if found is None:
        raise CommandError(f"No generation of {index.label} is {state.label.lower()}.")
    return found
