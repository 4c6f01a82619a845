"""The API: the storefront's form on every endpoint, one shape of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from rest_framework import serializers
from rest_framework.permissions import IsAdminUser
from rest_framework.test import force_authenticate
from rest_framework.versioning import URLPathVersioning

from catalog_search.api.serializers import AnswerSerializer
from catalog_search.api.throttling import EventsThrottle, HealthThrottle, SearchThrottle, SuggestThrottle
from catalog_search.api.views import SearchView
from catalog_search.facets import Facet
from catalog_search.models import Generation
from catalog_search.registry import registry
from catalog_search.searching import Results
from catalog_search.throttling import SHARES
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

URL = "/api/search/product/"


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
    assert answer["sorts"] == ["popular", "price", "highest_price", "newest"]
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


@pytest.mark.parametrize("path", ["product/", "multi/", "events/"])
@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"q":' * 100_000 + "1" + "}" * 100_000, f'{{"q": "{"a" * 3_000_000}"}}']
)
def test_bodies_beyond_measure(client: Client, indexed_shop: Shop, path: str, body: str) -> None:
    response = client.post(f"/api/search/{path}", body, content_type="application/json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["__all__"]


def test_keys_beyond_any_number_resemble_nothing(client: Client, indexed_shop: Shop) -> None:
    assert client.get(URL, {"like": "99999999999999999999"}).json()["hits"] == []
    assert client.get(URL, {"q": "mug", "unlike": "99999999999999999999"}).json()["total"] == 3


def test_unknown_facet_values_find_nothing(client: Client, indexed_shop: Shop) -> None:
    assert client.get(URL, {"q": "mug", "in_stock": "maybe"}).json()["total"] == 0
    assert client.get(URL, {"colour": "octarine"}).json()["hits"] == []


def test_drafts_stay_hidden(client: Client, indexed_shop: Shop) -> None:
    for parameters in ({"q": "secret mug"}, {"q": "MUG-9999"}, {}):
        titles = [hit["title"] for hit in client.get(URL, parameters).json()["hits"]]
        assert "Secret mug" not in titles


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


# Errors


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "field"),
    [
        ("get", "nothing/", {}, 404, "index"),
        ("get", "product/?page=0", {}, 400, "page"),
        ("put", "product/", {}, 405, "__all__"),
        ("post", "product/", {"data": "{", "content_type": "application/json"}, 400, "__all__"),
        ("post", "product/", {"data": "[]", "content_type": "application/json"}, 400, "__all__"),
        ("post", "product/", {"data": '{"q": {}}', "content_type": "application/json"}, 400, "q"),
        ("post", "product/", {"data": '{"image": "aGk="}', "content_type": "application/json"}, 400, "image"),
        ("post", "product/", {"data": "<q/>", "content_type": "application/xml"}, 415, "__all__"),
        ("get", "product/", {"HTTP_ACCEPT": "application/xml"}, 406, "__all__"),
        ("get", "similar/nothing/1/", {}, 404, "index"),
        ("get", "similar/product/x/", {}, 404, "product"),
        ("get", "similar/product/0/", {}, 404, "product"),
        ("get", "similar/product/99999999999999999999/", {}, 404, "product"),
        ("get", "similar/product/1/?size=51", {}, 400, "size"),
        ("get", "suggest/nothing/", {}, 404, "index"),
        ("get", "suggest/product/?size=x", {}, 400, "size"),
        ("get", "suggest/product/?q=%00", {}, 400, "q"),
        ("get", "facets/nothing/brand/", {}, 404, "index"),
        ("get", "facets/product/weight/", {}, 404, "facet"),
        ("get", "facets/product/brand/?page=x", {}, 400, "page"),
        ("post", "events/", {"data": "{", "content_type": "text/plain"}, 400, "__all__"),
        ("post", "events/", {"data": "[]", "content_type": "application/json"}, 400, "__all__"),
        ("post", "events/", {"data": {"product": "1"}, "content_type": "application/json"}, 400, "query_id"),
        ("get", "events/", {}, 405, "__all__"),
        ("post", "health/", {}, 405, "__all__"),
        ("get", "multi/", {}, 405, "__all__"),
        ("post", "multi/", {"data": "[]", "content_type": "application/json"}, 400, "searches"),
        ("post", "multi/", {"data": {"q": "mug"}}, 415, "__all__"),
    ],
)
def test_errors_have_one_shape_everywhere(
    client: Client, indexed_shop: Shop, method: str, path: str, options: Any, status: int, field: str
) -> None:
    response = getattr(client, method)(f"/api/search/{path}", **options)

    assert response.status_code == status
    assert response.json().keys() == {"errors"}
    assert list(response.json()["errors"]) == [field]
    assert all(isinstance(text, str) and text for text in response.json()["errors"][field])
    assert "total;dur=" in response.headers["Server-Timing"]


@pytest.mark.parametrize("change", [{"product": "\ud800"}, {"product": "a\nb"}, {"kind": "steal"}, {"position": 0}])
def test_events_that_cannot_be(client: Client, change: dict[str, Any]) -> None:
    event = {"query_id": "7b6f1d0e9a4c4f0f8e21c0a1b2c3d4e5", "product": "1"} | change
    response = client.post("/api/search/events/", event, content_type="application/json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == list(change)


def test_where_the_database_is_down_that_is_said(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise OperationalError("no connection")

    monkeypatch.setattr("catalog_search.forms.search", down)
    response = client.get(URL)

    assert response.status_code == 503
    assert list(response.json()["errors"]) == ["__all__"]
    assert "no connection" not in response.content.decode()
    assert "no connection" in caplog.text


def test_a_picture_token_that_no_cache_takes(client: Client, indexed_shop: Shop) -> None:
    response = client.get(URL, {"picture": "a b\n"})

    assert list(response.json()["errors"]) == ["picture"]


def test_what_cannot_be_written_is_asked_as_well_as_it_can(client: Client, indexed_shop: Shop) -> None:
    response = client.post(URL, '{"q": "mug \\ud800", "colour": ["\\udc00"]}', content_type="application/json")

    assert response.status_code == 200
    assert response.json()["query"]["q"] == "mug ?"


# JSON in, and several at once


def test_a_search_in_json(client: Client, indexed_shop: Shop) -> None:
    asked = {"q": "mug", "colour": ["red", "blue"], "price_min": 5, "price_max": 10.5, "page": None, "exact": True}
    by_body = client.post(URL, asked, content_type="application/json").json()
    by_address = client.get(f"{URL}?q=mug&colour=red&colour=blue&price_min=5&price_max=10.5&exact=true").json()

    assert [hit["title"] for hit in by_body["hits"]] == ["Red mug"]
    assert by_body["hits"] == by_address["hits"]
    assert by_body["facets"] == by_address["facets"]


def test_pages_of_a_search_in_json_have_addresses(client: Client, indexed_shop: Shop) -> None:
    first = client.post(URL, {"sort": "price", "page_size": 2}, content_type="application/json").json()

    assert [hit["title"] for hit in client.get(first["next"]).json()["hits"]] == ["Mug", "Summer dress"]


def test_products_and_terms_in_json(client: Client, indexed_shop: Shop) -> None:
    mug = indexed_shop["red mug"]
    asked = {"like": [mug.pk], "unlike": [indexed_shop["dress"].pk], "terms": ["red", "floral^-0.5"]}
    answer = client.post(URL, asked, content_type="application/json").json()

    assert answer["query"]["like"] == [str(mug.pk)]
    assert answer["query"]["terms"] == [{"words": "red", "weight": 1.0}, {"words": "floral", "weight": -0.5}]


def test_several_searches_in_one_request(client: Client, indexed_shop: Shop, logbook: Any) -> None:
    several = [{"index": "product", "q": "red mug"}, {"index": "product", "sort": "price", "page_size": 2}]
    response = client.post("/api/search/multi/", {"searches": several}, content_type="application/json")
    first, second = response.json()["results"]
    alone = client.get(URL, {"q": "red mug"}).json()

    assert first.keys() == alone.keys()
    assert (first["hits"], first["facets"]) == (alone["hits"], alone["facets"])
    assert [hit["title"] for hit in second["hits"]] == ["Red mug", "Blue mug"]
    assert second["next"] == "http://testserver/api/search/product/?sort=price&page_size=2&page=2"
    assert client.get(second["next"]).json()["page"] == 2
    assert "total;dur=" in response.headers["Server-Timing"]
    assert logbook.write() == 2  # what was asked, not what was browsed


def test_of_several_searches_each_mistake_is_named(client: Client, indexed_shop: Shop, logbook: Any) -> None:
    several = [{"index": "product", "q": "mug"}, {"index": "nothing"}, {"index": "product", "page": 0, "sort": "x"}, 7]
    response = client.post("/api/search/multi/", {"searches": several}, content_type="application/json")

    assert response.status_code == 400
    named = {"searches.1.index", "searches.2.page", "searches.2.sort", "searches.3.__all__"}
    assert response.json()["errors"].keys() == named
    assert logbook.write() == 0  # none was made


def test_of_several_searches_each_counts(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": "5/minute"}}
    several = {"searches": [{"index": "product"}] * 3}

    asked = [client.post("/api/search/multi/", several, content_type="application/json") for _ in range(2)]
    assert [response.status_code for response in asked] == [200, 429]
    too_many = {"searches": [{"index": "product"}] * 11}
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": None}}
    assert client.post("/api/search/multi/", too_many, content_type="application/json").status_code == 400


def test_several_searches_tell_what_failed_in_any(client: Client, indexed_shop: Shop) -> None:
    generation = Generation.objects.get(state=Generation.State.READY)
    generation.definition["embedder"]["options"] = {"poison": "mug"}
    generation.save()
    several = {"searches": [{"index": "product", "q": "chair"}, {"index": "product", "q": "mug"}]}
    response = client.post("/api/search/multi/", several, content_type="application/json")

    assert [answer["degraded"] for answer in response.json()["results"]] == [[], ["embedder"]]
    assert response.headers["X-Search-Degraded"] == "embedder"


@pytest.mark.parametrize("path", ["product/?q=mug", "facets/product/brand/?q=mug", "similar/product/PK/"])
def test_each_endpoint_tells_what_failed(client: Client, indexed_shop: Shop, path: str) -> None:
    Generation.objects.update(state=Generation.State.RETIRED)
    response = client.get(f"/api/search/{path}".replace("PK", str(indexed_shop["red mug"].pk)))

    assert response.status_code == 200
    assert response.headers["X-Search-Degraded"] == "index"


# Who may ask, and what they see

PATHS = [
    ("get", "product/?q=mug"),
    ("post", "product/"),
    ("get", "suggest/product/?q=mug"),
    ("get", "facets/product/brand/"),
    ("get", "similar/product/PK/"),
    ("post", "multi/"),
]


def ask(client: Client, method: str, path: str, shop: Shop) -> Any:
    searches = {"searches": [{"index": "product", "q": "mug"}]}
    body = {"data": searches if path == "multi/" else {"q": "mug"}, "content_type": "application/json"}
    address = f"/api/search/{path}".replace("PK", str(shop["photo mug"].pk))
    return getattr(client, method)(address, **(body if method == "post" else {}))


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_what_a_user_may_not_see_no_endpoint_tells(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    declared = ProductIndex.queryset

    def for_staff(self: ProductIndex, request: Any = None) -> Any:
        found = declared(self, request)
        return found if request and request.user.is_staff else found.exclude(name="Red mug").exclude(brand__name="Acme")

    monkeypatch.setattr(ProductIndex, "queryset", for_staff)
    visitor = ask(client, method, path, indexed_shop).content.decode()
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    staff = ask(client, method, path, indexed_shop).content.decode()

    assert not any(name in visitor for name in ("Red mug", "Blue mug", "Acme"))
    assert "Acme" in staff or "Red mug" in staff


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_an_index_that_is_not_open_has_no_endpoint(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    monkeypatch.setattr(ProductIndex, "api", False)
    response = ask(client, method, path, indexed_shop)

    assert response.status_code == (400 if path == "multi/" else 404)
    assert list(response.json()["errors"]) == ["searches.0.index" if path == "multi/" else "index"]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_permissions_by_setting(client: Client, indexed_shop: Shop, settings: Any, method: str, path: str) -> None:
    settings.CATALOG_SEARCH |= {"API_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"]}

    assert ask(client, method, path, indexed_shop).status_code in (401, 403)
    assert list(ask(client, method, path, indexed_shop).json()["errors"]) == ["__all__"]
    assert client.get("/api/search/health/").json() == {"status": "ok"}
    client.force_login(User.objects.create_user("anna"))
    assert ask(client, method, path, indexed_shop).status_code == 200


def test_a_version_in_the_address(rf: Any, indexed_shop: Shop) -> None:
    class VersionedView(SearchView):
        versioning_class = URLPathVersioning

    answer = VersionedView.as_view()(rf.get("/v2/search/product/"), index="product", version="v2")
    assert answer.data["total"] == 5


def test_a_product_without_a_page_has_no_address(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Product, "get_absolute_url", lambda product: "")

    assert {hit["url"] for hit in client.get(URL, {"q": "mug"}).json()["hits"]} == {None}


def test_permissions_of_a_subclass_go_first(rf: Any, indexed_shop: Shop, settings: Any) -> None:
    class StaffView(SearchView):
        permission_classes = [IsAdminUser]
        index_name = "product"

    settings.CATALOG_SEARCH |= {"API_PERMISSIONS": ["rest_framework.permissions.AllowAny"]}
    assert StaffView.as_view()(rf.get("/")).status_code in (401, 403)
    request = rf.get("/", {"q": "mug"})
    force_authenticate(request, User(is_staff=True))
    assert StaffView.as_view()(request).data["total"] == 3


def test_a_logged_in_customer_needs_no_token_of_a_form(indexed_shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("anna"))

    assert client.post(URL, {"q": "mug"}).status_code == 200
    event = {"query_id": "7b6f1d0e9a4c4f0f8e21c0a1b2c3d4e5", "product": "1"}
    assert client.post("/api/search/events/", event, content_type="application/json").status_code == 204


def test_a_browser_can_ask_for_the_bare_answer(client: Client, indexed_shop: Shop) -> None:
    page = client.get(URL, {"q": "mug"}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert 'href="/api/search/product/?format=json&amp;q=mug"' in page.text
    assert "``" not in page.text

    bare = client.get(URL, {"q": "mug", "format": "json"}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert bare.json()["query"]["q"] == "mug"


def test_a_facet_may_be_called_format(client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "facets", [Facet("colour", name="format")])

    assert [hit["title"] for hit in client.get(URL, {"format": "yellow"}).json()["hits"]] == ["Summer dress"]


def test_a_shops_own_fields_in_the_answer(rf: Any, indexed_shop: Shop) -> None:
    class OwnAnswer(AnswerSerializer):
        greeting = serializers.CharField(default="Hello")

    view = SearchView.as_view(answer_class=OwnAnswer, index_name="product")
    assert view(rf.get("/")).data["greeting"] == "Hello"


# Rates


@pytest.mark.parametrize(
    ("throttle", "path"),
    [
        (SuggestThrottle, "suggest/product/"),
        (HealthThrottle, "health/"),
        (EventsThrottle, "events/"),
        (SearchThrottle, "similar/product/1/"),
        (SearchThrottle, "facets/product/brand/"),
    ],
)
def test_each_kind_of_request_has_its_rate(
    client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, throttle: Any, path: str
) -> None:
    monkeypatch.setitem(SHARES, throttle.kind, 1 / 120)
    ask = client.post if path == "events/" else client.get
    # Whichever minute it is: neither of two has passed it.
    first, *_, last = [ask(f"/api/search/{path}") for _ in range(3)]

    assert first.status_code != 429
    assert last.status_code == 429
    assert 0 < int(last.headers["Retry-After"]) <= 60
    assert list(last.json()["errors"]) == ["__all__"]


def test_page_and_api_count_together(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 2}
    for minute, pages in enumerate([("/search/", URL, "/search/"), (URL, "/search/", URL)], start=1000):
        monkeypatch.setattr("catalog_search.throttling.time.time", lambda now=60 * minute: now)
        assert [client.get(page).status_code for page in pages] == [200, 200, 429]
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 0}
    assert {client.get(page).status_code for page in (URL, "/search/") for _ in range(3)} == {200}


def test_throttling_by_the_project(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": "1/minute"}}

    assert [client.get(URL).status_code for _ in range(2)] == [200, 429]


def test_throttling_switched_off(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: Results())
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 1}
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": None}}

    assert [client.get(URL).status_code for _ in range(3)] == [200, 200, 200]


def test_queries_do_not_grow_with_hits(client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(18):
        assert len(client.get(URL, {"q": "mug"}).json()["hits"]) >= 3
