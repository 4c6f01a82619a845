"""Measure relevance on judged queries, several ways to search side by side."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from catalog_search import evaluation, tuning
from catalog_search.conf import settings
from catalog_search.evaluation import Evaluation, Judgements, Outcome
from catalog_search.indexes import SearchIndex
from catalog_search.management.commandline import SearchCommand, add_files, integer, the_index, write_files
from catalog_search.management.reports import Report, tuning_report
from catalog_search.measuring import KEPT, WAYS, chosen_ways, judged_products, measured, serving, whole
from catalog_search.searching import Hit


class Command(SearchCommand):
    help = "Measures relevance (nDCG, recall, MRR) and latency on judged queries, several ways to search side by side."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "file",
            type=Path,
            help="a folder with queries.jsonl and qrels.tsv, or a file with query, product, grade; "
            f'"{KEPT}" for those made in the admin',
        )
        parser.add_argument("--index", default="", help="name of the index (default: the only one)")
        parser.add_argument("--key", default="pk", help="the product's field that the judgements name (default: pk)")
        parser.add_argument("--compare", default="", help=f"some of {','.join(WAYS)} (default: all)")
        parser.add_argument("--limit", type=integer(), help="take only so many queries")
        add_files(parser, "everything measured", "plots")
        parser.add_argument(
            "--tune", action="store_true", help="say which weights of the lanes and of the reranker suit these queries"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ways, index = chosen_ways(options["compare"]), the_index(options["index"])
        generation = serving(index)
        judgements, missing = judged_products(index, options["file"], options["key"], options["limit"])
        if missing:
            self.warn(f"{missing} judgements are of products not in the catalogue.")
        quiet = options["verbosity"] == 0
        all_degraded: list[str] = []
        evaluations: list[Evaluation] = []
        for way in ways:
            with tqdm(judgements, unit=" queries", desc=way, disable=quiet) as bar:
                evaluated, degraded = measured(index, way, judgements, queries=bar)
            evaluations.append(evaluated)
            all_degraded += degraded
            if degraded:
                self.warn(
                    f"{way}: {len(degraded)} searches went without {', '.join(sorted(set(degraded)))}; see the log."
                )
        report = Report(index.label, evaluations, evaluation.random_floor(judgements))
        # What a failing model gave says nothing of the generation.
        if not all_degraded:
            report.keep(generation, options["file"].name)
        self.stdout.write(str(report))
        write_files(report, options)
        if options["tune"]:
            self.stdout.write("\n" + _tuned(index, judgements, quiet))


def _tuned(index: SearchIndex, judgements: Judgements, quiet: bool) -> str:
    def found(way: str) -> dict[str, Sequence[Hit]]:
        with tqdm(judgements, unit=" queries", desc=f"tune {way}", disable=quiet) as bar:
            return {query: whole(index, query, way).hits for query in bar}

    hits = found("hybrid")
    outcomes = {query: Outcome([hit.key for hit in ranked], len(ranked)) for query, ranked in hits.items()}
    measure = tuning.measure_of(evaluation.evaluate("hybrid", judgements, outcomes))
    tuned = tuning.tune_weights(judgements, hits, measure)
    if settings.RERANKER:
        tuned.append(tuning.tune_blend(judgements, found("reranked"), measure))
    return tuning_report(measure, tuned)
