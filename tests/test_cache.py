"""The shared cache: what it keeps, and whose."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog_search.searching import cache
from project.shop.models import Product


@pytest.mark.django_db
def test_what_another_release_kept_is_let_lie(
    indexed_shop: dict[str, Product], settings: Any, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    reranker = {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {}}
    settings.CATALOG_SEARCH |= {"RERANKER": reranker, "RERANK_SECONDS": 60, "SEARCHES_PER_MINUTE": 0}
    monkeypatch.setattr(cache, "COSTLY_SECONDS", 0.0)
    put, put_many = cache.put, cache.put_many

    def ask() -> set[int]:
        asked = (
            "search/?q=red+mug",
            "search/",
            "search/suggest/?q=ki",
            "api/search/product/?q=mug",
            "api/search/health/",
        )
        return {client.get(f"/{path}").status_code for path in asked}

    with monkeypatch.context() as other:
        other.setattr(cache, "_RELEASE", "0.0.1")
        other.setattr(cache, "put", lambda key, value, seconds: put(key, {"of another": "shape"}, seconds))
        other.setattr(
            cache,
            "put_many",
            lambda values, seconds: put_many({key: {"of another": "shape"} for key in values}, seconds),
        )
        assert ask() == {200}

    assert ask() == {200}
