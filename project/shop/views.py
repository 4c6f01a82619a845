"""The pages of the demo shop."""

from __future__ import annotations

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalog_search.paths import plain_text

from .models import Category, Product, ProductImage
from .search import ProductIndex

CATEGORIES = 12
POPULAR = 10
SIMILAR = 10


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the search box, the largest categories and the most popular products."""
    public = Product.objects.public()
    picture = ProductImage.objects.filter(product__in=public, product__category=OuterRef("pk"))
    categories = (
        Category.objects.annotate(count=Count("products", filter=Q(products__is_public=True)))
        .filter(count__gt=0)
        .annotate(picture=Subquery(picture.order_by("-product__popularity", "position", "pk").values("file")[:1]))
        .order_by("-count", "path")
    )
    shown = [(category, " › ".join(category.path.split(" > ")[:-1])) for category in categories[:CATEGORIES]]  # noqa: RUF001
    results = ProductIndex.search(sort="popular", page_size=POPULAR, facet_counts=False, request=request)
    return render(request, "shop/home.html", {"categories": shown, "popular": results.hits})


@require_safe
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one product, its variants, and products that resemble it."""
    public = Product.objects.public().select_related("brand", "category").prefetch_related("images")
    shown = get_object_or_404(public, pk=pk)
    family = shown.parent_id or shown.pk
    variants = public.filter(Q(parent=family) | Q(pk=family)).order_by("colour", "size", "pk")
    own = [variant.pk for variant in variants]
    similar = ProductIndex.similar(shown, size=SIMILAR, first=Q(stock__gt=0), request=request)
    facts = [
        (name.replace("_", " ").capitalize(), plain_text(value).replace("|", ", "))
        for name, value in shown.specification().items()
        if name not in ("colour", "size")
    ]
    levels = shown.category.path.split(" > ") if shown.category else []
    context = {
        "product": shown,
        "crumbs": [(name, " > ".join(levels[:depth])) for depth, name in enumerate(levels, start=1)],
        "facts": facts,
        "variants": variants if len(own) > 1 else [],
        "similar": similar,
    }
    return render(request, "shop/product.html", context)
