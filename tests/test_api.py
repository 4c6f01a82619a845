"""The API: one endpoint, the storefront's form, one shape of errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from rest_framework import serializers

from catalog_search.api.throttling import SearchThrottle
from catalog_search.indexes import registry
from catalog_search.models import Generation
from catalog_search.searching import Results, lanes
from project.shop.models import Product
from project.shop.search import ProductIndex

Shop = dict[str, Product]

pytestmark = pytest.mark.django_db

URL = "/api/search/product/"


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    cache.clear()
    lanes._sample.cache_clear()
    yield
    cache.clear()


class OwnSerializer(serializers.ModelSerializer):
    """A shop's own representation, with a name that the search keeps for itself."""

    score = serializers.SerializerMethodField()
    brand = serializers.CharField(source="brand.name", default=None)

    class Meta:
        model = Product
        fields = ["title", "price", "brand", "score"]

    title = serializers.CharField(source="name")

    def get_score(self, product: Product) -> str:
        """Claim a score."""
        return "mine"


def test_where_nothing_matches_the_nearest_are_told_apart(client: Client, indexed_shop: Shop, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"CUTOFF": 100.0}

    nothing = client.get(URL, {"q": "xylophone", "explain": "1"}).json()
    something = client.get(URL, {"q": "mug"}).json()

    assert (something["near"], something["total"]) == ([], 3)
    assert (nothing["hits"], nothing["total"]) == ([], 0)
    assert nothing["near"]
    assert nothing["near"][0].keys() == something["hits"][0].keys()


def test_words(client: Client, indexed_shop: Shop) -> None:
    response = client.get(URL, {"q": "red mug", "page_size": "2"})

    assert response.status_code == 200
    answer = response.json()
    mug = indexed_shop["red mug"]
    first = answer["hits"][0]
    assert first.pop("score") > 0
    assert first.pop("thumbnail").startswith("http://testserver/media/")
    assert first == {
        "id": mug.pk,
        "title": "Red mug",
        "url": f"http://testserver{mug.get_absolute_url()}",
        "variants": 1,
    }
    assert answer["query"] == {"q": "red mug", "picture": None, "like": [], "unlike": [], "terms": []}
    assert answer["total"] >= 2
    assert answer["total_is_exact"] is True
    assert (answer["page"], answer["page_size"], answer["sort"]) == (1, 2, None)
    assert (answer["reranked"], answer["degraded"]) == (0, [])
    assert answer["sorts"] == ["popular", "price", "price_down", "newest"]
    assert answer["timings"]["total"] > 0
    assert "total;dur=" in response.headers["Server-Timing"]
    assert "X-Search-Degraded" not in response.headers


def test_the_route_has_a_name() -> None:
    assert reverse("catalog_search_api:search", args=["product"]) == URL


def test_facets(client: Client, indexed_shop: Shop) -> None:
    facets = client.get(URL, {"q": "mug", "colour": "red", "price_max": "50"}).json()["facets"]

    assert facets["colour"]["label"] == "Colour"
    assert facets["colour"]["range"] is None
    red = next(value for value in facets["colour"]["values"] if value["value"] == "red")
    assert red["chosen"] is True
    assert red["count"] >= 1
    assert facets["price"]["values"] is None
    assert facets["price"]["parameters"] == ["price_min", "price_max", "price"]
    assert float(facets["price"]["range"]["chosen_high"]) == 50


def test_paging_follows_links(client: Client, indexed_shop: Shop) -> None:
    first = client.get(URL, {"sort": "price", "page_size": "2"}).json()
    second = client.get(first["next"]).json()
    last = client.get(second["next"]).json()

    titles = [hit["title"] for answer in (first, second, last) for hit in answer["hits"]]
    assert titles == ["Red mug", "Blue mug", "Mug", "Summer dress", "Red chair"]
    assert (first["previous"], first["pages"], last["next"]) == (None, 3, None)
    assert client.get(last["previous"]).json()["page"] == 2


