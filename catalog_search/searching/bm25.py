"""The lane of words: which products hold the words of a query, and how prominently, as BM25F reckons it.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..sql import array, execute
from .documents import TABLE
from .lanes import from_scope, is_wide, joined
from .scope import Scope
from .words import Words

FEW_MATCHES = 10
FIELDS = ("a", "b", "c", "d")
# Chosen on judged queries: docs/relevance.md.
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


def broadened(scope: Scope, words: Words) -> Words:
    """Decide, before facets, whether the words as they stand find enough; where not, take a wider view of them."""
    if not words.wanted or (len(words.wanted) == 1 and not words.spellings[0]):
        return words
    if matched(scope, words, FEW_MATCHES) >= FEW_MATCHES:
        return words
    return replace(words, spellings=_in_use(scope, words.spellings), broad=True)


def relaxed(scope: Scope, words: Words) -> Words:
    """Demand fewer of the words where too few products hold most of them; then the rarer ones count more.

    That is for words alone: else meaning finds what holds only few of them, and tells which of them matter.
    """
    enough = words.demanded
    if not words.broad or enough == 1:
        return words
    held, columns = _presence_columns(words.terms)
    rows = scope.execute(
        f"""
        SELECT {" + ".join(columns)}, count(*), {", ".join(f"sum({column})" for column in columns)} FROM (
            SELECT {", ".join(held)} {from_scope(scope)} AND document.search_vector @@ %s::tsquery OFFSET 0
        ) matching GROUP BY 1
        """,
        (*words.terms, *scope.selection[1], scope.language, words.any),
    )
    while enough > 1 and sum(products for number, products, *_ in rows if number >= enough) < FEW_MATCHES:
        enough -= 1
    if not rows or enough == words.demanded:
        return words
    _, found, *counts = map(sum, zip(*rows, strict=True))
    rarities = [math.log(1 + found / max(1, count)) for count in counts]
    mean = sum(rarities) / len(rarities)
    return replace(words, enough=enough, weights=tuple(rarity / mean for rarity in rarities))


def _presence_columns(terms: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the SQL that says of a document which of the terms it holds, 1 or 0, and the names of its columns."""
    columns = [f"held_{place}" for place in range(len(terms))]
    return [f"(document.search_vector @@ %s::tsquery)::int AS {column}" for column in columns], columns


