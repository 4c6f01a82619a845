"""Candidates: the products of a result in their order, and what is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self, overload

from .results import Why

SURE = {"exact": 0, "prefix": 1}
"""The ways of meeting an identifier that put a product above everything else, and which of them is the surer."""
UNSURE = len(SURE)


class Candidate(NamedTuple):
    """One of the candidates, its score so far and what made it.

    Where products are grouped, ``family`` is what it shares with its variants, and ``variants`` how many are found.
    The other fields are those of ``Why``.
    """

    key: str
    score: float
    family: str = ""
    variants: int = 1
    lanes: Mapping[str, tuple[int, float]] = MappingProxyType({})
    fused: float = 0.0
    rerank: float | None = None
    matched: str = ""
    penalty: float = 0.0
    boost: float = 0.0
    rules: tuple[str, ...] = ()

    @property
    def why(self) -> Why:
        """Why it stands where it does, as hits tell it."""
        return Why(self.lanes, self.fused, self.rerank, self.matched, self.penalty, self.boost, rules=self.rules)


@dataclass(frozen=True, slots=True)
class Candidates(Sequence[Candidate]):
    """Candidates in order, kept by columns: there are a thousand in a search, of which twenty are shown.

    ``keys`` is the order. All have a score; each further column leaves out those that are as most are.
    """

    keys: Sequence[str] = ()
    score: Mapping[str, float] = field(default_factory=dict)
    family: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, int] = field(default_factory=dict)
    lanes: Mapping[str, Mapping[str, tuple[int, float]]] = field(default_factory=dict)
    """By lane, then by key."""
    fused: Mapping[str, float] = field(default_factory=dict)
    rerank: Mapping[str, float] = field(default_factory=dict)
    matched: Mapping[str, str] = field(default_factory=dict)
    penalty: Mapping[str, float] = field(default_factory=dict)
    boost: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Candidate]) -> Self:
        """Return rows as columns."""
        rows = list(rows)
        columns: dict[str, dict[str, Any]] = {
            name: {row.key: value for row in rows if (value := getattr(row, name)) != usual}
            for name, usual in Candidate._field_defaults.items()
        }
        by_lane: dict[str, dict[str, tuple[int, float]]] = {}
        for key, lanes in columns.pop("lanes").items():
            for lane, place in lanes.items():
                by_lane.setdefault(lane, {})[key] = place
        return cls([row.key for row in rows], {row.key: row.score for row in rows}, lanes=by_lane, **columns)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Candidate]:
        return map(self._row, self.keys)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Candidate | Self:
        return self.in_order(self.keys[place]) if isinstance(place, slice) else self._row(self.keys[place])

    def _row(self, key: str) -> Candidate:
        lanes = {lane: found[key] for lane, found in self.lanes.items() if key in found}
        return Candidate(
            key,
            self.score[key],
            self.family.get(key, ""),
            self.variants.get(key, 1),
            lanes,
            self.fused.get(key, 0.0),
            self.rerank.get(key),
            self.matched.get(key, ""),
            self.penalty.get(key, 0.0),
            self.boost.get(key, 0.0),
            tuple(self.rules.get(key, ())),
        )

    @property
    def units(self) -> list[str]:
        """What each counts as, in order: its family, or itself where products are not grouped."""
        return [self.family.get(key, key) for key in self.keys]

    @property
    def sure(self) -> dict[str, int]:
        """How surely an identifier puts some above everything else, least first; UNSURE all others."""
        return {key: SURE[kind] for key, kind in self.matched.items() if kind in SURE}

    def in_order(self, keys: Sequence[str]) -> Self:
        """Return these of them, in this order."""
        return replace(self, keys=keys)

    def joined_by(self, keys: Sequence[str]) -> Self:
        """Return them and, after them, what is not among them yet, without a score."""
        known = set(self.keys)
        others = [key for key in keys if key not in known]
        if not others:
            return self
        return replace(self, keys=[*self.keys, *others], score={**self.score, **dict.fromkeys(others, 0.0)})

    def best_first(self) -> Self:
        """Sort by whole identifiers, their beginnings, then scores; equals stay as they stand."""
        keys = sorted(self.keys, key=self.score.__getitem__, reverse=True)
        if sure := self.sure:
            keys.sort(key=lambda key: sure.get(key, UNSURE))
        return self.in_order(keys)

    def preferring(self, keys: Collection[str]) -> Self:
        """Put some of them before the others, each as they stand."""
        first = [key for key in self.keys if key in keys]
        return self.in_order([*first, *(key for key in self.keys if key not in keys)])

    def rearranged(self, changed: Sequence[Candidate]) -> Candidates:
        """Return all of them as somebody arranged them: what was left out comes last, what was added is ignored."""
        told = changed if isinstance(changed, Candidates) else Candidates.of(changed)
        known = set(self.keys)
        kept = dict.fromkeys(key for key in told.keys if key in known)
        left = [key for key in self.keys if key not in kept]
        told = told.in_order(list(kept))
        return Candidates.of((*told, *self.in_order(left))) if left else told

    def shown(self) -> Self:
        """Return the first of each family with how many there are of it; all where none has a family."""
        if not self.family:
            return self
        units = self.units
        first: dict[str, str] = {}
        for unit, key in zip(units, self.keys, strict=True):
            first.setdefault(unit, key)
        variants = {first[unit]: number for unit, number in Counter(units).items() if number > 1}
        return replace(self, keys=list(first.values()), variants=variants)
