"""The lanes of identifiers and vectors, one short statement each; that of words has a module of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conf import settings
from ..fusion import Background, Vector
from ..languages import PIECE, as_words, text_config
from ..models import Document, Generation
from ..quantization import HALF
from ..sql import array, execute, vector_parameter
from .query import Query, is_distinctive
from .scope import Scope

_DOCUMENTS = Document._meta.db_table

LANES = ("identifiers", "words", "vectors")

FEW_PREFIX_MATCHES = 20

# A scope that shrinks meanwhile is searched by the index for so long, at worst.
REMEMBERED, REMEMBERED_SECONDS = 1000, 60.0
_exceeding: dict[tuple[Any, ...], float] = {}


@dataclass(frozen=True, slots=True)
class IdentifierMatch:
    """How an identifier of a product matches: the whole query, one of its words or a piece of it, or its beginning."""

    key: str
    kind: str


def identifiers(scope: Scope, query: Query) -> list[IdentifierMatch]:
    """Find products by SKU, EAN or part number: the whole query, a word of it, or the beginning or a piece of one.

    A word that could as well be a size or a number of things counts where its product holds the rest of the query:
    "HP 27" names a cartridge, 27" in "27" monitor" does not.
    """
    asked = query.identifiers
    if not asked or not scope.index.identifiers:
        return []
    whole, *parts = asked
    words = [part for part in parts if any(character.isdigit() for character in part)]
    doubtful = {word: query.without(word) for word in words if not is_distinctive(word)}
    surely = " | ".join(f"'{word}'" for word in (whole, *words) if word not in doubtful)
    prefix = f" | '{whole}':*" if is_distinctive(whole) else ""
    piece = f"'{PIECE}{whole}'"
    config = text_config(scope.language)
    beside = [(f"'{word}'", config, as_words(rest)) for word, rest in doubtful.items() if rest]
    condition = " OR ".join(
        ["document.identifiers @@ %s::tsquery"]
        + ["(document.identifiers @@ %s::tsquery AND document.search_vector @@ plainto_tsquery(%s, %s))"] * len(beside)
    )
    rows = select(
        scope,
        "document.object_key, document.identifiers @@ %s::tsquery, document.identifiers @@ %s::tsquery",
        (f"'{whole}'", " | ".join([surely, piece, *(word for word, *_ in beside)])),
        f"({condition})",
        (f"{surely} | {piece}{prefix}", *(parameter for own in beside for parameter in own)),
        "ORDER BY 2 DESC, 3 DESC, 1 LIMIT 100",
    )
    found = [
        IdentifierMatch(key, "exact" if is_whole else "word" if is_word else "prefix")
        for key, is_whole, is_word in rows
    ]
    if sum(match.kind == "prefix" for match in found) > FEW_PREFIX_MATCHES:
        return [match for match in found if match.kind != "prefix"]
    return found


def vectors(scope: Scope, vector: Vector, floor: float, limit: int) -> list[tuple[str, float]]:
    """Find the nearest products whose cosine similarity reaches a floor, as (key, similarity).

    Few products in scope, or no HNSW index: exact distances to all of them. Many: the HNSW index, scanned on until
    enough products of the scope are found (pgvector's iterative scan). Where that gives up, because what the scope
    keeps lies far from the query, exact after all: a filter may cost time, never results.
    """
    found: list[tuple[str, float]] | None = None
    if scope.generation.ann_index:
        if not is_wide(scope, limit):
            few = _few(scope, limit)
            found = _compared(scope, vector, limit, fewer_than=few)
            if found is None:
                _remember_exceeding(scope, few)
        if found is None:
            found = _indexed(scope, vector, limit)
            found = found if len(found) >= limit else None
    if found is None:
        found = _compared(scope, vector, limit) or []
    return [(key, similarity) for key, similarity in found if similarity >= floor]


def is_wide(scope: Scope, limit: int) -> bool:
    """Did this scope have very many products a moment ago? Most visitors see the same ones; none need be counted."""
    return _exceeding.get((scope.generation.pk, _few(scope, limit), repr(scope.identity)), 0.0) > time.monotonic()


def _few(scope: Scope, limit: int) -> int:
    # An index walks past limit / share documents for a scope that keeps a share of them: from here on that is less.
    return max(settings.ANN_EXACT_ROWS, math.isqrt(limit * scope.generation.size))


def _remember_exceeding(scope: Scope, rows: int) -> None:
    if len(_exceeding) >= REMEMBERED:
        _exceeding.clear()
    _exceeding[scope.generation.pk, rows, repr(scope.identity)] = time.monotonic() + REMEMBERED_SECONDS


def _compared(
    scope: Scope, vector: Vector, limit: int, fewer_than: int | None = None
) -> list[tuple[str, float]] | None:
    """Compare with every product in scope; None where there are not fewer than that."""
    keys, parameters = scope.keys
    bounded, condition = keys, ""
    if fewer_than is not None:
        bounded = f"SELECT * FROM ({keys} LIMIT {int(fewer_than)}) bounded"
        condition = f"AND (SELECT count(*) FROM product) < {int(fewer_than)}"
    # One statement: finding out how many there are costs as much as reading their keys.
    statement = f"""
        WITH product(key) AS MATERIALIZED ({bounded})
        (SELECT document.object_key, document.embedding <=> %s AS distance {from_scope(scope, "product")} {condition}
         ORDER BY distance LIMIT {int(limit)})
        UNION ALL SELECT NULL, (SELECT count(*) FROM product)
    """
    rows = scope.execute(statement, (*parameters, vector_parameter(vector), scope.language))
    _, size = rows.pop()
    return None if fewer_than is not None and size >= fewer_than else [(key, 1.0 - distance) for key, distance in rows]


def _indexed(scope: Scope, vector: Vector, limit: int) -> list[tuple[str, float]]:
    """Scan the HNSW index; fewer than the limit come back where the scan gave up (hnsw.max_scan_tuples)."""
    generation = scope.generation
    dimensions = int(generation.dimensions or 0)
    # The order is that of the index, the distance always exact: bits only choose the candidates.
    quantization = generation.quantization
    indexed, asked = (quantization.expression(one, dimensions) for one in ("document.embedding", "%s"))
    candidates = limit * (1 if quantization is HALF else settings.ANN_OVERSAMPLE)
    nearest = f"ORDER BY {indexed} {quantization.distance} {asked} LIMIT {int(candidates)}"
    # Set for this transaction alone, since a pooled connection must not keep it, and evaluated before the scan begins.
    breadth = f"""(SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)
        || set_config('hnsw.ef_search', '{int(settings.ANN_EF_SEARCH)}', true)) IS NOT NULL"""
    columns, parameters = "document.object_key, document.embedding <=> %s AS distance", (vector_parameter(vector),)
    rows = select(scope, columns, parameters, breadth, (), nearest, parameters)
    # A relaxed scan returns rows nearly in order, a binary index in the order of its bits.
    return sorted(((key, 1.0 - distance) for key, distance in rows), key=lambda pair: -pair[1])[:limit]


def excluded(scope: Scope, words: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return which of these products hold one of these words, given as tsqueries."""
    rows = execute(
        scope.alias,
        f"""
        SELECT object_key FROM {_DOCUMENTS}
        WHERE generation_id = %s AND language = %s AND object_key = ANY(%s) AND search_vector @@ %s::tsquery
        """,
        (scope.generation.pk, scope.language, array(keys), " | ".join(f"({word})" for word in words)),
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
        (vector_parameter(vector), scope.generation.pk, scope.language, array(keys)),
    )
    return {key: float(similarity) for key, similarity in rows}


