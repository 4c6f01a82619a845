"""Comparison: what a change would do to the first page of many searches, told before anybody sees it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .conf import settings
from .indexes import SearchIndex
from .querylog.reports import top
from .searching import Hit, Results, search, steps
from .searching.reranking import steady

DEPTH = 10
"""Products of a page that are compared; deeper changes are seen by few."""
PERSISTENCE = 0.9
"""How likely somebody looks at the next product: the weight of places in rank-biased overlap."""

Options = Mapping[str, Any]
"""Options of ``search``, and under "settings" those of CATALOG_SEARCH that are to be other than they are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search of the comparison: its words, the chosen filters, and how often people ask it."""

    text: str
    facets: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    count: int = 1

    def __str__(self) -> str:
        chosen = (f"{name}={value}" for name, values in self.facets.items() for value in values if value is not None)
        return " ".join(filter(None, (self.text, *chosen))) or "-"


@dataclass(frozen=True)
class ComparedPage:
    """The first page of one search before and after."""

    asked: Asked
    before: Results
    after: Results

    @cached_property
    def keys(self) -> tuple[list[str], list[str]]:
        """The products of both pages by their keys."""
        first, second = ([hit.key for hit in one.hits[:DEPTH]] for one in (self.before, self.after))
        return first, second

    @property
    def changed(self) -> bool:
        """Does a visitor see anything else: products, their number, banners, another page?"""
        shown = [(one.guidance.redirect, one.guidance.banners, one.total) for one in (self.before, self.after)]
        return self.keys[0] != self.keys[1] or shown[0] != shown[1]

    @property
    def overlap(self) -> float:
        """Rank-biased overlap, 1 where both pages are the same and 0 where they share nothing."""
        return rank_biased_overlap(*self.keys)

    @property
    def jaccard(self) -> float:
        """The share of products that both pages have, wherever they stand."""
        first, second = map(set, self.keys)
        return len(first & second) / len(first | second) if first | second else 1.0

    @property
    def entered(self) -> list[str]:
        """The products that were not on the page."""
        return [key for key in self.keys[1] if key not in self.keys[0]]

    @property
    def left(self) -> list[str]:
        """The products that are not on the page any more."""
        return [key for key in self.keys[0] if key not in self.keys[1]]

    @property
    def moved(self) -> int:
        """How many products stand on both pages, at another place."""
        return sum(key in self.keys[0] and self.keys[0].index(key) != place for place, key in enumerate(self.keys[1]))

    @property
    def sides(self) -> Iterator[tuple[list[tuple[Hit, str]], Results]]:
        """Yield both pages, each hit with how it differs: "left", "entered", "up", "down", "variant" or "".

        A family that another variant stands for is there still.
        """
        first, second = (one.hits[:DEPTH] for one in (self.before, self.after))
        before, after = ([hit.unit for hit in hits] for hits in (first, second))
        yield [(hit, "" if hit.unit in after else "left") for hit in first], self.before
        moves = []
        for place, hit in enumerate(second):
            was = before.index(hit.unit) if hit.unit in before else None
            how = "entered" if was is None else "up" if was > place else "down" if was < place else ""
            moves.append((hit, how or ("variant" if hit.key != first[place].key else "")))
        yield moves, self.after

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "query": self.asked.text,
            "facets": {name: [str(value) for value in values] for name, values in self.asked.facets.items()},
            "count": self.asked.count,
            "changed": self.changed,
            "overlap": round(self.overlap, 4),
            "jaccard": round(self.jaccard, 4),
            "moved": self.moved,
            "entered": self.entered,
            "left": self.left,
            "before": self.keys[0],
            "after": self.keys[1],
            "totals": [self.before.total, self.after.total],
            "rules": [list(self.before.guidance.rules), list(self.after.guidance.rules)],
            "redirects": [self.before.guidance.redirect, self.after.guidance.redirect],
        }


@dataclass(frozen=True)
class Comparison:
    """How two ways to search differ over many searches."""

    pages: Sequence[ComparedPage]
    untouched: Sequence[Asked] = ()
    """Searches that were not run because the change cannot concern them."""

    @property
    def changed(self) -> list[ComparedPage]:
        """The pages that change, those that change most and are asked most first."""
        found = [one for one in self.pages if one.changed]
        return sorted(found, key=lambda one: ((one.overlap - 1) * one.asked.count, -one.asked.count))

    @property
    def searches(self) -> int:
        """How many different searches were compared, those untouched too."""
        return len(self.pages) + len(self.untouched)

    @property
    def share(self) -> float:
        """The share of all that people ask whose page changes."""
        asked = [*(one.asked for one in self.pages), *self.untouched]
        total = sum(one.count for one in asked)
        return sum(one.asked.count for one in self.changed) / total if total else 0.0

    @property
    def overlap(self) -> float:
        """The mean rank-biased overlap."""
        return self._mean("overlap")

    @property
    def jaccard(self) -> float:
        """The mean share of common products."""
        return self._mean("jaccard")

    @property
    def degraded(self) -> list[str]:
        """What failed on the way: a difference may come from that alone."""
        return sorted({what for one in self.pages for what in (*one.before.degraded, *one.after.degraded)})

    def _mean(self, measure: str) -> float:
        values = [*(getattr(one, measure) for one in self.pages), *(1.0 for _ in self.untouched)]
        return statistics.fmean(values) if values else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "searches": self.searches,
            "changed": len(self.changed),
            "share": round(self.share, 4),
            "overlap": round(self.overlap, 4),
            "jaccard": round(self.jaccard, 4),
            "degraded": self.degraded,
            "differences": [one.as_dict() for one in self.pages],
        }


def asked_most(index: SearchIndex, days: int, limit: int) -> list[Asked]:
    """Return what people asked most in the last days, with how often."""
    return [Asked(line.text, count=line.count) for line in top(index.label, days, limit)]


def compare(index: SearchIndex, asked: Iterable[Asked | str], before: Options, after: Options) -> Comparison:
    """Run searches under two configurations, and return how their first pages differ.

    What is compared leaves no trace: it is neither noted in the query log nor frozen for paging.
    """
    searches = [Asked(one) if isinstance(one, str) else one for one in asked]
    with steady():
        return Comparison([ComparedPage(one, page(index, one, before), page(index, one, after)) for one in searches])


def page(index: SearchIndex, asked: Asked, options: Options) -> Results:
    """Return the first page of one search under a configuration. Raises CatalogSearchError on options that are none."""
    own: dict[str, Any] = {"facet_counts": False, "page_size": DEPTH, **options}
    changed = own.pop("settings", {})
    with settings.changed(changed) if changed else nullcontext():
        own.setdefault("arrange", steps.arranging())
        return search(index, asked.text, facets=asked.facets, **own)


def rank_biased_overlap(first: Sequence[str], second: Sequence[str]) -> float:
    """Return how much two rankings agree, the first places weighing most: from 0, nothing in common, to 1, the same.

    The mean agreement of their first 1, 2, ... products, each depth weighing PERSISTENCE times the one before; cut
    where both end (Webber, Moffat and Zobel, A similarity measure for indefinite rankings, 2010).
    """
    longest = max(len(first), len(second))
    weights = [PERSISTENCE**depth for depth in range(longest)]
    agreement = [
        len({*first[:depth]} & {*second[:depth]}) / max(len(first[:depth]), len(second[:depth]))
        for depth in range(1, longest + 1)
    ]
    return sum(map(float.__mul__, weights, agreement)) / sum(weights) if longest else 1.0
