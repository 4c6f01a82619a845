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

from catalog_search import evaluation, tuning
from catalog_search.conf import settings
from catalog_search.evaluation import Evaluation, Judgements, Outcome
from catalog_search.exceptions import CatalogSearchError, NotReady
from catalog_search.indexes import SearchIndex, registry
from catalog_search.management.bounds import integer
from catalog_search.management.reports import Report, tuning_report
from catalog_search.models import Generation, Judgement
from catalog_search.searching import Hit, Results, search
from catalog_search.searching.query import query_language

KEPT = "admin"
"""Instead of a file: the judgements made in the admin. A folder of that name is ./admin/ then."""

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "lexical": {"lanes": ("identifiers", "words"), "rerank": False},
    "vector": {"lanes": ("vectors",), "rerank": False},
    "hybrid": {"rerank": False},
    "reranked": {"rerank": True},
}
"""The options of ``search`` by the name of a configuration."""


class Command(BaseCommand):
    """Search for judged queries as a visitor would, and print how good the results are."""

    help = "Measures relevance (nDCG, recall, MRR) and latency on judged queries, several ways to search side by side."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "file",
            type=Path,
            help="a folder with queries.jsonl and qrels.tsv, or a file with query, product, grade; "
            f'"{KEPT}" for those made in the admin',
        )
        parser.add_argument("--index", default="", help="name of the index (default: the only one)")
        parser.add_argument("--key", default="pk", help="the product's field that the judgements name (default: pk)")
        parser.add_argument("--compare", default="", help=f"some of {','.join(CONFIGURATIONS)} (default: all)")
        parser.add_argument("--limit", type=integer(), help="take only so many queries")
        parser.add_argument("--json", type=Path, help="write everything measured to this file")
        parser.add_argument("--html", type=Path, help="write a page with plots to this file")
        parser.add_argument(
            "--tune", action="store_true", help="say which weights of the lanes and of the reranker suit these queries"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print."""
        try:
            names = chosen_configurations(options["compare"])
            index = chosen_index(options["index"])
            judgements, missing = judged_products(index, options["file"], options["key"], options["limit"])
            if missing:
                self.stderr.write(self.style.WARNING(f"{missing} judgements are of products not in the catalogue."))
            quiet = options["verbosity"] == 0
            degraded: list[str] = []
            evaluations = [self._evaluate(index, name, judgements, degraded, quiet) for name in names]
            report = Report(index.label, evaluations, evaluation.random_floor(judgements))
            serving = Generation.objects.active(index.label)
            # What a failing model gave says nothing of the generation.
            if serving and not degraded:
                report.keep(serving, options["file"].name)
        except CatalogSearchError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(report))
        if options["json"]:
            measured = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
            options["json"].write_text(measured, encoding="utf-8")
        if options["html"]:
            options["html"].write_text(report.as_html(), encoding="utf-8")
        if options["tune"]:
            self.stdout.write("\n" + self._tune(index, judgements, quiet))

    def _tune(self, index: SearchIndex, judgements: Judgements, quiet: bool) -> str:
        def found(name: str) -> dict[str, Sequence[Hit]]:
            with tqdm(judgements, unit=" queries", desc=f"tune {name}", disable=quiet) as bar:
                return {query: whole(index, query, name).hits for query in bar}

        hits = found("hybrid")
        outcomes = {query: Outcome([str(hit.object.pk) for hit in own], len(own)) for query, own in hits.items()}
        measure = tuning.measure_of(evaluation.evaluate("hybrid", judgements, outcomes))
        tuned = tuning.tune_weights(judgements, hits, measure)
        if settings.RERANKER:
            tuned.append(tuning.tune_blend(judgements, found("reranked"), measure))
        return tuning_report(measure, tuned)

    def _evaluate(
        self, index: SearchIndex, name: str, judgements: Judgements, all_degraded: list[str], quiet: bool
    ) -> Evaluation:
        degraded: list[str] = []
        with tqdm(judgements, unit=" queries", desc=name, disable=quiet) as bar:
            evaluated = evaluation.evaluate(name, judgements, evaluation.run(searcher(index, name, degraded), bar))
        all_degraded += degraded
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
    """Return judgements by primary key, and how many were left out: their products are not in this catalogue.

    They come from a file, or from the admin where the path is "admin".
    """
    if str(path) == KEPT:
        read, key = Judgement.objects.by_query(index.label, query_language(index)), "pk"
        if not read:
            raise CommandError(f"Nobody judged a query of {index.label} in the admin yet; give a file instead.")
    else:
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
        page = search(index, query, generation=generation, group_by=False, **CONFIGURATIONS[name])
        degraded.extend(page.degraded[:1])
        found = whole(index, query, name, generation)
        return Outcome([str(hit.object.pk) for hit in found], found.total, page.timings)

    return outcome


def whole(index: SearchIndex, query: str, name: str, generation: Generation | None = None) -> Results:
    """Return everything that a query finds under a configuration as one page."""
    size = settings.MAX_CANDIDATES
    # Judgements name single products.
    usual: dict[str, Any] = {"page_size": size, "facet_counts": False, "group_by": False, "generation": generation}
    return search(index, query, **usual, **CONFIGURATIONS[name])
