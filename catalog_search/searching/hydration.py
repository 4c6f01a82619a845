"""Hydration: keys become live products, read through the shop's own queryset, in the order of the ranking."""

from __future__ import annotations

from collections.abc import Sequence

from ..content import Content
from ..images import kept_thumbnail, thumbnail_url
from .candidates import Candidate
from .documents import Documents
from .results import Hit
from .scope import Scope


def hydrate(scope: Scope, candidates: Sequence[Candidate]) -> tuple[Hit, ...]:
    """Return the hits of candidates; one that was hidden, deleted or filtered out meanwhile is left out."""
    products = {str(product.pk): product for product in scope.among(one.key for one in candidates)}
    pictures = thumbnails(scope.documents, list(products))
    return tuple(
        Hit(products[one.key], one.score, one.why, pictures.get(one.key, ""), one.variants, family=one.family)
        for one in candidates
        if one.key in products
    )


def thumbnails(documents: Documents, keys: Sequence[str]) -> dict[str, str]:
    """Return the addresses of the products' thumbnails by key."""
    return {key: thumbnail_url(name) for key, name in documents.of(keys, "object_key, thumbnail") if name}


def contents(documents: Documents, keys: Sequence[str], with_pictures: bool) -> dict[str, Content]:
    """Return what models read of these products by key: their indexed text and their thumbnail."""
    rows = documents.of(keys, "object_key, text, thumbnail")
    return {key: Content(text, kept_thumbnail(thumbnail) if with_pictures else None) for key, text, thumbnail in rows}
