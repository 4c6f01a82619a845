"""Words: what PostgreSQL's full text search makes of a query, and the lane that finds products by it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import connections
from django.db.models import Q
from django.db.models.expressions import RawSQL

from ..languages import as_words, text_config
from ..models import Document
from ..sql import execute
from .lanes import from_scope
from .query import MAX_TOKENS, Alternatives, Query, Token
from .scope import Scope
from .spellings import other_spellings

_DOCUMENTS = Document._meta.db_table

FEW_MATCHES = 10
# Field weights of A, B, C, D, chosen on judged queries: docs/relevance.md.
FIELD_WEIGHTS = (1.0, 0.5, 0.4, 0.2)
# BM25's k1 and b as the textbook has them: how often a word stands until more hardly matters, and how much a field
# loses by being longer than the catalogue's average.
SATURATION, LENGTH_SHARE = 1.2, 0.75
# What another spelling of a word counts beside the word itself: "headset" for "head set".
SPELLING_SHARE = 0.5
_ONE_WORD = re.compile("'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class WordMatch:
    """How the words of a product match: the share of the query's words, and how prominently on average, 0 to 1."""

    key: str
    coverage: float
    rank: float


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a query as PostgreSQL reads them: stemmed, without stop words.

    ``spellings`` holds, for each word, the same written together or apart, as tsqueries.
    """

    wanted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    spellings: tuple[tuple[str, ...], ...] = ()
    broad: bool = False
    """Do other spellings count, and products that hold only most of the words?"""

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
        return max(1, math.ceil(total * 2 / 3) if total > 2 else 1) if self.broad else total

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


def parse_words(alias: str, query: Query, language: str) -> Words:
    """Let PostgreSQL stem the words of a query; stop words vanish, and nothing in a word is an operator."""
    tokens = query.tokens[:MAX_TOKENS]
    if not tokens:
        return Words()
    units = list(_units(tokens, query.alternatives))
    texts = [token.text for token in tokens]
    spellings = [
        list(other_spellings(tokens, unit.start)) if unit.stop - unit.start == 1 else ["".join(texts[unit])]
        for unit, _ in units
    ]
    rows = execute(
        alias,
        """
        SELECT phraseto_tsquery(%s::regconfig, token)::text
        FROM unnest(%s::text[]) WITH ORDINALITY AS tokens(token, position) ORDER BY position
        """,
        (
            text_config(language),
            [as_words(text) for own in (texts, *spellings, *(others for _, others in units)) for text in own],
        ),
    )
    parsed = iter(row[0] for row in rows)
    words = [next(parsed) for _ in tokens]
    spelt = [tuple(filter(None, [next(parsed) for _ in own])) for own in spellings]
    meant = [tuple(filter(None, [next(parsed) for _ in others])) for _, others in units]
    wanted: dict[str, tuple[str, ...]] = {}
    for (unit, _), own, others in zip(units, spelt, meant, strict=True):
        word = _any(_all(words[unit]), *others)
        if word and not tokens[unit.start].excluded:
            wanted[word] = wanted.get(word, ()) + own
    excluded = dict.fromkeys(word for token, word in zip(tokens, words, strict=True) if word and token.excluded)
    return Words(tuple(wanted), tuple(excluded), tuple(wanted.values()))


def _units(tokens: Sequence[Token], alternatives: Sequence[Alternatives]) -> Iterator[tuple[slice, tuple[str, ...]]]:
    """Yield the words one by one, those of one alternative together, with what they may be called too."""
    others = {one.typed: one.others for one in alternatives}
    longest = max(map(len, others), default=0)
    position = 0
    while position < len(tokens):
        for length in range(min(longest, len(tokens) - position), 0, -1):
            run = tokens[position : position + length]
            found = others.get(tuple(token.text for token in run), ())
            if found and not any(token.excluded or token.quoted for token in run):
                yield slice(position, position + length), found
                position += length
                break
        else:
            yield slice(position, position + 1), ()
            position += 1


def _all(words: Sequence[str]) -> str:
    there = [word for word in words if word]
    return " & ".join(f"({word})" for word in there) if len(there) > 1 else "".join(there)


def _any(word: str, *others: str) -> str:
    return " | ".join(f"({one})" for one in (word, *others)) if word and others else word


def without_excluded(scope: Scope, query: Query) -> list[Q]:
    """Return the condition on products that say nothing of what a query excludes, where it excludes anything."""
    excluded = parse_words(scope.alias, query, scope.language).excluded
    if not excluded:
        return []
    kind = scope.index.model._meta.pk.rel_db_type(connections[scope.alias])
    own = "generation_id = %s AND language = %s AND search_vector @@ %s::tsquery"
    say = f"SELECT object_key::{kind} FROM {_DOCUMENTS} WHERE {own}"
    parameters = [scope.generation.pk, scope.language, " | ".join(f"({word})" for word in excluded)]
    return [~Q(pk__in=RawSQL(say, parameters))]  # noqa: S611 - a type and a table


def broadened(scope: Scope, words: Words) -> Words:
    """Decide, before facets, whether the words as they stand find enough; where not, take a wider view of them."""
    if not words.wanted or (len(words.wanted) == 1 and not words.spellings[0]):
        return words
    if matched(scope, words, FEW_MATCHES) >= FEW_MATCHES:
        return words
    return replace(words, spellings=_in_use(scope, words.spellings), broad=True)


def _in_use(scope: Scope, spellings: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Keep the spellings that some document has: the others would be looked for in every match."""
    own = f"FROM {_DOCUMENTS} WHERE generation_id = {int(scope.generation.pk)} AND language = %s"
    rows = execute(
        scope.alias,
        f"""
        SELECT spelling FROM unnest(%s::text[]) AS asked(spelling)
        WHERE EXISTS (SELECT {own} AND search_vector @@ spelling::tsquery)
        """,
        ([one for others in spellings for one in others], scope.language),
    )
    found = {spelling for (spelling,) in rows}
    return tuple(tuple(one for one in others if one in found) for others in spellings)


