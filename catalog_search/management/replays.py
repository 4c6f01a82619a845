"""Replays: what two ways to search show for the same queries, as text for a terminal, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from ..comparison import ComparedPage, Comparison
from ..evaluation import NDCG, Evaluation, difference
from .commandline import table


@dataclass(frozen=True)
class Replay:
    """A comparison with the names of both sides, and where there are judgements, the scores of both."""

    index: str
    names: tuple[str, str]
    comparison: Comparison
    scores: tuple[Evaluation, Evaluation] | None = None
    shown: int = 20

    @cached_property
    def by_query(self) -> Mapping[str, tuple[float, float]]:
        """What both sides score for each judged query."""
        if self.scores is None:
            return {}
        first, second = self.scores
        return {query: (scores[NDCG], second.scores[query][NDCG]) for query, scores in first.scores.items()}

    @property
    def summary(self) -> list[str]:
        """The sentences that answer whether to publish the change."""
        found = self.comparison
        lines = [
            f"{found.searches} queries: {len(found.changed)} pages change, {found.share:.1%} of what people ask.",
            f"Rank-biased overlap of all pages {found.overlap:.3f}, common products {found.jaccard:.1%}.",
        ]
        if self.scores and self.by_query:
            gap = difference(*self.scores)
            means = " -> ".join(f"{one.means[NDCG]:.3f}" for one in self.scores)
            lines.append(f"{NDCG} {means} ({gap}, {len(self.by_query)} judged queries).")
        if found.degraded:
            lines.append(f"Failed on the way, so that differences may come from that: {', '.join(found.degraded)}.")
        return lines

    def __str__(self) -> str:
        """Return what people read in a terminal."""
        lines = [f"{self.index}: {self.names[0]} -> {self.names[1]}", *self.summary]
        changed = self.comparison.changed
        if changed:
            rows = [self.heading, *(self.row(one) for one in changed[: self.shown])]
            lines += ["", table(rows)]
        if len(changed) > self.shown:
            lines.append(f"... and {len(changed) - self.shown} more: --show, --html or --json have them.")
        return "\n".join(lines)

    @property
    def heading(self) -> list[str]:
        """The names of the columns."""
        return ["query", "asked", "overlap", "moved", "in", "out", "found", *([NDCG] if self.by_query else [])]

    def row(self, one: ComparedPage) -> list[str]:
        """The cells of a query."""
        cells = [str(one.asked)[:40], f"{one.asked.count}", f"{one.overlap:.2f}", f"{one.moved}"]
        cells += [f"{len(one.entered)}", f"{len(one.left)}", f"{one.before.total_text} -> {one.after.total_text}"]
        if self.by_query:
            pair = self.by_query.get(one.asked.text)
            cells.append(f"{pair[0]:.2f} -> {pair[1]:.2f}" if pair else "-")
        return cells

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        content = {"index": self.index, "before": self.names[0], "after": self.names[1], **self.comparison.as_dict()}
        for one in content["differences"]:
            if pair := self.by_query.get(one["query"]):
                one[NDCG] = list(pair)
        return content

    def as_html(self) -> str:
        """Return a page of its own that needs no network."""
        rows = [(one, self.row(one), list(one.sides)) for one in self.comparison.changed]
        context = {"title": f"Replay of {self.index}", "replay": self, "rows": rows, "now": timezone.now()}
        return render_to_string("catalog_search/replay_report.html", context)
