"""Documents: what is written for a product, and the one statement that writes a batch of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..content import Content
from ..digests import digest_of
from ..fusion import Vector
from ..indexes import WEIGHTS, field_weight
from ..languages import as_words, text_config
from ..models import Document, Generation
from ..sql import HalfVectors, array, execute
from .pictures import PictureFile

_JSON = json.JSONEncoder(ensure_ascii=False)
_DOCUMENTS = Document._meta.db_table
_GENERATIONS = Generation._meta.db_table
_INTEGER = re.compile("-?[0-9]{1,19}")
_WRITTEN = (
    *("text", "search_vector", "lengths", "identifiers", "embedding"),
    *("thumbnail", "pictures", "picture_error"),
    *("stamp", "digest", "embedded_at"),
)

REUSABLE = f"""
    FROM {_DOCUMENTS} document JOIN {_GENERATIONS} generation ON generation.id = document.generation_id
        AND generation.model_fingerprint = %s AND generation.dimensions = %s
        AND generation.means IS NOT DISTINCT FROM %s::bytea
"""
"""The documents, of whichever generation, whose vectors one's model would give; its parameters are ``reusable``."""


def reusable(generation: Generation) -> tuple[object, ...]:
    """Return the parameters of REUSABLE."""
    means = bytes(generation.means) if generation.means else None
    return generation.model_fingerprint, generation.dimensions, means


@dataclass(frozen=True)
class Reading:
    """A product as it was read in one language, its pictures only stamped."""

    key: str
    language: str
    parts: tuple[str, ...]
    keywords: tuple[str, ...]
    identifiers: tuple[str, ...]
    files: tuple[PictureFile, ...] = ()

    @property
    def text(self) -> str:
        """The texts as one, as models read them: the title on a line of its own."""
        return "\n".join(part for part in self.parts if part)

    @cached_property
    def stamp(self) -> str:
        """The cheap stamp of a product: when it is unchanged, nothing else needs to be looked at."""
        said = [self.parts + self.keywords, self.identifiers, [file.stamp for file in self.files]]
        return digest_of(_JSON.encode(said))


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it has its vector."""

    reading: Reading
    content: Content
    thumbnail: str = ""
    picture_error: str = ""

    @property
    def key(self) -> str:
        """The key of the product."""
        return self.reading.key

    @property
    def pictures(self) -> str:
        """Whether there are pictures, and all of them were read."""
        if self.picture_error:
            return Document.Pictures.FAILED
        return Document.Pictures.OK if self.content.image else Document.Pictures.NONE


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is on record of a document."""

    stamp: str
    digest: str
    pictures: str
    text: str


def recorded_documents(generation: Generation, keys: Sequence[str]) -> dict[tuple[str, str], Recorded]:
    """Return what is on record by (key, language)."""
    rows = execute(
        generation.alias,
        f"SELECT object_key, language, stamp, digest, pictures, text FROM {_DOCUMENTS} "
        "WHERE generation_id = %s AND object_key = ANY(%s)",
        (generation.pk, list(keys)),
    )
    return {(key, language): Recorded(*found) for key, language, *found in rows}


def recorded_vectors(generation: Generation, digests: Sequence[str]) -> dict[str, Vector]:
    """Return the vectors that this model gave to equal contents before, in this or another generation."""
    rows = execute(
        generation.alias,
        f"SELECT DISTINCT ON (document.digest) document.digest, document.embedding {REUSABLE} "
        "WHERE document.digest = ANY(%s)",
        (*reusable(generation), list(digests)),
    )
    return {digest: embedding.to_numpy().astype("f4") for digest, embedding in rows}


def write(generation: Generation, drafts: Sequence[Draft], vectors: dict[str, Vector]) -> None:
    """Insert or replace documents in one statement; vectors by content digest, sent in binary.

    ``%b`` and not ``%s``: psycopg sends a list as text otherwise, which costs 25 times the time for vectors.
    """
    if not drafts:
        return
    readings = [draft.reading for draft in drafts]
    weighted = [_weighted(one.parts, one.keywords) for one in readings]
    digests: list[Any] = [draft.content.digest for draft in drafts]
    columns: dict[str, Iterable[str]] = {
        "object_key": [one.key for one in readings],
        "language": [one.language for one in readings],
        "config": [text_config(one.language) for one in readings],
        "text": [draft.content.text for draft in drafts],
        **{f"words_{weight}": [words[weight] for words in weighted] for weight in WEIGHTS},
        "lengths": [_lengths(words) for words in weighted],
        "identifiers": [" ".join(f"'{identifier}'" for identifier in one.identifiers) for one in readings],
        "thumbnail": [draft.thumbnail for draft in drafts],
        "pictures": [str(draft.pictures) for draft in drafts],
        "picture_error": [draft.picture_error[:2000] for draft in drafts],
        "stamp": [one.stamp for one in readings],
        "digest": digests,
    }
    names = ", ".join(columns)
    arrays = ", ".join(f"%s::{'regconfig' if name == 'config' else 'text'}[]" for name in columns)
    words = " || ".join(f"setweight(to_tsvector(config, words_{weight}), '{weight}')" for weight in WEIGHTS)
    execute(
        generation.alias,
        f"""
        INSERT INTO {_DOCUMENTS} (generation_id, object_key, object_id, language, {", ".join(_WRITTEN)})
        SELECT %s, object_key, object_id, language, text, {words},
               lengths::smallint[], identifiers::tsvector, embedding,
               thumbnail, pictures, picture_error, stamp, digest, statement_timestamp()
        FROM unnest(%s::bigint[], {arrays}, %b::halfvec[]) AS row(object_id, {names}, embedding)
        ON CONFLICT (generation_id, object_key, language) DO UPDATE
        SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _WRITTEN)}
        """,
        (
            generation.pk,
            f"{{{','.join(_as_bigint(one.key) for one in readings)}}}",
            *map(array, columns.values()),
            HalfVectors(np.array([vectors[digest] for digest in digests])),
        ),
    )


def remove(generation: Generation, keys: Iterable[str]) -> None:
    """Delete the documents of products that are gone."""
    execute(
        generation.alias,
        f"DELETE FROM {_DOCUMENTS} WHERE generation_id = %s AND object_key = ANY(%s)",
        (generation.pk, list(keys)),
    )


def _as_bigint(key: str) -> str:
    """Write a key that is an integer as PostgreSQL reads it, any other as NULL: a join must never cast documents."""
    return key if _INTEGER.fullmatch(key) and -(2**63) <= int(key) < 2**63 else "NULL"


def _weighted(parts: Sequence[str], keywords: Sequence[str]) -> dict[str, str]:
    words = dict.fromkeys(WEIGHTS, "")
    fields = len(parts) + bool(keywords)  # which share the last, however many they are
    for position, part in (*enumerate(parts), *((len(parts), one) for one in keywords)):
        if part:
            weight = field_weight(position, fields)
            # A tsvector holds at most 1 MB; nobody searches for the last words of a novel.
            words[weight] = f"{words[weight]} {as_words(part)}".strip()[:100_000]
    return words


def _lengths(words: dict[str, str]) -> str:
    """The number of words of each weight, as an array literal: PostgreSQL has no arrays of arrays to unnest."""
    return f"{{{','.join([str(min(len(text.split()), 32_767)) for text in words.values()])}}}"
