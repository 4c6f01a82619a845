"""The OpenAPI schema: valid, true to the form and to what the endpoints answer, whatever they are asked."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.test import Client
from drf_spectacular.settings import patched_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from rest_framework import serializers
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from catalog_search import Facet, RangeFacet, SearchIndex, register
from catalog_search.api.schema import WHAT_FOR
from catalog_search.forms import SearchForm
from catalog_search.registry import registry
from project.shop.models import Brand
from project.shop.search import ProductIndex
from project.wsgi import application

from .shop import Shop

SCOPES = ("catalog_search", "catalog_search_suggest", "catalog_search_events", "catalog_search_health")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.fixture
def unthrottled(settings: Any) -> None:
    """Nobody has asked too much."""
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": dict.fromkeys(SCOPES)}


def written() -> dict[str, Any]:
    """The schema of the demo, as the command writes it; fails on a warning."""
    out = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def api(indexed_shop: Shop, unthrottled: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The schema as a client reads it, of the application that a server runs."""
    for signal in (request_started, request_finished):  # the test's own connection stays open
        monkeypatch.setattr(signal, "send", lambda *_, **__: [])
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)


class ArticleSerializer(serializers.ModelSerializer):
    """A shop's own, with a name that the search keeps for itself."""

    score = serializers.CharField(source="name")

    class Meta:
        model = Brand
        fields = ["name", "score"]


class BrandIndex(SearchIndex):
    """Another index, with facets and sorts of its own."""

    text = ["name"]
    facets = [Facet("name"), RangeFacet("pk", name="size")]
    sorts = {"name": "name"}
    api = True
    serializer = ArticleSerializer


@pytest.fixture
def two_indexes() -> Iterator[None]:
    """An index of brands beside that of products."""
    register(Brand)(BrandIndex)
    yield
    registry.remove(BrandIndex.registered())


def test_it_is_of_the_demo() -> None:
    found = written()

    assert found["openapi"] == "3.1.0"
    assert {path.removeprefix("/api/search/") for path in found["paths"]} == {
        "events/",
        "facets/product/{facet}/",
        "health/",
        "multi/",
        "product/",
        "similar/product/{product}/",
        "suggest/product/",
    }


def test_its_parameters_are_those_of_the_form() -> None:
    found = written()
    form = SearchForm(ProductIndex.registered())
    described = {one["name"]: one for one in found["paths"]["/api/search/product/"]["get"]["parameters"]}

    assert described.keys() == form.fields.keys() - {"image"}
    assert found["components"]["schemas"]["ProductSearch"]["properties"].keys() == form.fields.keys() - {"image"}
    assert found["components"]["schemas"]["SortEnum"]["enum"] == ["popular", "price", "highest_price", "newest"]
    assert described["price_min"]["schema"] == {"type": "number"}
    assert described["brand"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert described["size"]["description"] == "Size: any of these values."  # a facet of the demo
    assert described["page_size"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert set(SearchForm.base_fields) <= WHAT_FOR.keys()
    assert all(one["description"] for one in described.values())


def test_each_index_has_paths_and_hits_of_its_own(two_indexes: None) -> None:
    found = written()
    schemas = found["components"]["schemas"]
    parameters = {one["name"] for one in found["paths"]["/api/search/brand/"]["get"]["parameters"]}

    assert {"name", "size_min"} <= parameters
    assert "colour" not in parameters
    assert schemas["BrandAnswer"]["properties"]["hits"]["items"] == {"$ref": "#/components/schemas/BrandHit"}
    assert schemas["BrandHit"]["properties"]["name"]["maxLength"] == 100
    assert schemas["BrandHit"]["properties"]["score"]["type"] == "number"
    assert schemas["ProductAnswer"]["properties"]["hits"]["items"] == {"$ref": "#/components/schemas/Hit"}


def test_an_index_that_is_not_open_is_not_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "api", False)

    assert not any("product/" in path for path in written()["paths"])


def test_it_is_valid_without_the_hook() -> None:
    with patched_settings({"PREPROCESSING_HOOKS": []}):
        assert "/api/search/{index}/" in written()["paths"]


@pytest.mark.django_db
def test_its_examples_run(indexed_shop: Shop, client: Client, unthrottled: None) -> None:
    ran = 0
    for path, operations in written()["paths"].items():
        for method, operation in operations.items():
            here = path.replace("{product}", str(indexed_shop["red mug"].pk)).replace("{facet}", "brand")
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            shown = {
                one["name"]: example["value"]
                for one in operation.get("parameters", [])
                for example in one.get("examples", {}).values()
            }
            bodies = [one["value"] for one in content.get("examples", {}).values()] if content else [shown]
            assert bodies, path
            for body in bodies:
                kind = {"content_type": "application/json"} if content else {}
                assert getattr(client, method)(here, body, **kind).status_code in (200, 204), (path, body)
                ran += 1
    assert ran == 8


@pytest.mark.django_db
def test_what_staff_are_told_is_described(indexed_shop: Shop, admin_client: Client, unthrottled: None) -> None:
    found = written()
    answers = {"components": found["components"], **found["components"]["schemas"]["ProductAnswer"]}
    answer = admin_client.get("/api/search/product/", {"q": "red mug", "explain": "1"}).json()
    health = {"components": found["components"], **found["components"]["schemas"]["Health"]}

    assert answer["hits"][0]["why"]["lanes"]
    Draft202012Validator(answers).validate(answer)
    Draft202012Validator(health).validate(admin_client.get("/api/search/health/").json())


@pytest.mark.django_db
@pytest.mark.parametrize("mode", GenerationMode)
def test_whatever_is_asked_is_answered_as_described(api: Any, mode: GenerationMode) -> None:
    operations = [found.ok() for found in api.get_all_operations()]

    for operation in operations:

        @given(case=operation.as_strategy(generation_mode=mode))
        @hypothesis_settings(
            max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        def holds(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        with suppress(Unsatisfiable):  # a request without parameters cannot be wrong
            holds()
    assert len(operations) == 8
