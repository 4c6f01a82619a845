"""Grouping: of products that are variants of one another, one is shown, and they count as one."""

from __future__ import annotations

from collections.abc import Sequence

from .ranking import Candidate
from .scope import Scope


def with_families(scope: Scope, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with their families, the best of each family first, then the others.

    So the time of the reranker goes to what can be shown; which of a family is shown is decided after arranging.
    """
    facts = scope.facts(one.key for one in candidates)
    known = [one.of(str(facts[one.key][0]) if one.key in facts else one.key) for one in candidates]
    best = {one.family: one for one in reversed(known)}
    return sorted(known, key=lambda one: best[one.family] is not one)


def shown(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the first candidate of each family with how many there are of it; all where none has a family."""
    units: dict[str, list[Candidate]] = {}
    for one in candidates:
        units.setdefault(one.unit, []).append(one)
    return [own[0]._replace(variants=len(own)) if len(own) > 1 else own[0] for own in units.values()]
