"""Measure relevance on judged queries, several ways to search side by side."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog_search import evaluation
from catalog_search.conf import settings
from catalog_search.evaluation import Difference, Evaluation, Judgements, Outcome
from catalog_search.exceptions import CatalogSearchError, NotReady
from catalog_search.indexes import SearchIndex, registry
from catalog_search.models import Generation
from catalog_search.searching import search

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "lexical": {"lanes": ("identifiers", "words"), "rerank": False},
    "vector": {"lanes": ("vectors",), "rerank": False},
    "hybrid": {"rerank": False},
    "reranked": {"rerank": True},
}
"""The options of ``search`` by the name of a configuration."""

SHOWN = 3
"""Winners and losers named for each configuration."""


class Command(BaseCommand):
    """Search for judged queries as a visitor would, and print how good the results are."""

    help = "Measures relevance (nDCG, recall, MRR) and latency on judged queries, several ways to search side by side."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "file", type=Path, help="a folder with queries.jsonl and qrels.tsv, or a file with query, product, grade"
        )
        parser.add_argument("--index", default="", help="name of the index (default: the only one)")
        parser.add_argument("--key", default="pk", help="the product's field that the judgements name (default: pk)")
        parser.add_argument("--compare", default="", help=f"some of {','.join(CONFIGURATIONS)} (default: all)")
        parser.add_argument("--limit", type=int, help="take only so many queries")
        parser.add_argument("--json", type=Path, help="write everything measured to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print."""
        try:
            names = chosen_configurations(options["compare"])
            index = chosen_index(options["index"])
            judgements, missing = judged_products(index, options["file"], options["key"], options["limit"])
            if missing:
                self.stderr.write(self.style.WARNING(f"{missing} judgements are of products not in the catalogue."))
            quiet = options["verbosity"] == 0
            evaluations = [self._evaluate(index, name, judgements, quiet) for name in names]
            floor = evaluation.random_floor(judgements)
        except CatalogSearchError as error:
            raise CommandError(str(error)) from error
        differences = [evaluation.difference(evaluations[0], other) for other in evaluations[1:]]
        self.stdout.write(report(evaluations, floor, differences))
        if options["json"]:
            measured = {"evaluations": [one.as_dict() for one in evaluations], "random": floor.as_dict()}
            options["json"].write_text(json.dumps(measured, ensure_ascii=False, indent=1), encoding="utf-8")

    def _evaluate(self, index: SearchIndex, name: str, judgements: Judgements, quiet: bool) -> Evaluation:
        degraded: list[str] = []
        with tqdm(judgements, unit=" queries", desc=name, disable=quiet) as bar:
            evaluated = evaluation.evaluate(name, judgements, evaluation.run(searcher(index, name, degraded), bar))
        if degraded:
            failed = ", ".join(sorted(set(degraded)))
            self.stderr.write(
                self.style.WARNING(f"{name}: {len(degraded)} searches went without {failed}; see the log.")
            )
        return evaluated


def chosen_configurations(names: str) -> list[str]:
    """Return the configurations asked for, in that order. Raises CommandError on one that cannot be had."""
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in CONFIGURATIONS:
            raise CommandError(f'There is no configuration "{name}"; there are {", ".join(CONFIGURATIONS)}.')
    if "reranked" in chosen and not settings.RERANKER:
        raise CommandError('There is no reranker to measure: set CATALOG_SEARCH["RERANKER"], or leave "reranked" out.')
    return chosen or [name for name in CONFIGURATIONS if name != "reranked" or settings.RERANKER]


def chosen_index(name: str, serving: bool = True) -> SearchIndex:
    """Return the index meant. Raises CommandError where the choice is open, NotReady where it must serve yet."""
    indexes = list(registry)
    if not name and len(indexes) != 1:
        labels = ", ".join(index.label for index in indexes) or "none"
        raise CommandError(f"Name the index; there are: {labels}.")
    index = registry.get(name) if name else indexes[0]
    if serving and Generation.objects.active(index.label) is None:
        raise NotReady
    return index


