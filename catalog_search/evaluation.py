"""Evaluation: judgements and rankings in, measures of relevance out, so that settings are compared and not believed.

Grades run from 0 (wrong) to 3 (exactly what was asked); from 2 on a product counts as relevant. Pure: searches are
run by whoever calls, and come in as outcomes.
"""

from __future__ import annotations

import csv
import json
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .exceptions import CatalogSearchError, ConfigurationError
from .extras import hinted

RELEVANT = 2
"""The lowest grade that counts as relevant for recall and MRR."""
DRAWS = 10_000
JUDGED_ENOUGH = 0.8
"""Below this judged@10, ungraded products decide: nDCG then tells more about the judgements than about the search."""
NDCG, CONDENSED, JUDGED, RECALL, MRR = MEASURES = ("nDCG@10", "condensed", "judged@10", "recall@100", "MRR")
"""nDCG@10 takes an ungraded product for a wrong one; condensed removes it before scoring. Read them together."""

Judgements = Mapping[str, Mapping[str, int]]
"""Grades by query text and product key."""
ClassMeans = Mapping[str, tuple[int, Mapping[str, float]]]
"""By class of query: how many, and the mean of each way to search by its name."""


class JudgementError(CatalogSearchError, ValueError):
    """The judgements cannot be read; give a folder with queries.jsonl and qrels.tsv, or one .jsonl, .csv or .tsv."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one search gave: all product keys from the best on, how many there are, milliseconds by stage."""

    keys: Sequence[str] = ()
    total: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well one way to search does on judged queries."""

    name: str
    scores: Mapping[str, Mapping[str, float]]
    """By query and measure, 0 to 1; only queries with a relevant product. Nothing found has no judged@10."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Products found by query, those without an answer too."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Median milliseconds by stage."""

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over the queries."""
        columns = {name: [scores[name] for scores in self.scores.values() if name in scores] for name in MEASURES}
        return {name: statistics.fmean(column) for name, column in columns.items() if column}

    @property
    def none_found(self) -> float:
        """The share of queries with a relevant product that find nothing at all."""
        return statistics.fmean(not self.totals[query] for query in self.scores) if self.scores else 0.0

    @property
    def silent(self) -> tuple[int, int]:
        """How many queries without an answer rightly find nothing, and how many such queries there are."""
        unanswerable = [total for query, total in self.totals.items() if query not in self.scores]
        return unanswerable.count(0), len(unanswerable)

    @property
    def milliseconds(self) -> float:
        """Median time of a search without embedding the query, which a cache may or may not save."""
        return self.timings.get("total", 0.0) - self.timings.get("encode", 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        silent, unanswerable = self.silent
        derived = {"means": self.means, "none_found": self.none_found, "milliseconds": self.milliseconds}
        return {**asdict(self), **derived, "no_answer": {"queries": unanswerable, "silent": silent}}


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better (or worse) one way is than another, query by query."""

    name: str
    mean: float
    low: float
    high: float
    by_query: Mapping[str, float]

    def __str__(self) -> str:
        return f"{self.mean:+.3f}, 95 % interval {self.low:+.3f} to {self.high:+.3f}"

    @property
    def winners(self) -> list[tuple[str, float]]:
        """The queries that gained, the largest gain first."""
        return sorted(((one, by) for one, by in self.by_query.items() if by > 0), key=lambda pair: -pair[1])

    @property
    def losers(self) -> list[tuple[str, float]]:
        """The queries that lost, the largest loss first."""
        return sorted(((one, by) for one, by in self.by_query.items() if by < 0), key=lambda pair: pair[1])


def by_class(evaluations: Sequence[Evaluation], class_of: Callable[[str], str]) -> ClassMeans:
    """Return the number of queries and the mean nDCG@10 of each way, by class of query."""
    classes: dict[str, list[str]] = {}
    for query in evaluations[0].scores:
        classes.setdefault(class_of(query), []).append(query)
    return {
        name: (
            len(queries),
            {one.name: statistics.fmean(one.scores[query][NDCG] for query in queries) for one in evaluations},
        )
        for name, queries in sorted(classes.items())
    }


def has_answer(grades: Mapping[str, int]) -> bool:
    """Is any product relevant? A query without is a no-answer case: it should find nothing, and has no nDCG."""
    return any(grade >= RELEVANT for grade in grades.values())


def run(search: Callable[[str], Outcome], queries: Iterable[str]) -> dict[str, Outcome]:
    """Search for every query, which may come from a progress bar."""
    return {query: search(query) for query in queries}


def evaluate(name: str, judgements: Judgements, outcomes: Mapping[str, Outcome]) -> Evaluation:
    """Score the outcomes of the judged queries. Gains are the grades themselves, discounted by log2 of the rank."""
    answerable = {query: grades for query, grades in judgements.items() if has_answer(grades)}
    stages = sorted({stage for outcome in outcomes.values() for stage in outcome.timings})
    return Evaluation(
        name=name,
        scores=_scores(answerable, {query: outcomes[query].keys for query in answerable}),
        totals={query: outcomes[query].total for query in judgements},
        timings={
            stage: statistics.median(outcome.timings.get(stage, 0.0) for outcome in outcomes.values())
            for stage in stages
        },
    )


def random_floor(judgements: Judgements, shuffles: int = 50) -> Evaluation:
    """Score the judged products of each query in random order: what a condensed list gives to no skill at all.

    Judged products that a keyword engine once found are mostly good, so this is far above zero.
    """
    order = random.Random(0)  # noqa: S311  reproducible, not secret
    answerable = {query: grades for query, grades in judgements.items() if has_answer(grades)}
    rounds = [
        _scores(answerable, {query: order.sample(sorted(grades), len(grades)) for query, grades in answerable.items()})
        for _ in range(shuffles)
    ]
    means = {query: {CONDENSED: statistics.fmean(one[query][CONDENSED] for one in rounds)} for query in answerable}
    return Evaluation("random", means, dict.fromkeys(judgements, 0))


def difference(first: Evaluation, other: Evaluation) -> Difference:
    """Compare nDCG@10 of the same queries, with the 95 % interval of a paired bootstrap over queries."""
    by_query = {query: scores[NDCG] - first.scores[query][NDCG] for query, scores in other.scores.items()}
    values = np.array(list(by_query.values()))
    return Difference(other.name, float(values.mean()), *interval(values), by_query)


def interval(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of some values, by bootstrap."""
    draw, at_once = np.random.default_rng(0), 100  # all of them would take gigabytes for thousands of queries
    shape = (at_once, len(values))
    means = [values[draw.integers(len(values), size=shape)].mean(axis=1) for _ in range(DRAWS // at_once)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _scores(judgements: Judgements, rankings: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    try:
        import ir_measures  # an optional extra: only those who judge need it
    except ImportError as error:
        raise ConfigurationError(f"Judging needs ir-measures: {hinted(error)}") from error
    measures = {
        ir_measures.nDCG @ 10: NDCG,
        ir_measures.nDCG(judged_only=True) @ 10: CONDENSED,
        ir_measures.Judged @ 10: JUDGED,
        ir_measures.R(rel=RELEVANT) @ 100: RECALL,
        ir_measures.RR(rel=RELEVANT): MRR,
    }
    ranked = {query: {key: -float(rank) for rank, key in enumerate(keys)} for query, keys in rankings.items() if keys}
    grades = {query: dict(graded) for query, graded in judgements.items()}
    scores: dict[str, dict[str, float]] = {
        query: dict.fromkeys((NDCG, CONDENSED, RECALL, MRR), 0.0) for query in judgements
    }
    if ranked:
        for found in ir_measures.iter_calc(list(measures), grades, ranked):
            # It counts a query that is missing from the rankings too, but not as judged or not.
            if found.query_id in ranked:
                scores[found.query_id][measures[found.measure]] = float(found.value)
    return scores


def read_judgements(path: Path) -> dict[str, dict[str, int]]:
    """Read judgements: a folder with ``queries.jsonl`` (id, query) and ``qrels.tsv`` (query_id, product_id, grade),
    or one ``.jsonl``, ``.csv`` or ``.tsv`` file with query, product and grade. The last grade of a pair counts.

    Raises JudgementError with the file and line of what is wrong.
    """
    judgements: dict[str, dict[str, int]] = {}
    if path.is_dir():
        texts = {str(row.get("id")): str(row.get("query") or "") for _, row in _records(path / "queries.jsonl")}
        for place, row in _records(path / "qrels.tsv"):
            if not (query := texts.get(str(row.get("query_id")))):
                raise JudgementError(f'{place}: queries.jsonl has no query "{row.get("query_id")}".')
            _add(judgements, place, query, row.get("product_id"), row.get("grade"))
    else:
        for place, row in _records(path):
            _add(judgements, place, row.get("query"), row.get("product"), row.get("grade"))
    if not judgements:
        raise JudgementError(f"{path} holds no judgements.")
    return judgements


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not path.is_file():
        raise JudgementError(f"{path} does not exist. {JudgementError.__doc__}")
    if path.suffix not in (".jsonl", ".csv", ".tsv"):
        raise JudgementError(f"{path} is none of .jsonl, .csv and .tsv.")
    try:
        yield from _parsed(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise JudgementError(f"{path} cannot be read as UTF-8 with columns: {error}.") from error


def _parsed(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        if path.suffix != ".jsonl":
            for row in (reader := csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")):
                yield f"{path}, line {reader.line_num}", row
            return
        for number, line in enumerate(lines, start=1):
            place = f"{path}, line {number}"
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise JudgementError(f"{place}: not JSON ({error}).") from error
                if not isinstance(row, dict):
                    raise JudgementError(f"{place}: not a JSON object.")
                yield place, row


def _add(judgements: dict[str, dict[str, int]], place: str, query: object, product: object, grade: object) -> None:
    query, product = str(query or "").strip(), str(product if product is not None else "").strip()
    if not query or not product:
        raise JudgementError(f"{place}: a judgement needs a query, a product and a grade.")
    if str(grade) not in ("0", "1", "2", "3"):
        raise JudgementError(f'{place}: the grade of "{product}" is {grade!r}; grades are 0, 1, 2 and 3.')
    judgements.setdefault(query, {})[product] = int(str(grade))
