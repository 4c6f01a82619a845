"""Guessing: which words of a text may be misspelt, what documents tell of words, and how likely one was meant."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..languages import WORD, as_words, folded, normalise_identifier, text_config
from ..searching.lanes import from_scope
from ..searching.query import TOKEN
from ..searching.scope import Scope
from ..sql import array, execute
from . import synonyms
from .lexicon import Lexicon

ODDS = 5.0
"""How much less likely, as a logarithm, each unit of the cost of a typo makes it."""
UNKNOWN, UNKNOWN_PER_LETTER = 0.8, 0.1
"""What it costs to take a word for a good one that nobody knows: the longer it is, the less a likeness is chance."""
TOGETHER, MOST_TOGETHER = 3.0, 100
"""How much more likely, as a logarithm, a word is that stands in one document with the rest of the query, and of how
many such documents more would not tell more."""
SURE = 0.6
"""The probability from which on another word is taken for what was meant."""
SHORTEST_ALONE = 4
"""Letters from which on a word may be misspelt whatever stands beside it."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a word was most likely meant as, and how likely that is."""

    word: str
    probability: float


def read(text: str) -> list[re.Match[str]]:
    """Find the words that may be misspelt: none in quotes, after a minus, or in one with digits."""
    return [
        match
        for token in TOKEN.finditer(text)
        if token.group(3) and not token.group(1) and not re.search(r"[\d@]", token.group(3))
        for match in WORD.finditer(text, token.start(3), token.end(3))
    ]


def replaced(text: str, meant: Mapping[str, str]) -> str:
    """Return a text with others in the place of some of its words, which are named without accents and capitals."""
    for match in reversed(read(text)):
        word = meant.get(folded(match.group()))
        if word:
            text = text[: match.start()] + word + text[match.end() :]
    return text


def best(lexicon: Lexicon, word: str, choices: Mapping[str, float], as_typed: float | None = None) -> Guess | None:
    """Return the likeliest choice, and how likely it is beside the others and the word as it is typed: usually a good
    one that nobody knows.
    """
    if not choices:
        return None
    first = max(choices, key=lambda one: choices[one])
    if as_typed is None:
        as_typed = -ODDS * (UNKNOWN + UNKNOWN_PER_LETTER * len(word))
    total = sum(math.exp(score) for score in (as_typed, *choices.values()))
    return Guess(lexicon.written(first), math.exp(choices[first]) / total)


def without_synonyms(scope: Scope, words: list[str], groups: synonyms.Groups) -> list[str]:
    """Return the words that no synonym has."""
    if not (groups.stems and words):
        return words
    stems = synonyms.stemmed(scope.alias, words, scope.language)
    return [word for word, stem in zip(words, stems, strict=True) if stem not in groups.stems]


def looked_up(scope: Scope, asked: Sequence[tuple[str, str, str]]) -> tuple[set[str], dict[tuple[str, str], int]]:
    """Look up (word, spelling, rest of the query): return the words that some document holds in one of their spellings,
    or as an identifier, where no rest is asked for, stop words too; and in how many documents a spelling is found
    together with a rest, if in any.
    """
    identifiers = [_as_lexeme(word) if word == one and not rest else "" for word, one, rest in asked]
    documents = scope.documents.rows
    rows = execute(
        scope.alias,
        f"""
        SELECT word, spelling, rest, number FROM (
            SELECT *, phraseto_tsquery(config, spelling) AS query, plainto_tsquery(config, rest) AS others
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS asked(word, spelling, rest, identifier),
                 (SELECT %s::regconfig AS config) configured
        ) parsed, LATERAL (
            SELECT count(*) AS number FROM (
                SELECT {documents} AND numnode(query) > 0 AND search_vector @@ (query && others) LIMIT {MOST_TOGETHER}
            ) holding
        ) held
        WHERE number > 0 OR (rest = '' AND numnode(query) = 0)
           OR (identifier <> '' AND EXISTS (SELECT {documents} AND identifiers @@ identifier::tsquery))
        """,
        (
            *map(list, zip(*asked, strict=True)),
            identifiers,
            text_config(scope.language),
            scope.language,
            scope.language,
        ),
    )
    found = {word for word, _, beside, _ in rows if not beside}
    return found, {(word, one): number for word, one, beside, number in rows if beside}


def told_by_visible(scope: Scope, words: Collection[str]) -> set[str]:
    """Return those of these words that a product in scope holds, or has for an identifier, and stop words; others would
    tell what is hidden.
    """
    rows = scope.execute(
        f"""
        WITH asked AS MATERIALIZED (
            SELECT word, plainto_tsquery(%s::regconfig, read) AS query, nullif(identifier, '')::tsquery AS identifier
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked(word, read, identifier)
        )
        SELECT word FROM asked
        WHERE numnode(query) = 0
           OR EXISTS (SELECT {from_scope(scope)} AND document.search_vector @@ query)
           OR (identifier IS NOT NULL AND EXISTS (SELECT {from_scope(scope)} AND document.identifiers @@ identifier))
        """,
        (
            text_config(scope.language),
            *map(array, (words, map(as_words, words), map(_as_lexeme, words))),
            *(2 * (*scope.selection[1], scope.language)),
        ),
    )
    return {word for (word,) in rows}


def _as_lexeme(word: str) -> str:
    identifier = normalise_identifier(word)
    return f"'{identifier}'" if identifier else ""