def document_vectors(scope: Scope, keys: Sequence[str]) -> list[Vector]:
    """Return the vectors of given products."""
    if not keys:
        return []
    rows = execute(
        scope.alias,
        f"SELECT embedding FROM {_DOCUMENTS} WHERE generation_id = %s AND language = %s AND object_key = ANY(%s)",
        (scope.generation.pk, scope.language, array(keys)),
    )
    return [row[0].to_numpy().astype(np.float32) for row in rows]


def background(alias: str, generation: Generation, vector: Vector) -> Background:
    """Measure how similar a query is to products in general."""
    return Background.of(_sample(alias, generation.pk, generation.size) @ vector)


@lru_cache(maxsize=8)
def _sample(alias: str, generation_id: int, size: int) -> NDArray[np.float32]:
    # It changes only where a generation grew and was measured anew, so each process fetches it once.
    return Generation.objects.using(alias).defer(None).get(pk=generation_id).background_matrix


def select(
    scope: Scope,
    columns: str,
    column_parameters: Sequence[Any],
    condition: str,
    condition_parameters: Sequence[Any],
    tail: str,
    tail_parameters: Sequence[Any] = (),
) -> list[tuple[Any, ...]]:
    """Select from the documents of a scope."""
    return scope.execute(
        f"SELECT {columns} {from_scope(scope)} AND {condition} {tail}",
        (*column_parameters, *scope.keys[1], scope.language, *condition_parameters, *tail_parameters),
    )


def from_scope(scope: Scope, products: str = "") -> str:
    """The FROM and WHERE of documents whose products are in scope; its parameters are the keys' and the language."""
    return f"FROM {_DOCUMENTS} document {joined(scope, products)} WHERE {of_generation(scope)}"


def joined(scope: Scope, products: str = "") -> str:
    """The JOIN of documents with the products in scope; its parameters are the keys'."""
    products = products or f"({scope.keys[0]}) product(key)"
    return f"JOIN {products} ON {scope.join}"


def of_generation(scope: Scope) -> str:
    """The condition on documents of the scope's generation and language; its parameter is the language."""
    return f"document.generation_id = {int(scope.generation.pk)} AND document.language = %s"
