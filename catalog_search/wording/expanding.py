"""Expanding: the other words for what was typed, beside it."""

from __future__ import annotations

from dataclasses import replace

from ..languages import compounds
from ..searching.asking import Ask
from ..searching.scope import Scope
from . import synonyms, vocabulary
from .compounds import with_compounds


def expand(scope: Scope, ask: Ask, groups: synonyms.Groups | None = None) -> Ask:
    """Step of REWRITE: ask for the other words of the shop's synonyms, or of some given, too, and for compounds."""
    groups = synonyms.in_force(scope) if groups is None else groups
    query = synonyms.expanded(ask.query, groups, scope.alias, scope.language)
    asked = compounds(scope.language) and query.tokens and not ask.exact
    if asked and (lexicon := vocabulary.lexicon(scope.alias, scope.generation, scope.language)):
        query = with_compounds(query, lexicon, scope.language)
    return ask if query is ask.query else replace(ask, query=query)
