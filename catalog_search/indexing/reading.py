"""Reading: products as they are now, what they say in each language and show, and why some cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import translation

from ..content import Content
from ..exceptions import Unavailable
from ..indexes import SearchIndex
from ..languages import normalise_identifier
from ..models import Document
from ..sql import DATABASE_DOWN
from . import documents, pictures
from .documents import Draft, Reading

OUTAGES = (Unavailable, *DATABASE_DOWN)
"""What is no product's fault, however long it lasts."""


def read(alias: str, index: SearchIndex, keys: Sequence[str]) -> tuple[list[Reading], dict[str, str]]:
    """Read what products say in each language, their pictures stamped only; and why some, by key, cannot be read.

    A key that is in neither has no product.
    """
    products, unread = _fetch(alias, index, keys)
    files, said = {}, []
    for key, product in products.items():
        try:
            identifiers = map(normalise_identifier, index.identifier_values(product))
            distinct = tuple(dict.fromkeys(filter(None, identifiers)))
            own = []
            for language in index.language_codes:
                with translation.override(language):
                    parts, keywords = index.text_parts(product), index.keyword_parts(product)
                own.append((key, language, parts, keywords, distinct))
            files[key] = index.picture_files(product)
            said += own
        except OUTAGES:
            raise
        except Exception as error:  # a declaration's callables are foreign code
            unread[key] = f"{type(error).__name__}: {error}"
    stamped = dict(zip(files, pictures.stamp_all(list(files.values())), strict=True))
    return [Reading(*one, tuple(stamped[one[0]])) for one in said], unread


def _fetch(alias: str, index: SearchIndex, keys: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Fetch products by key, and why some cannot be: a date that Python does not have, a key of another kind.

    Those that cannot be fetched together are split until the bad one stands alone.
    """
    to_python = index.model._meta.pk.to_python
    try:
        found = index.index_queryset().using(alias).filter(pk__in=[to_python(key) for key in keys])
        return {str(product.pk): product for product in found}, {}
    except OUTAGES:
        raise
    except Exception as error:
        if len(keys) == 1:
            return {}, {keys[0]: f"{type(error).__name__}: {error}"}
        products, unread = _fetch(alias, index, keys[: len(keys) // 2])
        others, more = _fetch(alias, index, keys[len(keys) // 2 :])
        return products | others, unread | more


def draft(readings: Sequence[Reading], fresh: bool = False) -> list[Draft]:
    """Load the pictures of products; ``fresh`` reads the originals again."""
    loaded = pictures.load((file for one in readings for file in one.files), fresh)
    return [_draft(one, [loaded[file.stamp] for file in one.files]) for one in readings]


def _draft(reading: Reading, loaded: Sequence[pictures.LoadedPicture]) -> Draft:
    seen = [one for one in loaded if one.picture]
    errors = "; ".join(one.error for one in loaded if one.error)
    state = Document.Pictures.FAILED if errors else Document.Pictures.OK if seen else Document.Pictures.NONE
    first, *others = [one.picture for one in seen] or [None]
    return Draft(
        key=reading.key,
        language=reading.language,
        parts=reading.parts,
        keywords=reading.keywords,
        identifiers=reading.identifiers,
        stamp=reading.stamp,
        content=Content(documents.document_text(reading.parts), first, tuple(filter(None, others))),
        thumbnail=seen[0].thumbnail if seen else "",
        pictures=state,
        picture_error=errors,
    )
