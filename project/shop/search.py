"""How the shop's products are searched."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest

from catalog_search import Facet, RangeFacet, SearchIndex, register

from .models import Product


@register(Product)
class ProductIndex(SearchIndex):
    """The catalogue of the demo shop."""

    text = ["name", "brand.name", "category.name", "description"]
    keywords = ["specification"]
    image = "images.file"
    identifiers = ["sku", "ean"]
    facets = [
        Facet("brand.name"),
        Facet("category.path"),
        Facet("colour"),
        RangeFacet("price"),
        Facet("in_stock"),
    ]
    sorts = {"popular": "-popularity", "price": "price", "price_down": "-price", "newest": "-created"}
    follow = ["brand", "category", "images"]
    variants = "parent"
    api = True

    def index_queryset(self) -> QuerySet[Product]:
        """Index drafts too: the admin finds them."""
        return Product.objects.select_related("brand", "category").prefetch_related("images")

    def queryset(self, request: HttpRequest | None = None) -> QuerySet[Product]:
        """Show visitors what is public."""
        return Product.objects.public().with_stock().select_related("brand", "category")
