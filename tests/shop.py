"""What many tests ask of the shop and its index."""

from __future__ import annotations

from typing import Any

from catalog_search.models import Change, Document
from project.shop.models import Product
from project.shop.search import ProductIndex

Shop = dict[str, Product]
"""Products of the fixture `indexed_shop` by what they are called there."""


def names(text: str = "", **options: Any) -> list[str]:
    """Search for products and return their names."""
    return [hit.object.name for hit in ProductIndex.search(text, **options)]


def document(product: Product) -> Document:
    """Return the only document of a product."""
    return Document.objects.get(object_key=str(product.pk))


def concerned() -> set[int]:
    """Return the keys of products whose changes wait, and take the changes away."""
    found = {int(key) for key in Change.objects.values_list("object_key", flat=True)}
    Change.objects.all().delete()
    return found
