"""Hydration: keys become live products, read through the shop's own queryset, in the order of the ranking."""

from __future__ import annotations

from collections.abc import Sequence

from ..content import Content
from ..exceptions import Unavailable
from ..fetching import fetch
from ..images import Picture, kept_thumbnail, thumbnail_url
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


def contents(documents: Documents, keys: Sequence[str], seconds: float | None) -> dict[str, Content]:
    """Return what models read of these products by key: their indexed text and, within ``seconds``, their thumbnail;
    text alone where those are None. Raises Unavailable where thumbnails take longer.
    """
    rows = documents.of(keys, "object_key, text, thumbnail")
    pictures: dict[str, Picture | None] = {}
    if seconds is not None:
        names = list(dict.fromkeys(name for *_, name in rows if name))
        late: list[str] = []
        found = fetch(kept_thumbnail, names, late.append, seconds)
        if late:
            raise Unavailable(f"{len(late)} of {len(names)} thumbnails did not come within {seconds:g} s.")
        pictures = dict(zip(names, found, strict=True))
    return {key: Content(text, pictures.get(name)) for key, text, name in rows}
