"""docs/api.md says of every parameter and field what the form and the serializers say, and its Python runs."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.test import AsyncRequestFactory
from rest_framework.test import force_authenticate

from catalog_search import checks
from catalog_search.api import throttling
from catalog_search.api.urls import urlpatterns
from catalog_search.conf import settings as search_settings
from catalog_search.forms import SearchForm
from catalog_search.throttling import SHARES
from project.shop.models import Product
from project.shop.search import ProductIndex

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema of the demo."""
    out = io.StringIO()
    call_command("spectacular", format="openapi-json", stdout=out)
    return json.loads(out.getvalue())


def kind(one: dict[str, Any]) -> str:
    """Name a type as people read it."""
    one = one["allOf"][0] if "allOf" in one else one
    if "oneOf" in one:
        return " or ".join(map(kind, one["oneOf"]))
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        return "text" if name.endswith("Enum") else name.removeprefix("Product")
    types = one["type"] if isinstance(one["type"], list) else [one["type"]]
    names = {"string": "text"}
    if "items" in one:
        names["array"] = f"list of {kind(one['items'])}"
    if "additionalProperties" in one:
        names["object"] = f"{kind(one['additionalProperties'])} by name"
    return " or ".join(names.get(name, name) for name in types)


def rows(properties: dict[str, Any]) -> str:
    lines = [f"| `{name}` | {kind(one)} | {one['description']} |" for name, one in properties.items()]
    return "\n".join(["| name | type | what for |", "|---|---|---|", *lines])


def fields(schema: dict[str, Any], names: str) -> str:
    parts = []
    for name in names.split():
        found = schema["components"]["schemas"][name]
        parts.append(f"**{name.removeprefix('Product')}**. {found['description']}\n\n{rows(found['properties'])}")
    return "\n\n".join(parts)


def documented(text: str, schema: dict[str, Any]) -> str:
    """Return the page with the tables as they should be."""
    search = schema["components"]["schemas"]["ProductSearch"]["properties"]
    own = {name: one for name, one in search.items() if name in SearchForm.base_fields}
    own["image"] = {"type": "a file", "description": "A picture to search by, in a multipart form."}
    text = re.sub(
        r"(<!-- parameters -->\n).*?(<!-- /parameters -->)", lambda m: f"{m[1]}{rows(own)}\n{m[2]}", text, flags=re.S
    )
    return re.sub(
        r"(<!-- fields (.*?) -->\n).*?(<!-- /fields -->)",
        lambda m: f"{m[1]}{fields(schema, m[2])}\n{m[3]}",
        text,
        flags=re.S,
    )


def test_every_parameter_and_field_is_told(schema: dict[str, Any]) -> None:
    assert documented(TEXT, schema) == TEXT
    told = " ".join(re.findall(r"<!-- fields (.*?) -->", TEXT)).split()
    answers = {name for name in schema["components"]["schemas"] if not name.endswith(("Enum", "Search"))}
    assert {*told} == answers - {"Errors"}


def test_every_address_is_told() -> None:
    for one in urlpatterns:
        address = re.sub(r"<str:(\w+)>", r"<\1>", str(one.pattern))
        assert f" {'search/' if address == '<index>/' else ''}{address}`" in TEXT, address


def test_every_rate_is_told() -> None:
    kinds = [throttling.SearchThrottle, *throttling.SearchThrottle.__subclasses__()]

    assert len(kinds) == 4
    for one in kinds:
        share = SHARES[one.kind]
        assert f"| `{one.scope}` | {share:g} | {share * search_settings.SEARCHES_PER_MINUTE:g} |" in TEXT


@pytest.mark.django_db
def test_its_python_runs(indexed_shop: dict[str, Product], rf: Any, settings: Any) -> None:
    from django.urls import include, path

    names: dict[str, Any] = {
        "ProductIndex": ProductIndex,
        "urlpatterns": [],
        "INSTALLED_APPS": [],
        "path": path,
        "include": include,
    }
    settled: dict[str, Any] = {"CATALOG_SEARCH": {}, "REST_FRAMEWORK": {}}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "docs/api.md", "exec"), names)  # noqa: S102 - our own page
        for name in settled:
            settled[name] |= names.get(name, {})
    settings.CATALOG_SEARCH |= settled["CATALOG_SEARCH"]
    settings.REST_FRAMEWORK = settled["REST_FRAMEWORK"]
    assert [one for one in checks.check_settings(None) if one.is_serious()] == []

    asked = rf.get("/", {"q": "mug"})
    assert names["StaffSearch"].as_view()(asked).status_code in (401, 403)
    assert names["MugList"].as_view()(asked).context_data["paginator"].count == 3
    quick = async_to_sync(names["quick"])(AsyncRequestFactory().get("/", {"q": "red mug"}))
    assert json.loads(quick.content)["titles"][0] == "Red mug"
    force_authenticate(asked, user=_somebody())
    assert names["GreetingView"].as_view()(asked).data["greeting"] == "3 for you"


def _somebody() -> Any:
    from django.contrib.auth.models import User

    return User(username="anna", pk=1)
