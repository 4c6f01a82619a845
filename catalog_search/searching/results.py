"""Results: what a search gives back, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from ..facets import Facet, FacetRange, FacetValue


@dataclass(frozen=True, slots=True)
class Why:
    """Why a product stands where it does: (rank, score) in each lane, the fused score, the reranker's.

    Lanes are "identifiers", "words" and "vectors"; ``matched`` says how an identifier was met.
    """

    lanes: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    fused: float = 0.0
    rerank: float | None = None
    matched: str = ""
    penalty: float = 0.0
    """The share of its score that it lost by being near to something unwanted."""
    boost: float = 0.0
    """The share of its score that the index's boosts gave it, or took."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """How much of its likeness came from its "text" and its "image"; told by ``search(..., explain=True)``."""
    rules: tuple[str, ...] = ()
    """The rules that put it where it stands."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        lanes = {lane: {"rank": rank, "score": round(score, 4)} for lane, (rank, score) in self.lanes.items()}
        return {
            "lanes": lanes,
            "fused": round(self.fused, 4),
            "rerank": None if self.rerank is None else round(self.rerank, 4),
            "matched": self.matched,
            "penalty": round(self.penalty, 4),
            "boost": round(self.boost, 4),
            "rules": list(self.rules),
            "shares": {part: round(share, 4) for part, share in self.shares.items()},
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """One product found, alive: ``object`` comes from the shop's own rows at this moment."""

    object: Any
    score: float
    why: Why
    thumbnail_url: str = ""
    variants: int = 1
    """How many products of its family were found, itself included; 1 where results are not grouped."""
    marked: str = ""
    """Its name as HTML with the words that match marked; told by ``search(..., mark=True)``, "" where none match."""
    excerpt: str = ""
    """Where no word of its name matches, a line of its text, likewise."""
    family: str = ""
    """What it shares with its variants; "" where results are not grouped."""

    @property
    def key(self) -> str:
        """The product's primary key as text."""
        return str(self.object.pk)

    @property
    def unit(self) -> str:
        """What counts as one: the family, where results are grouped, or the product."""
        return self.family or self.key


@dataclass(frozen=True, slots=True)
class FacetResult:
    """A facet beside its counts over the products found."""

    facet: Facet
    found: list[FacetValue] | FacetRange
    """The values, most frequent first, or the range."""
    hidden: int = 0
    """How many values there are besides those listed."""
    exact: bool = True
    """False where the bound MAX_CANDIDATES was reached: choosing a value may find more than its count."""

    @property
    def name(self) -> str:
        """The parameter of the facet."""
        return self.facet.name

    @property
    def label(self) -> str:
        """What people read above it."""
        return self.facet.label

    @property
    def values(self) -> list[FacetValue] | None:
        """The values, most frequent first; None where it is chosen by bounds."""
        return None if isinstance(self.found, FacetRange) else self.found

    @property
    def range(self) -> FacetRange | None:
        """The bounds; None where it is chosen by values."""
        return self.found if isinstance(self.found, FacetRange) else None


@dataclass(frozen=True, slots=True)
class Banner:
    """A message above the hits; the text is plain."""

    text: str
    url: str = ""
    """Where it leads."""
    picture: str = ""
    """The address of its picture."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What a search has to say beside its hits."""

    did_you_mean: str = ""
    """Other words that would most likely find more."""
    instead_of: str = ""
    """What was typed, where something else was searched."""
    searched: str = ""
    """What was searched then."""
    redirect: str = ""
    """An address to go to rather than to show results."""
    banners: tuple[Banner, ...] = ()
    rules: tuple[str, ...] = ()
    """The rules that acted, in their order."""


@dataclass(frozen=True)
class Results:
    """One page of hits with what belongs to the whole set: total, facets, and how it came about."""

    hits: tuple[Hit, ...] = ()
    near: tuple[Hit, ...] = ()
    """Where nothing matches, what comes nearest: alternatives to offer as such, counted nowhere."""
    total: int = 0
    total_is_exact: bool = True
    """False where the bound MAX_CANDIDATES was reached: there are at least ``total``."""
    page: int = 1
    page_size: int = 24
    facets: Mapping[str, FacetResult] = field(default_factory=dict)
    sort: str = ""
    kind: str = "browse"
    """What was asked by: "text", "photo", "photo+text", "like" and so on, or "browse"."""
    reranked: int = 0
    """How many candidates the reranker scored."""
    degraded: tuple[str, ...] = ()
    """What failed on the way ("embedder", "reranker", "index", "rewrite", "arrange"); empty when all went well."""
    guidance: Guidance = field(default_factory=Guidance)
    """What is to be said beside the hits: another spelling, a banner, the rules that acted."""
    query_id: str = ""
    """Under this id the query log keeps it, for clicks and orders to refer to; empty where nothing is kept."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds by stage."""
    elsewhere: Callable[[int, int], Results] | None = field(default=None, repr=False, compare=False)
    """Searches for another page, of a size, of the same; ``results[24:48]`` asks it."""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def count(self) -> int:
        """Return how many hits there are on all pages, as Django's Paginator asks."""
        return self.total

    @overload
    def __getitem__(self, places: int) -> Hit: ...
    @overload
    def __getitem__(self, places: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, places: int | slice) -> Hit | tuple[Hit, ...]:
        """Return the hits at some places of the whole list, or the one at a place; those of another page are searched
        for.

        So ``Paginator(results, 24)``, a ``ListView`` and the pagination classes of DRF page any search.
        """
        if isinstance(places, int):
            place = range(self.total)[places]
            return self[place : place + 1][0]
        wanted = range(self.total)[places]
        if not wanted:
            return ()
        start, stop = min(wanted), max(wanted) + 1
        here = self
        if self.elsewhere and not self.offset <= start <= stop <= self.offset + self.page_size:
            size = max(self.page_size, stop - start)
            # A window that is no page, such as a last one with orphans, is the end of a larger one.
            page, size = (start // size + 1, size) if start % size == 0 else (1, stop)
            here = self.elsewhere(page, size)
        return here.hits[start - here.offset : stop - here.offset][:: wanted.step]

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))

    @property
    def offset(self) -> int:
        """How many hits the pages before have."""
        return (self.page - 1) * self.page_size

    @property
    def headers(self) -> dict[str, str]:
        """What the headers of an answer say of it: ``Server-Timing`` in milliseconds by stage, and
        ``X-Search-Degraded`` where a part of the search failed.
        """
        timings = (f"{stage.replace(' ', '-')};dur={spent:.1f}" for stage, spent in self.timings.items())
        headers = {"Server-Timing": ", ".join(timings)}
        return headers | ({"X-Search-Degraded": ", ".join(self.degraded)} if self.degraded else {})

    @property
    def did_you_mean(self) -> str:
        """Other words that would most likely find more."""
        return self.guidance.did_you_mean

    @property
    def total_text(self) -> str:
        """The total as people read it: "1000+" where counting stopped at the bound."""
        return f"{self.total}" if self.total_is_exact else f"{self.total}+"
