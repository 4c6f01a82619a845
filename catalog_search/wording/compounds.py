"""Compounds: what is written together in one language names what its last part names: "Kinderschuhe" are "Schuhe"."""

from __future__ import annotations

from dataclasses import replace

from ..searching.query import MAX_TOKENS, Alternatives, Query
from .dictionary import folded, is_in_language
from .lexicon import Lexicon

SHORTEST = 3
"""Letters of a part."""
ENDINGS = ("en", "er", "es", "e", "n", "s", "r", "a", "t")
"""What is put at the end of a word, or between the parts of one."""
MOST = 20


def with_compounds(query: Query, lexicon: Lexicon, language: str) -> Query:
    """Return a query that also asks for the catalogue's compounds of its words."""
    known = {word for one in query.alternatives for word in one.typed}
    tokens = [token for token in query.tokens[:MAX_TOKENS] if not (token.excluded or token.quoted)]
    found = [
        Alternatives((word,), others, meant=False)
        for word in dict.fromkeys(token.text for token in tokens)
        if word not in known and (others := tuple(compounds_of(lexicon, word, language)))
    ]
    return replace(query, alternatives=(*query.alternatives, *found)) if found else query


def compounds_of(lexicon: Lexicon, word: str, language: str) -> list[str]:
    """Return the catalogue's compounds whose last part is a word, those of most documents first."""
    head = _stem(folded(word))
    if not head.isalpha() or len(head) < SHORTEST:
        return []
    found = [one for one in lexicon.holding(head) if _is_compound(lexicon, one, head, language)]
    return [lexicon.written(one) for one in sorted(found, key=lambda one: (-lexicon.count(one), one))[:MOST]]


def _is_compound(lexicon: Lexicon, word: str, head: str, language: str) -> bool:
    first, _, end = word.rpartition(head)
    if len(first) < SHORTEST or end not in ("", *ENDINGS):
        return False
    parts = (first, *(first.removesuffix(ending) for ending in ENDINGS if first.endswith(ending)))
    return any(len(part) >= SHORTEST and (part in lexicon or is_in_language(part, language)) for part in parts)


def _stem(word: str) -> str:
    for ending in ENDINGS[:-2]:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST:
            return word.removesuffix(ending)
    return word