def matched(scope: Scope, words: Words, limit: int) -> int:
    """Count the products that hold every word, as far as the limit."""
    if not words.wanted:
        return 0
    statement = f"SELECT 1 {from_scope(scope)} AND document.search_vector @@ %s::tsquery LIMIT {int(limit)}"
    return len(scope.execute(statement, (*scope.keys[1], scope.language, words.all)))


def words(scope: Scope, words: Words, limit: int) -> list[WordMatch]:
    """Find products by their words, those that hold more of them first.

    A word counts by how often it stands in which fields, each field weighed by its length as BM25F does (Robertson
    and Zaragoza, The Probabilistic Relevance Framework, 2009), but every word as much: what is rare is told by meaning.
    """
    if not words.wanted:
        return []
    total = len(words.wanted)
    spelt = zip(words.wanted, words.spellings, strict=True)
    weighted = [_weighted(scope, word, others if words.broad else ()) for word, others in spelt]
    rest = " + ".join(f"1 / ({SATURATION} + {weight})" for weight, _ in weighted)
    counted = words.terms if words.broad else ()
    coverage = " + ".join("(document.search_vector @@ %s::tsquery)::int" for _ in counted) or str(total)
    # PostgreSQL takes no weight above one.
    roughly = f"ARRAY[{', '.join(f'{1 - LENGTH_SHARE} * {share}' for share in reversed(_shares(scope)))}]::float4[]"
    # The exact score is for those that can be shown: PostgreSQL's own rank, in one pass over all terms, chooses them.
    # ts_filter reads a long document's words once, which each function would do for itself.
    rows = scope.execute(
        f"""
        SELECT object_key, coverage, 1 - {SATURATION / total} * ({rest}) AS rank FROM (
            SELECT object_key, lengths, search_vector, coverage FROM (
                SELECT document.object_key, document.lengths, document.search_vector, {coverage} AS coverage
                {from_scope(scope)} AND document.search_vector @@ %s::tsquery OFFSET 0
            ) matching WHERE coverage >= {words.demanded}
            ORDER BY coverage DESC, ts_rank({roughly}, search_vector, %s::tsquery) DESC, object_key LIMIT {int(limit)}
        ) best, LATERAL (SELECT ts_filter(search_vector, '{{a,b,c,d}}') AS words OFFSET 0) held
        ORDER BY coverage DESC, rank DESC, object_key
        """,
        (
            *(parameter for _, own in weighted for parameter in own),
            *counted,
            *scope.keys[1],
            scope.language,
            words.any if words.broad else words.all,
            " | ".join(words.terms),
        ),
    )
    return [WordMatch(key, held / total, rank) for key, held, rank in rows]


def _weighted(scope: Scope, word: str, others: Sequence[str]) -> tuple[str, list[str]]:
    """Return the SQL, with its parameters, of how often a word stands in a document, each place by its field."""
    places, parameters = _places(scope, word)
    if not others:
        return places, parameters
    spelt, own = _places(scope, " | ".join(f"({one})" for one in others))
    return f"GREATEST({places}, {SPELLING_SHARE} * ({spelt}))", parameters + own


def _places(scope: Scope, word: str) -> tuple[str, list[str]]:
    shares = [*_shares(scope), "0"]
    # PostgreSQL tells no counts, but ts_rank of one word adds 1/n² for its nth place and divides by the sum over all n,
    # ζ(2). What is missing of it is nearly 1/(n + ½): rounded, that gives n. A document's fields are in order, so
    # counting from the first on leaves no gaps. A phrase, or one word of several, counts once: in its first field.
    number = "round(1 / (1.6449341 * (1 - {rank})) - 0.5)" if _ONE_WORD.fullmatch(word) else "ceil({rank})"
    parts = []
    for position in range(len(FIELD_WEIGHTS)):
        until = _listed([float(position >= field) for field in range(len(FIELD_WEIGHTS))])
        rank = f"ts_rank('{{{until}}}', words, %s::tsquery)"
        parts.append(f"({shares[position]} - {shares[position + 1]}) * {number.format(rank=rank)}")
    return f"({' + '.join(parts)})", [word] * len(parts)


def _listed(weights: Sequence[float]) -> str:
    """The weights of A, B, C and D as PostgreSQL lists them, from D on."""
    return ",".join(map(str, reversed(weights)))


def _shares(scope: Scope) -> list[str]:
    """The SQL of what one place counts in the fields of weight A, B, C and D of a document."""
    averages = scope.generation.average_lengths
    shares = []
    for position, weight in enumerate(FIELD_WEIGHTS):
        relative = f"lengths[{position + 1}] / {averages[position]:.6f}" if averages[position] else "1"
        shares.append(f"{weight} / ({1 - LENGTH_SHARE} + {LENGTH_SHARE} * {relative})")
    return shares