def judged_products(index: SearchIndex, path: Path, key: str, limit: int | None = None) -> tuple[Judgements, int]:
    """Read judgements by primary key, and how many were left out: their products are not in this catalogue."""
    read = evaluation.read_judgements(path)
    if limit:
        read = dict(list(read.items())[:limit])
    keys = primary_keys(index, key, {product for grades in read.values() for product in grades})
    judgements = {
        query: {keys[product]: grade for product, grade in grades.items() if product in keys}
        for query, grades in read.items()
    }
    judgements = {query: grades for query, grades in judgements.items() if grades}
    if not judgements:
        raise CommandError(
            f'No judged product is in {index.label} by its field "{key}". '
            "Name the field that the judgements mean with --key, for instance --key sku."
        )
    if not any(evaluation.has_answer(grades) for grades in judgements.values()):
        raise CommandError(f"No query has a product graded {evaluation.RELEVANT} or higher: nothing to measure.")
    missing = sum(len(grades) for grades in read.values()) - sum(len(grades) for grades in judgements.values())
    return judgements, missing


def primary_keys(index: SearchIndex, field: str, values: set[str]) -> dict[str, str]:
    """Return primary keys by the values of a field, of products that visitors may see."""
    meta = index.model._meta
    try:
        column = meta.pk if field == "pk" else meta.get_field(field)
    except FieldDoesNotExist:
        names = ", ".join(one.name for one in meta.concrete_fields)
        raise CommandError(f'{index.label} has no field "{field}" for --key; it has: {names}.') from None
    wanted = []
    for value in values:
        try:
            wanted.append(column.to_python(value))  # type: ignore[union-attr]
        except ValidationError:
            continue  # not a value of this field: no product has it
    found = index.queryset().filter(**{f"{field}__in": wanted}).values_list(field, "pk")
    return {str(value): str(pk) for value, pk in found}


def searcher(
    index: SearchIndex, name: str, degraded: list[str], generation: Generation | None = None
) -> Callable[[str], Outcome]:
    """Return a search under a configuration; what failed on the way is noted in ``degraded``.

    The time is that of the page that a visitor gets. The ranking is asked for once more and whole, since the judged
    products of a condensed list may lie deep.
    """

    def outcome(query: str) -> Outcome:
        page = search(index, query, generation=generation, **CONFIGURATIONS[name])
        degraded.extend(page.degraded[:1])
        whole = search(index, query, page_size=settings.MAX_CANDIDATES, generation=generation, **CONFIGURATIONS[name])
        return Outcome([str(hit.object.pk) for hit in whole], whole.total, page.timings)

    return outcome


def report(evaluations: Sequence[Evaluation], floor: Evaluation, differences: Sequence[Difference]) -> str:
    """Return the tables that people read."""
    first = evaluations[0]
    rows = [["", *evaluation.MEASURES, "none found", "ms"]]
    for one in (*evaluations, floor):
        measured = one is not floor
        means = [f"{one.means[name]:.3f}" if name in one.means else "-" for name in evaluation.MEASURES]
        rows.append([one.name, *means, *((f"{one.none_found:.1%}", f"{one.milliseconds:.1f}") if measured else "--")])
    stages = sorted({stage for one in evaluations for stage in one.timings} - {"total"})
    timings = [["ms (median)", *(one.name for one in evaluations)]]
    timings += [[stage, *(f"{one.timings.get(stage, 0.0):.1f}" for one in evaluations)] for stage in stages]
    silent = ", ".join(f"{one.name} {one.silent[0]}" for one in evaluations)
    lines = [
        f"{len(first.scores)} queries with a relevant product:",
        _table(rows),
        f"{first.silent[1]} queries without one; those that rightly find nothing: {silent}",
        "",
        _table(timings),
    ]
    for gap in differences:
        interval = f"{gap.mean:+.3f}, 95 % interval {gap.low:+.3f} to {gap.high:+.3f}"
        lines += ["", f"nDCG@10 of {gap.name} against {first.name}: {interval}"]
        for label, pairs in (("winners", gap.winners), ("losers", gap.losers)):
            lines.append(f"  {label}: " + (", ".join(f"{query} {by:+.2f}" for query, by in pairs[:SHOWN]) or "none"))
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
