"""How the shop's products are searched."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from catalog_search import Boost, Facet, HierarchyFacet, RangeFacet, SearchIndex, register

from .models import Product


@register(Product)
class ProductIndex(SearchIndex):
    """The catalogue of the demo shop."""

    text = ["name", "brand.name", "category.name", "description"]
    keywords = ["specification", "category.above"]
    image = "images.file"
    identifiers = ["sku", "ean"]
    facets = [
        Facet("brand.name"),
        HierarchyFacet("category.path"),
        Facet("colour"),
        Facet("size"),
        RangeFacet("price", steps=[10, 25, 50, 100]),
        Facet("in_stock"),
    ]
    sorts = {"popular": "-popularity", "price": "price", "highest_price": "-price", "newest": "-created"}
    follow = ["brand", "category", "images"]
    variants = "parent"
    group_by = True
    boosts = [Boost("popularity"), Boost("created", half_life=timedelta(days=90)), Boost(Q(stock__gt=0), weight=2)]
    api = True

    def index_queryset(self) -> QuerySet[Product]:
        """Index drafts too: the admin finds them."""
        return Product.objects.select_related("brand", "category").prefetch_related("images")

    def queryset(self, request: HttpRequest | None = None) -> QuerySet[Product]:
        """Show visitors what is public."""
        return Product.objects.public().with_stock().select_related("brand", "category")
