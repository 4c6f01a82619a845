"""Synonyms: the shop's own other words for things, beside those that were typed.

Words are compared by their stems, so "couches" is the "couch" of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q
from django.db.models.signals import post_delete, post_save

from ..indexes import SearchIndex
from ..languages import agree, folded
from ..models import Synonym
from ..searching.memory import Memory
from ..searching.query import MAX_TOKENS, Alternatives, Query
from ..searching.scope import Scope
from ..searching.words import runs, stems
from ..sql import write_alias

MOST = 20
"""Other words for one thing that are searched beside it."""
MEMORY: Memory[Groups] = Memory("synonyms")

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """What else may be said, by the stems of what was typed."""

    others: Mapping[Stems, tuple[str, ...]]
    stems: frozenset[str] = frozenset()
    """The stem of every word of what may be typed: none of them is misspelt."""
    words: frozenset[str] = frozenset()
    """Those words themselves: what others may be misspelt from."""


def connect() -> None:
    """Let a saved or deleted synonym act in every process."""
    for signal in (post_save, post_delete):
        signal.connect(changed, sender=Synonym, dispatch_uid="catalog_search:synonyms")


def changed(**_: Any) -> None:
    """Tell every process that synonyms changed; for what sends no signal, such as ``bulk_create``."""
    MEMORY.changed(write_alias(Synonym))


def expanded(query: Query, groups: Groups, alias: str, language: str) -> Query:
    """Return a query with the other words for some of its own; itself where there are none."""
    tokens = query.tokens[:MAX_TOKENS] if groups.others else ()
    stems = stemmed(alias, [token.text for token in tokens], language)
    found = tuple(
        Alternatives(tuple(token.text for token in tokens[run]), others)
        for run, others in runs(tokens, stems, groups.others)
        if others
    )
    return replace(query, alternatives=found) if found else query


def in_force(scope: Scope) -> Groups:
    """Return the synonyms of an index in one language, from memory."""
    key = (scope.alias, scope.index.label, scope.language)
    return MEMORY.get(key, lambda: grouped(enabled(scope.index, scope.language), scope.alias, scope.language))


def enabled(index: SearchIndex, language: str) -> list[Synonym]:
    """Return the synonyms that act on an index in one language."""
    rows = Synonym.objects.using(write_alias(Synonym)).filter(Q(index="") | Q(index=index.label), enabled=True)
    return [row for row in rows if not row.language or agree(row.language, language)]


def grouped(synonyms: Iterable[Synonym], alias: str, language: str) -> Groups:
    """Return synonyms as searches take them."""
    ties: list[tuple[str, list[str]]] = []
    for row in synonyms:
        for phrase in [row.typed] if row.typed else row.phrases:
            ties.append((phrase, [other for other in row.phrases if other != phrase]))
    spellings = [(spelling, others) for phrase, others in ties for spelling in _spellings(phrase)]
    words = sorted({word for spelling, _ in spellings for word in spelling.split()})
    stems = dict(zip(words, stemmed(alias, words, language), strict=True))
    found: dict[Stems, tuple[str, ...]] = {}
    for spelling, others in spellings:
        key = tuple(stems[word] for word in spelling.split())
        if any(key):  # not stop words alone
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *others)))[:MOST]
    return Groups(found, frozenset(filter(None, stems.values())), frozenset(words))


def _spellings(phrase: str) -> set[str]:
    """Return a phrase as it may be typed: "t shirt" and "t-shirt"."""
    return {phrase, phrase.replace("-", " "), "-".join(phrase.split())}


def stemmed(alias: str, words: Iterable[str], language: str) -> list[str]:
    """Return the stems of words, as tsqueries; "" for a stop word."""
    return stems(alias, list(map(folded, words)), language)
