"""Reading: products as they are now, what they say in each language and show, and why some cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.utils import translation

from ..bisection import bisect
from ..content import Content
from ..exceptions import Unavailable, reason_of
from ..indexes import SearchIndex
from ..languages import identifier_pieces, normalise_identifier
from ..models import Generation
from ..registry import registry
from ..sql import DATABASE_DOWN, telling_slow, write_alias
from . import pictures
from .documents import Draft, Reading

OUTAGES = (Unavailable, *DATABASE_DOWN)
"""What is no product's fault, however long it lasts."""


def read(generation: Generation, keys: Sequence[str]) -> tuple[list[Reading], dict[str, str]]:
    """Read what products say in each language of a generation, their pictures stamped only; and why some, by key,
    cannot be read. A key that is in neither has no product.
    """
    index = registry.get(generation.index)
    files: dict[str, list[Any]] = {}
    said: list[Reading] = []
    unread: dict[str, str] = {}
    for key, product in zip(keys, bisect(partial(_fetch, index), keys, OUTAGES), strict=True):
        if product is None:
            continue
        try:
            if isinstance(product, Exception):
                raise product
            texts, files[key] = _readings(index, key, product, generation.languages), index.picture_files(product)
            said += texts
        except OUTAGES:
            raise
        except Exception as error:  # a declaration's callables are foreign code
            unread[key] = reason_of(error)
    stamped = dict(zip(files, pictures.stamp_all(list(files.values())), strict=True))
    return [replace(one, files=tuple(stamped[one.key])) for one in said], unread


def _readings(index: SearchIndex, key: str, product: Any, languages: Sequence[str]) -> list[Reading]:
    """Return what a product says in each language."""
    values = index.identifier_values(product)
    pieces = (piece for value in values for piece in identifier_pieces(value))
    distinct = tuple(dict.fromkeys(filter(None, (*map(normalise_identifier, values), *pieces))))
    texts = []
    for language in languages:
        with translation.override(language):
            parts, keywords = index.text_parts(product), index.keyword_parts(product)
        texts.append(Reading(key, language, parts, keywords, distinct))
    return texts


@telling_slow()
def _fetch(index: SearchIndex, keys: Sequence[str]) -> list[Any]:
    """Fetch products by key; fails where one cannot be: a date that Python does not have, a key of another kind."""
    to_python = index.model._meta.pk.to_python
    products = index.index_queryset().using(write_alias(index.model)).filter(pk__in=[to_python(key) for key in keys])
    found = {str(product.pk): product for product in products}
    return [found.get(key) for key in keys]


def draft(readings: Sequence[Reading], fresh: bool = False) -> list[Draft]:
    """Load the pictures of products; ``fresh`` reads the originals again."""
    loaded = pictures.load((file for one in readings for file in one.files), fresh)
    return [_draft(one, [loaded[file.stamp] for file in one.files]) for one in readings]


def _draft(reading: Reading, loaded: Sequence[pictures.LoadedPicture]) -> Draft:
    shown = [(one.picture, one.thumbnail) for one in loaded if one.picture]
    return Draft(
        reading,
        Content(reading.text, shown[0][0] if shown else None, tuple(picture for picture, _ in shown[1:])),
        thumbnail=shown[0][1] if shown else "",
        picture_error="; ".join(one.error for one in loaded if one.error),
    )
