"""The two steps of merchandising: before retrieval rules narrow, admit and guide, after ranking they arrange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ..searching import steps
from ..searching.asking import Ask
from ..searching.candidates import UNSURE, Candidates
from ..searching.results import Banner
from ..searching.scope import Scope
from . import rulebook
from .rulings import NARROWING, Deed, Kind, Occasion, Ruling, acting

NOTE = "rules"
"""The name under which the first step leaves a Plan for the second."""
UTMOST = 1e9
"""A product that so much lifts is the first anyway; many rules together would multiply to infinity."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to do once products are ranked, each with the name of its rule."""

    pins: tuple[tuple[Deed, str], ...] = ()
    lifts: tuple[tuple[Deed, str], ...] = ()


def apply_rules(scope: Scope, ask: Ask, rulings: Sequence[Ruling] | None = None) -> Ask:
    """Find the rules that act on a search, or those of some given, and let them change what is asked.

    Where products are asked for by likeness alone, as on a product's page, rules only hide and filter.
    """
    found = rulebook.rulings(scope.index) if rulings is None else rulings
    texts = tuple(filter(None, (ask.query.text, ask.guidance.instead_of))) if ask.query else ()
    occasion = Occasion(texts, ask.chosen, scope.language, browsing=not ask.query)
    by_likeness = bool(ask.query.like) and not ask.query.text.strip()
    deeds = [pair for pair in _deeds(found, occasion) if not by_likeness or pair[0].kind in NARROWING]
    return _changed(scope, ask, deeds) if deeds else ask


def narrowed(scope: Scope, text: str) -> Scope:
    """Return the scope without what rules hide from the search for a text, for what shows products beside searches."""
    deeds = _deeds(rulebook.rulings(scope.index), Occasion((text,), {}, scope.language, browsing=False))
    return scope.under(*_conditions(scope, [deed for deed, _ in deeds]))


def arrange_rules(scope: Scope, ask: Ask, candidates: Candidates) -> Candidates:
    """Boost and bury, then pin, so that what is pinned stands where it was put."""
    plan: Plan | None = ask.notes.get(NOTE)
    if plan is None:
        return candidates
    factors, named = _factors(scope, plan.lifts, candidates.keys)
    for deed, name in plan.pins:
        named.setdefault(str(deed.key), []).append(name)
    placed = pinned(lifted(candidates, factors), [(str(deed.key), deed.position) for deed, _ in plan.pins])
    return replace(placed, rules={**placed.rules, **{key: tuple(dict.fromkeys(own)) for key, own in named.items()}})


def lifted(candidates: Candidates, factors: Mapping[str, float]) -> Candidates:
    """Return candidates by their place divided by their factor: 3 lifts from place 30 to 10, 1/3 lowers it back.

    Places and not scores, so that a strength means the same in every search and on pages without one.
    """
    if not factors:
        return candidates
    sure = candidates.sure
    weighed = [
        (sure.get(key, UNSURE), place / factor, -factor, place, key)
        for place, key in enumerate(candidates.keys, start=1)
        for factor in [factors.get(key, 1.0)]
    ]
    return candidates.in_order([key for *_, key in sorted(weighed)])


def pinned(candidates: Candidates, pins: Iterable[tuple[str, int]]) -> Candidates:
    """Return candidates with those pinned, (key, place from 1), at their places or at the end of a shorter list.

    The first pin of a product and of a place counts; the next one of a place takes the place after it. Where products
    are grouped a place is that of a family, which is shown by the product that is pinned.
    """
    there = dict(zip(candidates.keys, candidates.units, strict=True))
    places: dict[int, str] = {}
    families: set[str] = set()
    for key, place in pins:
        if key in there and there[key] not in families:
            while place in places:
                place += 1
            places[place] = key
            families.add(there.pop(key))
    first: list[str] = []
    others: list[str] = []
    for key, family in there.items():
        (others if family in families else first).append(key)
        families.add(family)
    for place in sorted(places):
        first.insert(place - 1, places[place])
    return candidates.in_order([*first, *others])


def steps_with(rulings: Sequence[Ruling]) -> dict[str, Any]:
    """Return the options of ``search`` that let these rules act instead of those in force; none: no rule acts."""
    return steps.exchanged({apply_rules: partial(apply_rules, rulings=tuple(rulings))})


def _deeds(rulings: Sequence[Ruling], occasion: Occasion) -> list[tuple[Deed, str]]:
    """Return what rules do to a search, each with the name of its rule."""
    return [(deed, one.name) for one in acting(rulings, occasion, timezone.now()) for deed in one.deeds]


def _conditions(scope: Scope, deeds: Iterable[Deed]) -> list[Q]:
    """Return the conditions under which products are found at all."""
    kinds = {Kind.FILTER: _having, Kind.HIDE: lambda *own: ~_having(*own)}
    return [kinds[Kind(deed.kind)](scope, deed) for deed in deeds if deed.kind in NARROWING]


def _changed(scope: Scope, ask: Ask, deeds: Sequence[tuple[Deed, str]]) -> Ask:
    by_kind: dict[str, list[tuple[Deed, str]]] = {}
    for deed, name in deeds:
        by_kind.setdefault(deed.kind, []).append((deed, name))

    def of(*kinds: str) -> tuple[tuple[Deed, str], ...]:
        return tuple(pair for kind in kinds for pair in by_kind.get(kind, ()))

    first = {kind: pairs[0][0] for kind, pairs in by_kind.items()}
    guidance = replace(
        ask.guidance,
        rules=tuple(dict.fromkeys((*ask.guidance.rules, *(name for _, name in deeds)))),
        banners=(*ask.guidance.banners, *(Banner(one.text, one.url, one.picture) for one, _ in of(Kind.BANNER))),
        redirect=ask.guidance.redirect or (first[Kind.REDIRECT].url if Kind.REDIRECT in first else ""),
    )
    query = ask.query
    if Kind.REPLACE in first:
        query = replace(query, text=first[Kind.REPLACE].text)
        guidance = replace(guidance, did_you_mean="", instead_of="", searched="")  # of words that nobody searches now
    return replace(
        ask,
        query=query,
        conditions=(*ask.conditions, *_conditions(scope, [deed for deed, _ in deeds])),
        admitted=tuple(dict.fromkeys((*ask.admitted, *(str(deed.key) for deed, _ in of(Kind.PIN))))),
        guidance=guidance,
        notes={**ask.notes, NOTE: Plan(of(Kind.PIN), of(Kind.BOOST, Kind.BURY))},
    )


def _having(scope: Scope, deed: Deed) -> Q:
    """The condition that a deed's products meet."""
    if deed.chosen is None:
        return Q(pk=deed.key)
    return Q(pk__in=scope.narrowed(deed.chosen).products.order_by().values("pk"))


def _factors(
    scope: Scope, lifts: Sequence[tuple[Deed, str]], keys: Sequence[str]
) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Return by key what its place is divided by, and the rules that had a say; one statement a condition."""
    factors: dict[str, float] = {}
    named: dict[str, list[str]] = {}
    for deed, name in lifts:
        if deed.chosen is None:
            meant = [str(deed.key)]
        else:
            found = scope.narrowed(deed.chosen).among(keys)
            meant = list(map(str, found.order_by().values_list("pk", flat=True)))
        for key in meant:
            factor = deed.strength if deed.kind == Kind.BOOST else 1 / deed.strength
            factors[key] = min(max(factors.get(key, 1.0) * factor, 1 / UTMOST), UTMOST)
            named.setdefault(key, []).append(name)
    return factors, named
