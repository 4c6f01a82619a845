"""Run what people ask under two configurations, and show query by query how the results differ."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from tqdm import tqdm

from catalog_search.comparison import Asked, Comparison, Options, asked_most, compare
from catalog_search.evaluation import Evaluation, Judgements, Outcome, evaluate
from catalog_search.indexes import SearchIndex
from catalog_search.management.commandline import (
    MOST_DAYS,
    SearchCommand,
    add_files,
    integer,
    the_index,
    write_files,
)
from catalog_search.management.replays import Replay
from catalog_search.measuring import WAYS, judged_products, serving
from catalog_search.merchandising import steps_with
from catalog_search.merchandising.exchange import read_table
from catalog_search.merchandising.notation import complaints, read
from catalog_search.merchandising.rulings import in_order, ruling_of
from catalog_search.models import Generation

KEYS: dict[str, Any] = {
    "settings": dict,
    "generation": int,
    "rules": str | list,
    "lanes": list,
    "rerank": bool,
    "cutoff": float | int | None,
    "language": str,
}
"""What a configuration may hold, and of what kind that is."""


class Command(SearchCommand):
    help = "Runs a file of queries, or those asked most, under two configurations and shows how the results differ."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "file", type=Path, nargs="?", help="queries, one a line, after a tab how often (default: the query log)"
        )
        forms = f"JSON with some of {', '.join(KEYS)}, a file with it, or one of {', '.join(WAYS)}"
        parser.add_argument("--before", default="{}", metavar="CONFIG", help=f"{forms} (default: as it serves)")
        parser.add_argument("--after", default="{}", metavar="CONFIG", help="what to compare with it, likewise")
        parser.add_argument("--index", default="", help="name of the index (default: the only one)")
        parser.add_argument("--top", type=integer(), default=100, help="so many queries of the log (default: 100)")
        parser.add_argument("--days", type=integer(1, MOST_DAYS), default=30, help="how far to look back (default: 30)")
        parser.add_argument("--judgements", type=Path, help="judged queries: adds nDCG@10, and replays these alone")
        parser.add_argument("--key", default="pk", help="the product's field that the judgements name (default: pk)")
        parser.add_argument("--show", type=integer(0), default=20, help="queries in the table (default: 20)")
        add_files(parser, "every difference", "the differing results")

    def handle(self, *args: Any, **options: Any) -> None:
        index = the_index(options["index"])
        serving(index)
        before, after = (configuration(index, options[name]) for name in ("before", "after"))
        if before == after:
            raise CommandError("Both ways to search are the same: give --after, as in --after '{\"rerank\": false}'.")
        judgements: Judgements = {}
        if options["judgements"]:
            judgements, _missing = judged_products(index, options["judgements"], options["key"])
        asked = _searches(index, judgements, options)
        if not asked:
            raise CommandError("There is nothing to replay: the log is empty; give a file of queries.")
        with tqdm(asked, unit=" queries", disable=options["verbosity"] == 0) as bar:
            found = compare(index, bar, before, after)
        replay = Replay(
            index=index.label,
            names=(options["before"], options["after"]),
            comparison=found,
            scores=_scores(judgements, found),
            shown=options["show"],
        )
        self.stdout.write(str(replay))
        write_files(replay, options)


def _searches(index: SearchIndex, judgements: Judgements, options: dict[str, Any]) -> list[Asked]:
    if options["file"]:
        return read_queries(options["file"])
    if judgements:
        return [Asked(query) for query in judgements]
    return asked_most(index, options["days"], options["top"])


def configuration(index: SearchIndex, written: str) -> Options:
    """Return a configuration as ``compare`` takes it. Raises CommandError with what is wrong.

    ``rules`` names a table of rules that act instead of those in force; an empty list lets none act. ``generation``
    is the key of one that is ready.
    """
    if written in WAYS:
        return WAYS[written]
    try:
        parsed = json.loads(written if written.lstrip().startswith("{") else Path(written).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{written!r} is no configuration: {error}") from error
    if not isinstance(parsed, dict) or parsed.keys() - set(KEYS):
        raise CommandError(f"{written!r} is no configuration: give some of {', '.join(KEYS)}.")
    for name, value in parsed.items():
        if not isinstance(value, KEYS[name]):
            raise CommandError(f"{written!r} is no configuration: {name} cannot be {json.dumps(value)}.")
    options: dict[str, Any] = dict(parsed)
    if "generation" in options:
        ready = Generation.objects.of(index.label).filter(state=Generation.State.READY)
        options["generation"] = next((one for one in ready if one.pk == parsed["generation"]), None)
        if options["generation"] is None:
            raise CommandError(f"{index.label} has no ready generation {parsed['generation']}; see search_generations.")
    if "rules" in options:
        options |= rules_of(options.pop("rules"))
    return options


def rules_of(path: str | list[Any]) -> Options:
    """Return the steps by which the rules of a table act instead of those in force."""
    rulings = []
    for place, written in read_table(Path(path).read_text(encoding="utf-8")).rules if isinstance(path, str) else ():
        try:
            rule, actions = read(written)
        except ValidationError as error:
            raise CommandError("\n".join(f"{path}, {place}: {text}" for text in complaints(error))) from error
        ruling, _problems = ruling_of(rule, actions)
        rulings += [ruling] if ruling and rule.enabled else []
    return steps_with(in_order(rulings))


def read_queries(path: Path) -> list[Asked]:
    """Read queries, one a line; a number after a tab says how often each is asked."""
    asked = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        text, _tab, count = line.partition("\t")
        if text.strip():
            asked.append(Asked(text.strip(), count=int(count) if count.strip().isdecimal() else 1))
    return asked


def _scores(judgements: Judgements, found: Comparison) -> tuple[Evaluation, Evaluation] | None:
    judged = {one.asked.text: one for one in found.pages if one.asked.text in judgements}
    if not judged:
        return None
    graded = {query: judgements[query] for query in judged}
    first, second = (
        evaluate(name, graded, {query: Outcome(one.keys[side], len(one.keys[side])) for query, one in judged.items()})
        for side, name in enumerate(("before", "after"))
    )
    return first, second
