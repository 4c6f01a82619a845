"""The search that most people write first: pgvector and full text by the ORM, fused by rank. What an app must beat.

A table of its own beside the shop's, with the indexes that the documentations of pgvector and Django advise; the same
lanes, the same page of twenty live products, the same facets. It knows neither families nor thumbnails, nor what does
not match.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from urllib.parse import quote

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVectorField
from django.core.cache import cache
from django.db import connection, models
from django.db.models import Count, F, Max, Min
from django.http import HttpRequest, JsonResponse
from django.urls import path
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField

from project.shop.models import Product
from project.urls import urlpatterns as project_urls

CANDIDATES, PAGE = 1000, 20
FACETS = ("brand__name", "category__path", "colour", "size", "in_stock")


class Entry(models.Model):
    """What is searched of a product."""

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True)
    embedding = HalfVectorField(dimensions=384)
    words = SearchVectorField()

    class Meta:
        app_label = "catalog_search"
        managed = False
        db_table = "naive_entry"

    def __str__(self) -> str:
        return str(self.pk)


def fill(generation: Any) -> None:
    """Copy the documents of a generation into the naive table, and index it as the app's is."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS naive_entry")
        cursor.execute(
            "CREATE TABLE naive_entry AS SELECT object_id AS product_id, embedding::halfvec(384), "
            "search_vector AS words FROM catalog_search_document WHERE generation_id = %s",
            [generation.pk],
        )
        cursor.execute("ALTER TABLE naive_entry ADD PRIMARY KEY (product_id)")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("CREATE INDEX ON naive_entry USING hnsw (embedding halfvec_cosine_ops)")
        cursor.execute("CREATE INDEX ON naive_entry USING gin (words)")
        cursor.execute("RESET maintenance_work_mem")
        cursor.execute("VACUUM ANALYZE naive_entry")


def keep_vector(text: str, vector: Any) -> None:
    """Keep the vector of a query where the view finds it."""
    cache.set(f"naive:{quote(text)}", np.asarray(vector, dtype="<f4").tobytes(), 3600)


def search(request: HttpRequest) -> JsonResponse:
    """Answer ``q``."""
    text = request.GET["q"]
    vector = HalfVector(np.frombuffer(cache.get(f"naive:{quote(text)}"), dtype="<f4"))
    with connection.cursor() as cursor:  # as the app sets it, or forty are all that come
        cursor.execute("SET hnsw.iterative_scan = relaxed_order")
        cursor.execute("SET hnsw.ef_search = 200")
    entries = Entry.objects.filter(product__is_public=True).defer("embedding", "words")
    by_vector = entries.annotate(distance=CosineDistance("embedding", vector)).order_by("distance")
    words = SearchQuery(text, config="english", search_type="websearch")
    by_words = entries.filter(words=words).annotate(rank=SearchRank(F("words"), words)).order_by("-rank")
    by_sku = Product.objects.public().filter(sku__iexact=text)
    scores: dict[int, float] = defaultdict(float)
    for lane in (by_vector, by_words):
        for rank, entry in enumerate(lane[:CANDIDATES], start=1):
            scores[entry.pk] += 1 / (60 + rank)
    for product in by_sku[:CANDIDATES]:
        scores[product.pk] += 1
    ranked = sorted(scores, key=lambda key: -scores[key])[:CANDIDATES]
    found = Product.objects.public().with_stock().filter(pk__in=ranked).order_by()
    facets: dict[str, Any] = {
        name: {str(value): count for value, count in found.values_list(name).annotate(Count("pk"))} for name in FACETS
    }
    facets["price"] = found.aggregate(Min("price"), Max("price"))
    page = Product.objects.public().select_related("brand", "category").prefetch_related("images")
    products = page.in_bulk(ranked[:PAGE])
    hits = [shown(products[key]) for key in ranked[:PAGE] if key in products]
    return JsonResponse({"hits": hits, "total": len(ranked), "facets": facets})


def shown(product: Product) -> dict[str, Any]:
    """Return a product as a page shows it."""
    images = [image.file.url for image in product.images.all()]
    return {
        **{"id": product.pk, "name": product.name, "url": product.get_absolute_url(), "price": product.price},
        **{"brand": str(product.brand), "category": str(product.category), "images": images},
        "attributes": json.dumps(product.attributes),
    }


urlpatterns = [*project_urls, path("naive/", search)]
