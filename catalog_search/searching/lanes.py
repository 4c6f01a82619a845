"""The three lanes of retrieval: identifiers, words, vectors. One short statement each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from ..conf import settings
from ..fusion import Background, Vector
from ..languages import fold, text_config
from ..models import Document, Generation
from ..quantization import HALF
from ..sql import execute, vector_parameter
from .query import MAX_TOKENS, Query
from .scope import Scope

_DOCUMENTS = Document._meta.db_table

LANES = ("identifiers", "words", "vectors")

# The weights of D, C, B, A in ts_rank_cd: specifications matter less than the title.
RANK_WEIGHTS = "{0.05,0.2,0.5,1.0}"
FEW_MATCHES = 10
FEW_PREFIX_MATCHES = 20
PREFIX_LENGTH = 5


@dataclass(frozen=True, slots=True)
class IdentifierMatch:
    """How an identifier of a product matches: the whole query, one of its words, or its beginning."""

    key: str
    kind: str


@dataclass(frozen=True, slots=True)
class WordMatch:
    """How the words of a product match: the share of the query's words, and PostgreSQL's rank."""

    key: str
    coverage: float
    rank: float


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a query as PostgreSQL reads them: stemmed, without stop words."""

    wanted: tuple[str, ...]
    excluded: tuple[str, ...]

    @property
    def all(self) -> str:
        """The tsquery of products that hold every word."""
        return self._without(" & ".join(f"({word})" for word in self.wanted))

    @property
    def any(self) -> str:
        """The tsquery of products that hold at least one."""
        return self._without(" | ".join(f"({word})" for word in self.wanted))

    def _without(self, query: str) -> str:
        return " & ".join([f"({query})", *(f"!({word})" for word in self.excluded)])


def identifiers(scope: Scope, query: Query) -> list[IdentifierMatch]:
    """Find products by SKU, EAN or part number: the whole query, a word of it, or the beginning of one."""
    asked = query.identifiers
    if not asked or not scope.index.identifiers:
        return []
    whole, *parts = asked
    words = [part for part in parts if any(character.isdigit() for character in part)]
    prefix = whole if len(whole) >= PREFIX_LENGTH and any(character.isdigit() for character in whole) else ""
    any_of = " | ".join(f"'{word}'" for word in (whole, *words)) + (f" | '{prefix}':*" if prefix else "")
    rows = _select(
        scope,
        "document.object_key, document.identifiers @@ %s::tsquery, document.identifiers @@ %s::tsquery",
        (f"'{whole}'", " | ".join(f"'{word}'" for word in (whole, *words))),
        "document.identifiers @@ %s::tsquery",
        (any_of,),
        "ORDER BY 2 DESC, 3 DESC, 1 LIMIT 100",
    )
    found = [
        IdentifierMatch(key, "exact" if is_whole else "word" if is_word else "prefix")
        for key, is_whole, is_word in rows
    ]
    if sum(match.kind == "prefix" for match in found) > FEW_PREFIX_MATCHES:
        return [match for match in found if match.kind != "prefix"]
    return found


def parse_words(alias: str, query: Query, language: str) -> Words:
    """Let PostgreSQL stem the words of a query; stop words vanish, and nothing in a word is an operator."""
    tokens = query.tokens[:MAX_TOKENS]
    if not tokens:
        return Words((), ())
    rows = execute(
        alias,
        """
        SELECT phraseto_tsquery(%s::regconfig, token)::text
        FROM unnest(%s::text[]) WITH ORDINALITY AS tokens(token, position) ORDER BY position
        """,
        (text_config(language), [fold(token.text) for token in tokens]),
    )
    parsed = [(row[0], token.excluded) for row, token in zip(rows, tokens, strict=True) if row[0]]
    return Words(
        tuple(dict.fromkeys(word for word, excluded in parsed if not excluded)),
        tuple(dict.fromkeys(word for word, excluded in parsed if excluded)),
    )


def words_demanded(scope: Scope, words: Words) -> int:
    """Decide, before facets, how many words a product must hold: all, or most where too few hold all."""
    total = len(words.wanted)
    if total < 2:
        return total
    statement = f"SELECT 1 {_from(scope)} AND document.search_vector @@ %s::tsquery LIMIT {FEW_MATCHES}"
    rows = execute(scope.alias, statement, (*scope.keys[1], scope.language, words.all))
    if len(rows) >= FEW_MATCHES:
        return total
    return 1 if total == 2 else math.ceil(total * 2 / 3)


def words(scope: Scope, words: Words, demanded: int, limit: int) -> list[WordMatch]:
    """Find products by their words, those that hold more of them first."""
    if not words.wanted:
        return []
    total = len(words.wanted)
    matches_all = demanded >= total
    coverage = (
        str(total) if matches_all else " + ".join("(document.search_vector @@ %s::tsquery)::int" for _ in words.wanted)
    )
    rows = _select(
        scope,
        f"document.object_key, {coverage}, ts_rank_cd('{RANK_WEIGHTS}', document.search_vector, %s::tsquery, 1)",
        (*(() if matches_all else words.wanted), words.any),
        "document.search_vector @@ %s::tsquery" + ("" if matches_all else f" AND {coverage} >= {int(demanded)}"),
        (words.all if matches_all else words.any, *(() if matches_all else words.wanted)),
        f"ORDER BY 2 DESC, 3 DESC, 1 LIMIT {int(limit)}",
    )
    return [WordMatch(key, held / total, rank) for key, held, rank in rows]


