"""Reports: what was measured on judged queries, as text for a terminal and as a page with plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from .. import evaluation
from ..evaluation import NDCG, Difference, Evaluation
from ..models import Generation, Measurement
from ..searching.query import Query
from ..tuning import FEWEST_QUERIES, Tuned
from .commandline import table

_MEASURED = ("name", "scores", "totals", "timings")
LEAST = 0.05
"""Milliseconds worth drawing."""
SHOWN = 3
"""Winners and losers named for each configuration in a terminal; the page has them all."""


@dataclass(frozen=True, slots=True)
class Report:
    """Several ways to search on the same queries, the first of which the others are compared with."""

    index: str
    evaluations: Sequence[Evaluation]
    floor: Evaluation
    """The judged products in random order."""

    @property
    def differences(self) -> list[Difference]:
        """How each way differs from the first."""
        return [evaluation.difference(self.evaluations[0], other) for other in self.evaluations[1:]]

    @property
    def classes(self) -> evaluation.ClassMeans:
        """The mean nDCG@10 by class of query."""
        return evaluation.by_class(self.evaluations, lambda query: Query(query).query_class)

    def __str__(self) -> str:
        """Return the tables that people read in a terminal."""
        first = self.evaluations[0]
        silent = ", ".join(f"{one.name} {one.silent[0]}" for one in self.evaluations)
        lines = [
            f"{len(first.scores)} queries with a relevant product:",
            table(self.measures),
            f"{first.silent[1]} queries without one; those that rightly find nothing: {silent}",
            "",
            table(
                [
                    [f"{NDCG} by class", "queries", *(one.name for one in self.evaluations)],
                    *(
                        [name, f"{size}", *(f"{means[one.name]:.3f}" for one in self.evaluations)]
                        for name, (size, means) in self.classes.items()
                    ),
                ]
            ),
            "",
            table(self.timings),
        ]
        for gap in self.differences:
            lines += ["", f"{NDCG} of {gap.name} against {first.name}: {gap}"]
            for label, pairs in (("winners", gap.winners), ("losers", gap.losers)):
                lines.append(
                    f"  {label}: " + (", ".join(f"{query} {by:+.2f}" for query, by in pairs[:SHOWN]) or "none")
                )
        return "\n".join(lines)

    @property
    def measures(self) -> list[list[str]]:
        """The rows of the table of measures, its heading first."""
        rows = [["", *evaluation.MEASURES, "none found", "ms"]]
        for one in (*self.evaluations, self.floor):
            means = [f"{one.means[name]:.3f}" if name in one.means else "-" for name in evaluation.MEASURES]
            measured = one is not self.floor
            rows.append(
                [one.name, *means, *((f"{one.none_found:.1%}", f"{one.milliseconds:.1f}") if measured else "--")]
            )
        return rows

    @property
    def timings(self) -> list[list[str]]:
        """The rows of the table of stages, its heading first."""
        rows = [["ms (median)", *(one.name for one in self.evaluations)]]
        rows += [
            [stage, *(f"{one.timings.get(stage, 0.0):.1f}" for one in self.evaluations)] for stage in self._stage_names
        ]
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return everything measured as JSON takes it."""
        return {
            "evaluations": [one.as_dict() for one in self.evaluations],
            "random": self.floor.as_dict(),
            "classes": {name: {"queries": size, **means} for name, (size, means) in self.classes.items()},
        }

    @classmethod
    def of(cls, measurement: Measurement) -> Report:
        """Return the report that was kept."""
        content = measurement.content
        kept = (*content["evaluations"], content["random"])
        *evaluations, floor = (Evaluation(**{name: one[name] for name in _MEASURED}) for one in kept)
        return cls(measurement.generation.index, evaluations, floor)

    def keep(self, generation: Generation, source: str) -> Measurement:
        """Keep it, to be looked at in the admin beside those before and after; ``source`` names the judgements."""
        best = self.evaluations[-1]
        content = {**self.as_dict(), "headline": {"way": best.name, **best.means}}
        queries = len(best.scores)
        return Measurement.objects.create(generation=generation, source=source[:200], queries=queries, content=content)

    def as_html(self) -> str:
        """Return a page of its own, plots included, that needs no network."""
        return render_to_string(
            "catalog_search/relevance_report.html",
            {
                "title": f"Relevance of {self.index}",
                "report": self,
                "now": timezone.now(),
                "queries": len(self.evaluations[0].scores),
                **self.plots,
            },
        )

    @property
    def plots(self) -> dict[str, Any]:
        """What a page draws: "bars" of the measures, "classes" of queries, "gaps" by query, "stages" of the time in
        milliseconds, the "longest" of which is as wide as the page.
        """
        ways = (*self.evaluations, self.floor)
        stages = [
            (one.name, {name: one.timings[name] for name in self._stage_names if one.timings.get(name, 0.0) >= LEAST})
            for one in self.evaluations
        ]
        return {
            "bars": [
                (name, [(one.name, 100 * one.means[name], one.means[name]) for one in ways if name in one.means])
                for name in evaluation.MEASURES
            ],
            "classes": [
                (name, size, [(way, 100 * mean, mean) for way, mean in means.items()])
                for name, (size, means) in self.classes.items()
            ],
            "gaps": [(gap, _steps(gap.by_query)) for gap in self.differences],
            "stages": stages,
            "longest": max(sum(parts.values()) for _name, parts in stages),
        }

    @property
    def _stage_names(self) -> list[str]:
        return sorted({stage for one in self.evaluations for stage in one.timings} - {"total"})


def _steps(by_query: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """Return (query, difference, height of its bar in percent), the largest gain first."""
    widest = max((abs(by) for by in by_query.values()), default=0.0) or 1.0
    return [(query, by, 100 * abs(by) / widest) for query, by in sorted(by_query.items(), key=lambda pair: -pair[1])]


def tuning_report(measure: str, tuned: Sequence[Tuned]) -> str:
    """Return the table of what judged queries say of the weights, and what to write into the settings."""
    rows = [["", "queries", "now", measure, "best", "gain on other queries", "95 % interval", ""]]
    for one in tuned:
        row = [one.name, f"{one.queries}", f"{one.present:g}", f"{one.score:.3f}"]
        if one.refused:
            rows.append([*row, "-", "-", "-", f"refused: fewer than {FEWEST_QUERIES} queries"])
            continue
        advice = "worth it" if one.holds else "stay" if one.best == one.present else "stay: may be chance"
        rows.append([*row, f"{one.best:g}", f"{one.mean:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}", advice])
    lines = [table(rows)]
    if better := [one for one in tuned if one.holds]:
        lines += ["", "Write into CATALOG_SEARCH:", *(f"    {one.name} -> {one.best:g}" for one in better)]
    return "\n".join(lines)
