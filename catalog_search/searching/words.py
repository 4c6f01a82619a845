"""Words: what PostgreSQL's full text search makes of a query."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from django.db import connections
from django.db.models import Q
from django.db.models.expressions import RawSQL

from ..languages import as_words, compounds, text_config
from ..sql import execute
from .query import MAX_TOKENS, Query, Token
from .scope import Scope
from .spellings import other_spellings


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a query as PostgreSQL reads them: stemmed, without stop words.

    ``spellings`` holds, for each word, the same written together or apart, as tsqueries; ``weights``, where the words
    do not count alike, how much each does, 1 on average.
    """

    wanted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    spellings: tuple[tuple[str, ...], ...] = ()
    broad: bool = False
    """Do other spellings count, and products that hold only most of the words?"""
    enough: int = MAX_TOKENS
    """How many of the words do, where even most of them are too many to ask."""
    weights: tuple[float, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """One tsquery for each word, with its other spellings where they count."""
        if not self.broad:
            return tuple(f"({word})" for word in self.wanted)
        pairs = zip(self.wanted, self.spellings, strict=True)
        return tuple(f"({' | '.join((f'({word})', *(f'({one})' for one in others)))})" for word, others in pairs)

    @property
    def demanded(self) -> int:
        """How many of the words a product must hold."""
        total = len(self.wanted)
        return min(self.enough, math.ceil(total * 2 / 3) if total > 2 else 1) if self.broad else total

    @property
    def all(self) -> str:
        """The tsquery of products that hold every word."""
        return self._without(" & ".join(self.terms))

    @property
    def any(self) -> str:
        """The tsquery of products that hold at least one."""
        return self._without(" | ".join(self.terms))

    def _without(self, query: str) -> str:
        return " & ".join([f"({query})", *(f"!({word})" for word in self.excluded)])


def parse_words(scope: Scope, query: Query) -> Words:
    """Let PostgreSQL stem the words of a query; stop words vanish, and nothing in a word is an operator."""
    tokens = query.tokens[:MAX_TOKENS]
    if not tokens:
        return Words()
    language, texts = scope.language, [token.text for token in tokens]
    units = list(runs(tokens, texts, {one.typed: one.others for one in query.alternatives}))
    spellings = [
        list(other_spellings(tokens, unit.start, language)) if unit.stop - unit.start == 1 else ["".join(texts[unit])]
        for unit, _ in units
    ]
    written = chain(texts, *spellings, *(others for _, others in units))
    parsed = iter(stems(scope.alias, list(map(as_words, written)), language))
    words = [next(parsed) for _ in tokens]
    spelt = [tuple(filter(None, [_spelt(text, next(parsed), language) for text in own])) for own in spellings]
    meant = [tuple(filter(None, [next(parsed) for _ in others])) for _, others in units]
    wanted: dict[str, tuple[str, ...]] = {}
    for (unit, _), own, others in zip(units, spelt, meant, strict=True):
        word = _any(_all(words[unit]), *others)
        if word and not tokens[unit.start].excluded:
            wanted[word] = wanted.get(word, ()) + own
    excluded = dict.fromkeys(word for token, word in zip(tokens, words, strict=True) if word and token.excluded)
    return Words(tuple(wanted), tuple(excluded), tuple(wanted.values()))


def stems(alias: str, texts: list[str], language: str) -> list[str]:
    """Return words and phrases as PostgreSQL stems them, as tsqueries; "" for stop words alone."""
    if not texts:
        return []
    rows = execute(
        alias,
        """
        SELECT phraseto_tsquery(%s::regconfig, token)::text
        FROM unnest(%s::text[]) WITH ORDINALITY AS tokens(token, position) ORDER BY position
        """,
        (text_config(language), texts),
    )
    return [stem for (stem,) in rows]


def runs(
    tokens: Sequence[Token], names: Sequence[str], others: Mapping[tuple[str, ...], tuple[str, ...]]
) -> Iterator[tuple[slice, tuple[str, ...]]]:
    """Yield words one by one, but the longest runs that others are known for, by the words' names, together with these.

    What is excluded or in quotes is what it is.
    """
    longest = max(map(len, others), default=0)
    position = 0
    while position < len(tokens):
        run, found = slice(position, position + 1), ()  # type: slice, tuple[str, ...]
        for length in range(min(longest, len(tokens) - position), 0, -1):
            wider = slice(position, position + length)
            known = others.get(tuple(names[wider]), ())
            if known and not any(token.excluded or token.quoted for token in tokens[wider]):
                run, found = wider, known
                break
        yield run, found
        position = run.stop


def _spelt(text: str, parsed: str, language: str) -> str:
    """Return what is taken for a word's other spelling: its parts in a row, in a language of compounds anywhere."""
    if " " not in text:
        return parsed
    if "<->" not in parsed:  # one of the parts is a stop word, and the other one alone another word
        return ""
    return parsed.replace(" <-> ", " & ") if compounds(language) else parsed


def _all(words: Sequence[str]) -> str:
    there = [word for word in words if word]
    return " & ".join(f"({word})" for word in there) if len(there) > 1 else "".join(there)


def _any(word: str, *others: str) -> str:
    return " | ".join(f"({one})" for one in (word, *others)) if word and others else word


def without_excluded(scope: Scope, query: Query) -> list[Q]:
    """Return the condition on products that say nothing of what a query excludes, where it excludes anything."""
    excluded = parse_words(scope, query).excluded
    if not excluded:
        return []
    kind = scope.index.model._meta.pk.rel_db_type(connections[scope.alias])
    say = f"SELECT document.object_key::{kind} {scope.documents.rows} AND document.search_vector @@ %s::tsquery"
    parameters = [scope.language, " | ".join(f"({word})" for word in excluded)]
    return [~Q(pk__in=RawSQL(say, parameters))]  # noqa: S611 - a type and a table
