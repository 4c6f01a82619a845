"""The lanes of identifiers and vectors, one short statement each; that of words has a module of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from ..conf import settings
from ..fusion import Background, Vector
from ..languages import PIECE, as_words, text_config
from ..models import Generation
from ..quantization import HALF
from ..sql import Row, execute, execute_while
from .documents import TABLE
from .extent import crossing
from .query import Query, is_distinctive
from .scope import Scope

LANES = ("identifiers", "words", "vectors")

FEW_PREFIX_MATCHES = 20

# Under a filter an index is scanned for so many products at a time, until no more than so great a share of them reaches
# the floor: what is left beyond are stragglers at the very floor.
SCANNED, STRAGGLERS = 100, 0.02


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
    whole = query.identifier or PIECE  # by which alone no document is found
    words = [word for word in asked if word != whole and any(map(str.isdigit, word))]
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
    rows = scope.execute(
        f"""
        SELECT document.object_key, document.identifiers @@ %s::tsquery, document.identifiers @@ %s::tsquery
        {from_scope(scope)} AND ({condition}) ORDER BY 2 DESC, 3 DESC, 1 LIMIT 100
        """,
        (
            *(f"'{whole}'", " | ".join([surely, piece, *(word for word, *_ in beside)])),
            *(*scope.selection[1], scope.language),
            *(f"{surely} | {piece}{prefix}", *(parameter for own in beside for parameter in own)),
        ),
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
    enough products of the scope are found (pgvector's iterative scan) or hardly one reaches the floor any more. Where
    that gives up, because what the scope keeps lies far from the query, exact after all: a filter may cost time, never
    results.
    """
    found = None if _is_few(scope, floor, limit) else _indexed(scope, vector, floor, limit)
    if found is None:
        found = _compared(scope, vector, limit)
    return [(key, similarity) for key, similarity in found if similarity >= floor]


def is_wide(scope: Scope, limit: int) -> bool:
    """Does this scope have very many products?"""
    return scope.extent.size >= crossing(scope.generation, limit)


def _is_few(scope: Scope, floor: float, limit: int) -> bool:
    """Is it less work to compare with each product in scope than to walk the index?"""
    if not scope.generation.ann_index or scope.extent.keys is not None:
        return True
    return not (_ends_at_floor(scope, floor, limit) or is_wide(scope, limit))


def _ends_at_floor(scope: Scope, floor: float, limit: int) -> bool:
    # Without a filter most of what comes near is in scope, and one statement is the quickest. Bits order too roughly.
    return bool(scope.keys[1]) and floor > -math.inf and limit > SCANNED and scope.generation.quantization is HALF


def _compared(scope: Scope, vector: Vector, limit: int) -> list[tuple[str, float]]:
    """Compare with every product in scope."""
    # However many keys were read, each is looked up: one plan is the best for all.
    prepare = scope.extent.keys is not None or not scope.keys[1]
    statement = f"""
        SELECT document.object_key, document.embedding <=> %s AS distance {from_scope(scope)}
        ORDER BY distance LIMIT {int(limit)}
    """
    rows = execute(scope.alias, statement, (HalfVector(vector), *scope.selection[1], scope.language), prepare)
    return [(key, 1.0 - distance) for key, distance in rows]


def _indexed(scope: Scope, vector: Vector, floor: float, limit: int) -> list[tuple[str, float]] | None:
    """Scan the HNSW index; None where the scan gave up before it found enough (hnsw.max_scan_tuples)."""
    generation = scope.generation
    dimensions = int(generation.dimensions or 0)
    # The order is that of the index, the distance always exact: bits only choose the candidates.
    quantization = generation.quantization
    indexed, asked = (quantization.expression(one, dimensions) for one in ("document.embedding", "%s"))
    candidates = limit * (1 if quantization is HALF else settings.ANN_OVERSAMPLE)
    # Set for this transaction alone, since a pooled connection must not keep it, and evaluated before the scan begins.
    breadth = f"""(SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)
        || set_config('hnsw.ef_search', '{int(settings.ANN_EF_SEARCH)}', true)) IS NOT NULL"""
    statement = f"""
        SELECT document.object_key, document.embedding <=> %s AS distance {from_scope(scope)} AND {breadth}
        ORDER BY {indexed} {quantization.distance} {asked} LIMIT {int(candidates)}
    """
    half = HalfVector(vector)
    parameters = (half, *scope.selection[1], scope.language, half)
    if _ends_at_floor(scope, floor, limit):

        def near(rows: Sequence[Row]) -> bool:
            return sum(1.0 - distance >= floor for _, distance in rows) > STRAGGLERS * len(rows)

        rows, ended = execute_while(scope.alias, statement, parameters, SCANNED, near)
    else:
        rows, ended = scope.execute(statement, parameters), True
    if ended and len(rows) < limit:
        return None
    # A relaxed scan returns rows nearly in order, a binary index in the order of its bits.
    rows.sort(key=itemgetter(1))
    return [(key, 1.0 - distance) for key, distance in rows[:limit]]


def excluded(scope: Scope, words: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return which of these products hold one of these words, given as tsqueries."""
    any_of_them = " | ".join(f"({word})" for word in words)
    rows = scope.documents.of(keys, "object_key, search_vector @@ %s::tsquery", any_of_them)
    return [key for key, holds in rows if holds]


def similarities(scope: Scope, vector: Vector, keys: Sequence[str]) -> dict[str, float]:
    """Return the cosine similarity of given products, which other lanes found.

    What is exactly as the mean of all, where that is taken out, points nowhere: it has none.
    """
    rows = scope.documents.of(keys, "object_key, 1 - (embedding <=> %s)", HalfVector(vector))
    return {key: similarity for key, similarity in rows if not math.isnan(similarity)}


def document_vectors(scope: Scope, keys: Sequence[str]) -> list[Vector]:
    """Return the vectors of given products."""
    return [vector.to_numpy().astype(np.float32) for (vector,) in scope.documents.of(keys, "embedding")]


def background(scope: Scope, vector: Vector) -> Background:
    """Measure how similar a query is to products in general."""
    return Background.of(_sample(scope.alias, scope.generation.pk, scope.generation.size) @ vector)


@lru_cache(maxsize=8)
def _sample(alias: str, generation_id: int, size: int) -> NDArray[np.float32]:
    # It changes only where a generation grew and was measured anew, so each process fetches it once.
    return Generation.objects.using(alias).defer(None).get(pk=generation_id).background_matrix


def from_scope(scope: Scope) -> str:
    """The FROM and WHERE of documents with products in scope; its parameters are the selection's, and the language."""
    return f"FROM {TABLE} document {joined(scope)} WHERE {scope.documents.condition}"


def joined(scope: Scope) -> str:
    """The JOIN of documents with the products in scope; its parameters are the selection's."""
    return f"JOIN ({scope.selection[0]}) product(key) ON {scope.join}"