def vectors(scope: Scope, vector: Vector, floor: float, limit: int) -> list[tuple[str, float]]:
    """Find the nearest products whose cosine similarity reaches a floor, as (key, similarity).

    Few products in scope, or no HNSW index: exact distances to all of them. Many: the HNSW index, scanned on
    until enough products of the scope are found (pgvector's iterative scan).
    """
    generation = scope.generation
    dimensions = int(generation.dimensions or 0)
    exact = not generation.ann_index or scope.count(settings.ANN_EXACT_ROWS) < settings.ANN_EXACT_ROWS
    select, parameters = "document.object_key, document.embedding <=> %s AS distance", (vector_parameter(vector),)
    if exact:
        nearest = f"ORDER BY distance LIMIT {int(limit)}"
        rows = _select(scope, select, parameters, "TRUE", (), nearest, materialized=True)
    else:
        # The order is that of the index, the distance always exact: bits only choose the candidates.
        quantization = generation.quantization
        indexed, asked = (quantization.expression(one, dimensions) for one in ("document.embedding", "%s"))
        candidates = limit * (1 if quantization is HALF else settings.ANN_OVERSAMPLE)
        nearest = f"ORDER BY {indexed} {quantization.distance} {asked} LIMIT {int(candidates)}"
        with transaction.atomic(using=scope.alias):
            # SET LOCAL, since a pooled connection must not keep it. The reach of an iterative scan is unbounded:
            # a filter that leaves few rows goes the exact way.
            breadth = str(settings.ANN_EF_SEARCH)
            statement = "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)"
            execute(scope.alias, statement + ", set_config('hnsw.ef_search', %s, true)", (breadth,))
            rows = _select(scope, select, parameters, "TRUE", (), nearest, parameters)
    found = [(key, 1.0 - distance) for key, distance in rows]
    # A relaxed scan returns rows nearly in order, a binary index in the order of its bits.
    found = sorted(((key, similarity) for key, similarity in found if similarity >= floor), key=lambda pair: -pair[1])
    return found[:limit]


def excluded(scope: Scope, words: Words, keys: Sequence[str]) -> list[str]:
    """Return which of these products hold a word that the query excludes."""
    rows = execute(
        scope.alias,
        f"""
        SELECT object_key FROM {_DOCUMENTS}
        WHERE generation_id = %s AND language = %s AND object_key = ANY(%s) AND search_vector @@ %s::tsquery
        """,
        (scope.generation.pk, scope.language, list(keys), " | ".join(f"({word})" for word in words.excluded)),
    )
    return [key for (key,) in rows]


def similarities(scope: Scope, vector: Vector, keys: Sequence[str]) -> dict[str, float]:
    """Return the cosine similarity of given products, which other lanes found."""
    if not keys:
        return {}
    rows = execute(
        scope.alias,
        f"""
        SELECT object_key, 1 - (embedding <=> %s) FROM {_DOCUMENTS}
        WHERE generation_id = %s AND language = %s AND object_key = ANY(%s)
        """,
        (vector_parameter(vector), scope.generation.pk, scope.language, list(keys)),
    )
    return {key: float(similarity) for key, similarity in rows}


def document_vectors(scope: Scope, keys: Sequence[str]) -> list[Vector]:
    """Return the vectors of given products."""
    rows = execute(
        scope.alias,
        f"SELECT embedding FROM {_DOCUMENTS} WHERE generation_id = %s AND language = %s AND object_key = ANY(%s)",
        (scope.generation.pk, scope.language, list(keys)),
    )
    return [row[0].to_numpy().astype(np.float32) for row in rows]


def background(alias: str, generation: Generation, vector: Vector) -> Background:
    """Measure how similar a query is to products in general."""
    return Background.of(_sample(alias, generation.pk) @ vector)


@lru_cache(maxsize=8)
def _sample(alias: str, generation_id: int) -> NDArray[np.float32]:
    # A ready generation's sample never changes, so each process fetches it once.
    return Generation.objects.using(alias).get(pk=generation_id).background_matrix


def _select(
    scope: Scope,
    columns: str,
    column_parameters: Sequence[Any],
    condition: str,
    condition_parameters: Sequence[Any],
    tail: str,
    tail_parameters: Sequence[Any] = (),
    materialized: bool = False,
) -> list[tuple[Any, ...]]:
    """Select from the documents of a scope; ``materialized`` takes the products first, the distances after."""
    keys, key_parameters = scope.keys
    if materialized:
        statement = f"WITH product(key) AS MATERIALIZED ({keys}) SELECT {columns} {_from(scope, 'product')}"
        parameters = (*key_parameters, *column_parameters)
    else:
        statement = f"SELECT {columns} {_from(scope)}"
        parameters = (*column_parameters, *key_parameters)
    return execute(
        scope.alias,
        f"{statement} AND {condition} {tail}",
        (*parameters, scope.language, *condition_parameters, *tail_parameters),
    )


def _from(scope: Scope, products: str = "") -> str:
    products = products or f"({scope.keys[0]}) product(key)"
    return (
        f"FROM {_DOCUMENTS} document JOIN {products} ON {scope.join} "
        f"WHERE document.generation_id = {int(scope.generation.pk)} AND document.language = %s"
    )