def _in_use(scope: Scope, spellings: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Keep the spellings that some document has: the others would be looked for in every match."""
    rows = execute(
        scope.alias,
        f"""
        SELECT spelling FROM unnest(%s::text[]) AS asked(spelling)
        WHERE EXISTS (SELECT {scope.documents.rows} AND document.search_vector @@ spelling::tsquery)
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
    return len(scope.execute(statement, (*scope.selection[1], scope.language, words.all)))


def matches(scope: Scope, words: Words, limit: int) -> list[WordMatch]:
    """Find products by their words, those that hold more of them first.

    A word counts by how often it stands in which fields, each field weighed by its length, but every word as much:
    what is rare is told by meaning.
    """
    visible = scope.selection[1]
    if is_wide(scope, limit):  # so are most matches: whether they are in scope is asked of the best alone
        return _scored(scope, words, limit, scope.documents.rows, (scope.language,), joined(scope), visible)
    return _scored(scope, words, limit, from_scope(scope), (*visible, scope.language))


def matches_of(scope: Scope, words: Words, keys: Sequence[str]) -> list[WordMatch]:
    """Tell how given products, which other lanes found, match the words; those that do not are left out."""
    if not keys:
        return []
    these = f"{scope.documents.rows} AND document.object_key = ANY(%s)"
    return _scored(scope, words, len(keys), these, (scope.language, array(keys)))


def _scored(
    scope: Scope,
    words: Words,
    limit: int,
    documents: str,
    parameters: Sequence[Any],
    narrowing: str = "",
    narrowing_parameters: Sequence[Any] = (),
) -> list[WordMatch]:
    """Score documents, the FROM and WHERE of a statement; a JOIN may narrow the best of them."""
    if not words.wanted:
        return []
    total = len(words.wanted)
    weights = words.weights or (1,) * total
    spelt = zip(words.wanted, words.spellings, strict=True)
    counted = [_term_frequency(word, others if words.broad else ()) for word, others in spelt]
    rest = " + ".join(f"{own} / ({SATURATION} + {count})" for own, (count, _) in zip(weights, counted, strict=True))
    terms = words.terms if words.broad else ()  # else all are held
    held, columns = _presence_columns(terms)
    number = " + ".join(columns) or str(total)
    coverage = " + ".join(f"{own}::float8 * {one}" for own, one in zip(weights, columns, strict=False)) or number
    shares = _shares(scope)
    # PostgreSQL takes no weight above one.
    lengths = f"ARRAY[{', '.join(f'{1 - LENGTH_SHARE} * {share}' for share in reversed(shares))}]::float4[]"
    # The exact score is for those that can be shown: PostgreSQL's own rank, in one pass over all terms, chooses them.
    # ts_filter reads a long document's words once, which each function would do for itself.
    rows = scope.execute(
        f"""
        SELECT object_key, coverage, 1 - {SATURATION / total} * ({rest}) AS rank FROM (
            SELECT document.id, document.coverage FROM (
                SELECT id, object_key, object_id, {coverage} AS coverage,
                       ts_rank({lengths}, search_vector, %s::tsquery) AS roughly
                FROM (
                    SELECT {", ".join(("document.*", *held))} {documents}
                    AND document.search_vector @@ %s::tsquery OFFSET 0
                ) matching WHERE {number} >= {words.demanded}
                ORDER BY coverage DESC, roughly DESC, object_key OFFSET 0
            ) document {narrowing}
            ORDER BY document.coverage DESC, document.roughly DESC, document.object_key LIMIT {int(limit)}
        ) best JOIN {TABLE} document USING (id), LATERAL (
            SELECT ts_filter(search_vector, '{{a,b,c,d}}') AS words,
                   {", ".join(f"{share} AS {field}" for share, field in zip(shares, FIELDS, strict=True))} OFFSET 0
        ) held
        ORDER BY coverage DESC, rank DESC, object_key
        """,
        (
            *(parameter for _, own in counted for parameter in own),
            " | ".join(words.terms),
            *terms,
            *parameters,
            words.any if words.broad else words.all,
            *narrowing_parameters,
        ),
    )
    return [WordMatch(key, held / total, rank) for key, held, rank in rows]


def _term_frequency(word: str, others: Sequence[str]) -> tuple[str, list[str]]:
    """Return the SQL, with its parameters, of how often a word stands in a document, each place by its field."""
    places, parameters = _places(word)
    if not others:
        return places, parameters
    spelt, own = _places(" | ".join(f"({one})" for one in others))
    return f"GREATEST({places}, {SPELLING_SHARE} * ({spelt}))", parameters + own


def _places(word: str) -> tuple[str, list[str]]:
    # PostgreSQL tells no counts, but ts_rank of one word adds 1/n² for its nth place and divides by the sum over all n,
    # ζ(2). What is missing of it is nearly 1/(n + ½): rounded, that gives n. A document's fields are in order, so
    # counting from the first on leaves no gaps. A phrase, or one word of several, counts once: in its first field.
    number = "round(1 / (1.6449341 * (1 - {rank})) - 0.5)" if _ONE_WORD.fullmatch(word) else "ceil({rank})"
    parts = []
    for position, (field, following) in enumerate(zip(FIELDS, (*FIELDS[1:], "0"), strict=True)):
        until = _weight_array([float(position >= other) for other in range(len(FIELDS))])
        rank = f"ts_rank('{{{until}}}', words, %s::tsquery)"
        parts.append(f"({field} - {following}) * {number.format(rank=rank)}")
    return f"({' + '.join(parts)})", [word] * len(parts)


def _weight_array(weights: Sequence[float]) -> str:
    """The weights of A, B, C and D as PostgreSQL lists them, from D on."""
    return ",".join(map(str, reversed(weights)))


def _shares(scope: Scope) -> list[str]:
    """The SQL of what one place counts in the fields of weight A, B, C and D of a document.

    In floats throughout: with PostgreSQL's exact decimals it would take half the time of the lane.
    """
    averages = scope.generation.average_lengths
    shares = []
    for position, (average, weight) in enumerate(zip(averages, FIELD_WEIGHTS, strict=True)):
        length = f"{LENGTH_SHARE / average}::float8 * lengths[{position + 1}]" if average else f"{LENGTH_SHARE}"
        shares.append(f"{weight} / ({1 - LENGTH_SHARE} + ({length})::float8)")
    return shares
