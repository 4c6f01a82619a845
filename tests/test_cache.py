"""The shared cache: what it keeps, and whose."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog_search.models import QueryLog
from catalog_search.searching import cache
from project.shop.models import Product


class Plain:
    """A serializer of a cache that knows bytes, texts, numbers, lists and dicts, as that of MessagePack does."""

    def dumps(self, value: Any) -> Any:
        return value if type(value) is int else pickle.dumps(self._plain(value))  # Redis counts whole numbers

    def loads(self, data: bytes) -> Any:
        return int(data) if data.isdigit() else pickle.loads(data)  # noqa: S301 - what was written above

    def _plain(self, value: Any) -> Any:
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        if type(value) in (list, tuple):
            return [self._plain(one) for one in value]
        if type(value) is dict:
            return {self._plain(key): self._plain(one) for key, one in value.items()}
        raise TypeError(f"cannot serialize {value!r}")


@pytest.mark.django_db
def test_any_serializer_that_takes_bytes_will_do(
    indexed_shop: dict[str, Product],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
    picture_bytes: Any,
    logbook: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reranker = {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {}}
    settings.CATALOG_SEARCH |= {"RERANKER": reranker, "RERANK_SECONDS": 60, "PAGE_SIZE": 1, "CACHE": "plain"}
    plain = settings.CACHES["default"] | {"OPTIONS": {"serializer": "tests.test_cache.Plain"}, "KEY_PREFIX": "plain"}
    settings.CACHES = settings.CACHES | {"plain": plain}
    monkeypatch.setattr(cache, "COSTLY_SECONDS", 0.0)
    for _ in range(2):
        for path in (
            "search/?q=red+mug",
            "search/?q=red+mug&page=2",
            "search/?q=red+mu",
            "search/",
            "search/suggest/?q=ki",
            "api/search/product/?q=mug",
            "api/search/health/",
        ):
            assert client.get(f"/{path}").status_code == 200
        assert logbook.write()
    picture = SimpleUploadedFile("red.jpg", picture_bytes("red"))
    page = client.post("/search/", {"image": picture}, follow=True)

    assert page.context["results"].kind == "photo"
    assert "cannot be used" not in caplog.text
    # Each time, pages and what was taken back are one search still.
    assert QueryLog.objects.filter(text__startswith="red mu").values("intent").distinct().count() == 2


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