def test_an_uploaded_picture(client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
    picture = SimpleUploadedFile("red.jpg", picture_bytes("red"), "image/jpeg")
    answer = client.post(URL, {"image": picture, "q": "red", "page_size": "1"}).json()

    assert answer["hits"][0]["title"] in ("Red mug", "Red chair")
    token = answer["query"]["picture"]
    assert f"picture={token}" in answer["next"]
    following = client.get(answer["next"]).json()
    assert following["page"] == 2
    assert following["query"] == {"q": "red", "picture": token, "like": [], "unlike": [], "terms": []}


def test_a_picture_alone(client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
    picture = SimpleUploadedFile("red.jpg", picture_bytes("red"), "image/jpeg")

    assert client.post(URL, {"image": picture}).status_code == 200


def test_products_to_resemble(client: Client, indexed_shop: Shop) -> None:
    mug = indexed_shop["red mug"]
    answer = client.get(URL, {"like": mug.pk}).json()

    assert answer["query"]["like"] == [str(mug.pk)]
    assert mug.pk not in [hit["id"] for hit in answer["hits"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=" + "x" * 10_000, "q"),
        ("q=%00", "q"),
        ("page=0", "page"),
        ("page=abc", "page"),
        ("page_size=101", "page_size"),
        ("picture=gone", "picture"),
        ("like=abc", "like"),
        ("sort=cleverness", "sort"),
        ("colour=%00", "colour"),
        ("price_min=9&price_max=2", "price_max"),
        ("price_max=1e99999", "price_max"),
    ],
)
def test_errors_have_one_shape(client: Client, indexed_shop: Shop, query: str, field: str) -> None:
    response = client.get(f"{URL}?{query}")

    assert response.status_code == 400
    errors = response.json()["errors"]
    assert response.json().keys() == {"errors"}
    assert list(errors) == [field]
    assert all(isinstance(message, str) and message for message in errors[field])


def test_a_file_that_is_no_picture(client: Client, indexed_shop: Shop) -> None:
    response = client.post(URL, {"image": SimpleUploadedFile("x.jpg", b"nothing", "image/jpeg")})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["image"]


def test_a_picture_with_too_many_pixels(
    client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
) -> None:
    bomb = picture_bytes(format="PNG", size=(10_000, 6_000), mode="L", colour=0)
    response = client.post(URL, {"image": SimpleUploadedFile("x.png", bomb, "image/png")})

    assert response.json() == {"errors": {"image": ["The picture has more than 50 megapixels."]}}


def test_an_upload_that_cannot_be_parsed(client: Client, indexed_shop: Shop) -> None:
    response = client.post(URL, b"broken", content_type="multipart/form-data")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["__all__"]


def test_unknown_facet_values_find_nothing(client: Client, indexed_shop: Shop) -> None:
    assert client.get(URL, {"q": "mug", "in_stock": "maybe"}).json()["total"] == 0
    assert client.get(URL, {"colour": "octarine"}).json()["hits"] == []


def test_drafts_stay_hidden(client: Client, indexed_shop: Shop) -> None:
    for parameters in ({"q": "secret mug"}, {"q": "MUG-9999"}, {}):
        titles = [hit["title"] for hit in client.get(URL, parameters).json()["hits"]]
        assert "Secret mug" not in titles


def test_indexes_that_are_not_open(client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "api", False)

    assert client.get(URL).status_code == 404
    assert client.post(URL, {"q": "mug"}).status_code == 404
    assert client.get("/api/search/nothing/").status_code == 404


def test_explaining_is_for_staff(client: Client, indexed_shop: Shop) -> None:
    asked = {"q": "red mug", "explain": "1"}
    assert "why" not in client.get(URL, asked).json()["hits"][0]

    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(URL, asked).json()["hits"][0]["why"]["lanes"].keys() == {"words", "vectors"}
    assert "why" not in client.get(URL, asked | {"explain": "0"}).json()["hits"][0]


@pytest.mark.parametrize("own", [OwnSerializer, "tests.test_api.OwnSerializer"])
def test_a_serializer_of_the_shop(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, own: Any
) -> None:
    monkeypatch.setattr(registry.get("product"), "serializer", own, raising=False)

    first = client.get(URL, {"q": "red mug"}).json()["hits"][0]

    assert (first["title"], first["price"], first["brand"]) == ("Red mug", "9.00", "Acme")
    assert isinstance(first["score"], float)
    assert first["url"]


def test_degraded(client: Client, indexed_shop: Shop) -> None:
    generation = Generation.objects.get(state=Generation.State.READY)
    generation.definition["embedder"]["options"] = {"poison": "mug"}
    generation.save()

    response = client.get(URL, {"q": "red mug"})

    assert response.json()["degraded"] == ["embedder"]
    assert response.headers["X-Search-Degraded"] == "embedder"
    assert response.json()["hits"][0]["title"] == "Red mug"


def test_throttling_by_default(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    monkeypatch.setattr(SearchThrottle, "default_rate", "2/minute")

    assert [client.get(URL).status_code for _ in range(3)] == [200, 200, 429]
    assert "Retry-After" in client.get(URL).headers


def test_throttling_by_the_project(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": "1/minute"}}

    assert [client.get(URL).status_code for _ in range(2)] == [200, 429]


def test_throttling_switched_off(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    monkeypatch.setattr(SearchThrottle, "default_rate", "1/minute")
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": None}}

    assert [client.get(URL).status_code for _ in range(3)] == [200, 200, 200]


def test_queries_do_not_grow_with_hits(client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(18):
        assert len(client.get(URL, {"q": "mug"}).json()["hits"]) >= 3
