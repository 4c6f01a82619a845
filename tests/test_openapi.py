"""The OpenAPI schema: valid, true to the form and to what the endpoints answer, whatever they are asked."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from project.shop.models import Product
from project.wsgi import application

Shop = dict[str, Product]

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
    cache.clear()
    for signal in (request_started, request_finished):  # the test's own connection stays open
        monkeypatch.setattr(signal, "send", lambda *_, **__: [])
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)


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
