"""System checks: what cannot work is said with a stable id and the line that mends it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import celery._state
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection, connections, models
from django.db.models import Q

from catalog_search import Boost, Facet, HierarchyFacet, RangeFacet, SearchIndex, checks
from catalog_search.checks import declarations
from catalog_search.models import Generation
from catalog_search.registry import registry
from project.shop.models import Brand, Product

ANNOTATED = Brand.objects.annotate(one=models.Value(1))


def ids(messages: list[Any]) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


@pytest.fixture
def declare() -> Callable[..., list[str]]:
    """Check a declaration about brands, made of the given attributes."""

    def check(**attributes: Any) -> list[str]:
        index = type("BrandIndex", (SearchIndex,), {"text": ["name"], **attributes})(Brand)
        return ids(list(declarations.check_index(index)))

    return check


def test_the_demo_is_clean() -> None:
    assert [message for message in run_checks() if str(message.id).startswith("catalog_search")] == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"PAGESIZE": 10}, ["catalog_search.W002"]),
        ({"PAGE_SIZE": "10"}, ["catalog_search.E003"]),
        ({"QUANTIZATION": "ternary"}, ["catalog_search.E003"]),
        ({"EMBEDDER": {"BACKEND": "no.where"}}, ["catalog_search.E004"]),
        ({"RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder"}}, ["catalog_search.E004"]),
        ({"IMAGE_RERANKER": {"BACKEND": "no.where"}}, ["catalog_search.E004"]),
        (
            {"RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": 1}},
            ["catalog_search.E004"],
        ),
        ({"REWRITE": 5}, ["catalog_search.E003"]),
        ({"ARRANGE": "shop.search.arrange"}, ["catalog_search.E003"]),
        ({"ARRANGE": [""]}, ["catalog_search.E008"]),
        ({"API_PERMISSIONS": ["shop..May"]}, ["catalog_search.E008"]),
        ({"CACHE": ["other"]}, ["catalog_search.E003"]),
        ({"THUMBNAIL_STORAGE": {}}, ["catalog_search.E003"]),
        ({"CACHE": "other"}, ["catalog_search.E005"]),
        ({"THUMBNAIL_STORAGE": "other"}, ["catalog_search.E007"]),
    ],
)
def test_settings(settings: Any, value: Any, expected: list[str]) -> None:
    settings.CATALOG_SEARCH = value

    assert ids(checks.check_settings(None)) == expected


def test_settings_that_are_no_dict(settings: Any) -> None:
    settings.CATALOG_SEARCH = ["PAGE_SIZE"]

    assert ids(checks.check_settings(None)) == ["catalog_search.E001"]


def test_a_cache_local_to_each_process(settings: Any) -> None:
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"MODEL_QUEUE": ""}
    settings.CACHES = {"default": LOCAL}

    assert ids(checks.check_settings(None)) == ["catalog_search.W006"]


def test_a_project_without_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery._state, "default_app", None)
    monkeypatch.setattr(celery._state._tls, "current_app", None)

    # And nothing of settings that it would not read.
    assert ids(checks.check_settings(None)) == ["catalog_search.W047"]


@pytest.mark.parametrize(
    ("framework", "most", "expected"),
    [
        ({}, 120, ["catalog_search.W048"]),
        ({"NUM_PROXIES": None}, 120, ["catalog_search.W048"]),
        ({"NUM_PROXIES": 0}, 120, []),
        ({"NUM_PROXIES": 1}, 120, []),
        ({}, 0, []),
    ],
)
def test_whose_address_is_believed(settings: Any, framework: dict[str, Any], most: int, expected: list[str]) -> None:
    settings.REST_FRAMEWORK = framework
    settings.CATALOG_SEARCH |= {"SEARCHES_PER_MINUTE": most}

    found = {one.id for one in run_checks(tags=["security"], include_deployment_checks=True)}

    assert sorted(found & {"catalog_search.W048"}) == expected
    assert "catalog_search.W048" not in {one.id for one in run_checks(tags=["security"])}


REDIS = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://a"}
PATIENCE = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


@pytest.mark.parametrize(
    ("written", "cache", "celery", "expected"),
    [
        ({}, None, {}, []),
        ({"MODEL_QUEUE": "search"}, None, {}, ["catalog_search.W041"]),
        ({}, None, {"task_publish_retry_policy": {"max_retries": 3}}, ["catalog_search.W042"]),
        (
            {},
            None,
            {"broker_transport_options": {"socket_timeout": 1}},
            ["catalog_search.W042", "catalog_search.W044"],
        ),
        ({}, REDIS, {}, ["catalog_search.W043"]),
        ({"MODEL_QUEUE": ""}, REDIS, {}, ["catalog_search.W043"]),
        ({}, REDIS | {"OPTIONS": {"CONNECTION_POOL_KWARGS": PATIENCE}}, {}, []),
        ({}, REDIS | {"OPTIONS": PATIENCE | {"SERIALIZER": "a.JSONSerializer"}}, {}, ["catalog_search.E041"]),
        ({}, REDIS | {"OPTIONS": {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}}, {}, []),
        ({}, LOCAL, {}, ["catalog_search.E040", "catalog_search.W006"]),
        ({}, None, {"accept_content": ["json", "pickle"]}, ["catalog_search.W045"]),
        ({}, None, {"beat_schedule": {}}, ["catalog_search.W046"]),
        ({}, None, {"beat_schedule": {}, "beat_scheduler": "django_celery_beat.schedulers:DatabaseScheduler"}, []),
    ],
)
def test_workers_and_those_who_ask_them(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    written: dict[str, str],
    cache: dict[str, Any] | None,
    celery: dict[str, Any],
    expected: list[str],
) -> None:
    from project.celery import app

    for name, value in celery.items():
        monkeypatch.setitem(app.conf, name, value)
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"MODEL_QUEUE": "interactive"} | written
    if cache:
        settings.CACHES = {"default": cache}

    assert ids(checks.check_settings(None)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, []),
        ({"text": "name"}, ["catalog_search.E009"]),
        ({"identifiers": "sku", "languages": "en"}, ["catalog_search.E009"] * 2),
        ({"languages": ["en", "pt-br", "zh_Hans"]}, []),
        ({"languages": ["english", "sv", "?"]}, ["catalog_search.E009"] * 2),
        ({"languages": ["ca-valencia", "sl-rozaj-biske-1994"]}, ["catalog_search.E009"]),
        ({"facets": ["brand"]}, ["catalog_search.E009"]),
        ({"facets": Facet("name")}, ["catalog_search.E009"]),
        ({"boosts": ["name"]}, ["catalog_search.E009"]),
        ({"sorts": ["name"]}, ["catalog_search.E009"]),
        ({"sorts": {"name": ["name"]}}, ["catalog_search.E009"]),
        ({"follow": "products"}, ["catalog_search.E009"]),
        ({"queryset": lambda index: Brand.objects.all()}, ["catalog_search.E009"]),
        ({"queryset": lambda index, request=None: [Brand()]}, ["catalog_search.E009"]),
        ({"index_queryset": lambda index: None}, ["catalog_search.E009"]),
        ({"index_queryset": lambda index: Brand.objects.all()[:5]}, ["catalog_search.E009"]),
        ({"queryset": lambda index, request: Brand.objects.all()}, ["catalog_search.E009"]),
        ({"queryset": lambda index, request=None: Brand.objects.all()[:5]}, []),
        ({"queryset": lambda index, request=None: Brand.objects.distinct("name")}, []),
        ({"queryset": lambda index, request=None: Brand.objects.union(Brand.objects.all())}, []),
        ({"queryset": lambda index, request=None: ANNOTATED.union(ANNOTATED)}, ["catalog_search.E009"]),
        ({"queryset": lambda index, request=None: Brand.objects.values("pk")}, ["catalog_search.E009"]),
        ({"index_queryset": lambda index: Brand.objects.union(Brand.objects.all())}, ["catalog_search.E009"]),
        ({"queryset": lambda index, request=None: Brand.objects.distinct().only("name")}, []),
        ({"name": "brands/all"}, ["catalog_search.E009"]),
        ({"serializer": "project.shop.nothing.Serializer"}, ["catalog_search.E009"]),
        ({"text": []}, ["catalog_search.E010"]),
        ({"text": ["title"]}, ["catalog_search.E011"]),
        ({"image": "logo"}, ["catalog_search.E011"]),
        ({"image": "name"}, ["catalog_search.E016"]),
        ({"image": "products.images"}, ["catalog_search.E016"]),
        ({"image": ["products.images.file", "__str__"]}, []),
        ({"identifiers": ["products.upc"]}, ["catalog_search.E011"]),
        ({"text": ["products.name", "__str__", lambda brand: brand.name]}, []),
        ({"follow": ["name"]}, ["catalog_search.E012"]),
        ({"follow": ["products.images"]}, []),
        ({"facets": [Facet("name", name="page")]}, ["catalog_search.E013"]),
        ({"facets": [Facet("name"), Facet("products.name", name="name")]}, ["catalog_search.E013"]),
        ({"facets": [RangeFacet("pk", name="a"), Facet("name", name="a_max")]}, ["catalog_search.E013"]),
        ({"facets": [RangeFacet("pk", name="a"), Facet("name", name="a")]}, []),
        ({"facets": [Facet("colour")]}, ["catalog_search.E014"]),
        ({"facets": [RangeFacet("name")]}, ["catalog_search.E014"]),
        ({"facets": [RangeFacet("pk", steps=[50, 10])]}, ["catalog_search.E014"]),
        ({"facets": [RangeFacet("pk", steps=[10, 10])]}, ["catalog_search.E014"]),
        ({"facets": [RangeFacet("pk", steps=[10, 24.99, 50])]}, []),
        ({"facets": [HierarchyFacet("name"), HierarchyFacet("products", parent="parent")]}, []),
        ({"facets": [HierarchyFacet("products", parent="brand")]}, ["catalog_search.E014"]),
        ({"facets": [HierarchyFacet("name", parent="parent")]}, ["catalog_search.E014"]),
        ({"sorts": {"price": "-price"}}, ["catalog_search.E015"]),
        ({"sorts": {"price": "-products.price"}}, ["catalog_search.E015"]),
        ({"browse_order": "-popularity"}, ["catalog_search.E015"]),
        ({"browse_order": "-name", "boosts": [Boost("name"), Boost(Q(name="Acme"))]}, []),
        ({"boosts": [Boost("sold")]}, ["catalog_search.E017"]),
        ({"boosts": [Boost("products.created", half_life=timedelta(days=30))]}, []),
        ({"boosts": [Boost("products.price", half_life=timedelta(days=30))]}, ["catalog_search.E017"]),
        ({"boosts": [Boost(Q(sold__gt=0))]}, ["catalog_search.E017"]),
        ({"variants": "name", "group_by": True}, []),
        ({"group_by": True}, ["catalog_search.E018"]),
        ({"variants": "products"}, ["catalog_search.E018"]),
    ],
)
def test_declarations(declare: Callable[..., list[str]], attributes: dict[str, Any], expected: list[str]) -> None:
    assert declare(**attributes) == expected


def test_a_language_by_its_name_is_told_its_code() -> None:
    index = type("BrandIndex", (SearchIndex,), {"text": ["name"], "languages": ["en", "German"]})(Brand)

    (message,) = declarations.check_index(index)
    assert '"German"' in message.msg
    assert message.hint == 'languages = ["de"]'


class Batch(models.Model):  # noqa: DJ008
    pk = models.CompositePrimaryKey("product", "number")
    product = models.IntegerField()
    number = models.IntegerField()

    class Meta:
        app_label = "shop"
        managed = False


class Page(models.Model):  # noqa: DJ008
    address = models.CharField(max_length=201, primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


class Landing(Page):  # noqa: DJ008
    class Meta:
        app_label = "shop"
        managed = False


class Keyword(models.Model):  # noqa: DJ008
    word = models.TextField(primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


class PrefixedField(models.UUIDField):
    """Shows "item_0000..." for a UUID."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str:
        return f"item_{value.hex}"


class UpperField(models.CharField):
    """Tells nothing but what the database has."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str:
        return str(value)


class Prefixed(models.Model):  # noqa: DJ008
    id = PrefixedField(primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


class Moment(models.Model):  # noqa: DJ008
    at = models.DateTimeField(primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


class Plain(models.Model):  # noqa: DJ008
    code = UpperField(max_length=20, primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


def test_a_key_of_a_field_of_its_own() -> None:
    assert list(declarations.check_index(type("PlainIndex", (SearchIndex,), {"text": ["pk"]})(Plain))) == []


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        *[(Batch, "several columns"), (Page, "201 char"), (Landing, "201 char"), (Keyword, "any number of char")],
        *[(Prefixed, "otherwise"), (Moment, "otherwise")],
    ],
)
def test_a_key_that_names_no_document(model: type[models.Model], reason: str) -> None:
    """Saving such a product would fail."""
    (message,) = declarations.check_index(type("OddIndex", (SearchIndex,), {"text": ["pk"]})(model))

    assert message.id == "catalog_search.E019"
    assert reason in message.msg


@pytest.mark.django_db
def test_an_index_out_of_date(indexed_shop: dict[str, Product], settings: Any) -> None:
    assert ids(checks.check_database(None, databases=["default"])) == []
    settings.CATALOG_SEARCH |= {"IMAGE_SIZE": 333}

    assert ids(checks.check_database(None, databases=["default"])) == ["catalog_search.W024"]


@pytest.mark.django_db
def test_a_server_that_compiles_what_takes_no_time(indexed_shop: dict[str, Product]) -> None:
    with connection.cursor() as cursor:  # the server of the tests cannot compile
        cursor.execute("CREATE SCHEMA compiler")
        cursor.execute("CREATE FUNCTION compiler.pg_jit_available() RETURNS bool LANGUAGE sql AS 'SELECT true'")
        cursor.execute("SET LOCAL search_path = compiler, pg_catalog, public")
        cursor.execute("SET LOCAL jit = on")
    assert ids(checks.check_database(None, databases=["default"])) == []
    Generation.objects.update(statistics={"documents": 100_000})

    assert ids(checks.check_database(None, databases=["default"])) == ["catalog_search.W026"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
    assert ids(checks.check_database(None, databases=["default"])) == []


@pytest.mark.django_db
def test_a_schema_for_each_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections["default"], "set_schema", lambda name: None, raising=False)  # as by django-tenants

    assert ids(checks.check_database(None, databases=["default"])) == ["catalog_search.W049"]


@pytest.mark.django_db
@pytest.mark.parametrize("embedder", [{}, {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": None}])
def test_an_index_beside_an_embedder_that_is_none(
    indexed_shop: dict[str, Product], settings: Any, embedder: Any
) -> None:
    settings.CATALOG_SEARCH |= {"EMBEDDER": embedder}

    assert ids(run_checks(databases=["default"])) == ["catalog_search.E004"]


@pytest.mark.django_db
def test_more_dimensions_than_an_hnsw_index_takes(indexed_shop: dict[str, Product]) -> None:
    Generation.objects.update(dimensions=4096)

    assert ids(checks.check_database(None, databases=["default"])) == ["catalog_search.W025"]


@pytest.mark.django_db
class Router:
    """Sends products elsewhere, and the index not with them."""

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "elsewhere" if model is Product else None

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool | None:
        return db != "elsewhere" if app_label == "catalog_search" else None


def test_an_index_in_another_database_than_the_shop(settings: Any) -> None:
    assert ids(checks.check_indexes(None)) == []
    settings.DATABASE_ROUTERS = [Router()]

    assert ids(checks.check_indexes(None)) == ["catalog_search.E026"]


@pytest.mark.django_db
def test_before_the_first_migration_a_queryset_may_ask_for_tables_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def public(self: SearchIndex, request: Any = None) -> Any:
        """As Wagtail's ``public()``, which reads the restrictions when it is called."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT page_id FROM restrictions_to_come")
        return Product.objects.none()

    monkeypatch.setattr(type(registry.get("product")), "queryset", public)

    assert ids(checks.check_indexes(None)) == []


def test_a_database_without_pgvector(indexed_shop: dict[str, Product]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extname = 'gone' WHERE extname = 'vector'")

    assert "catalog_search.E021" in ids(checks.check_database(None, databases=["default"]))


@pytest.mark.django_db
def test_pgvector_too_old(indexed_shop: dict[str, Product]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")

    assert "catalog_search.E022" in ids(checks.check_database(None, databases=["default"]))


@pytest.mark.django_db(transaction=True)
def test_a_column_that_is_to_come_lets_migrate_bring_it() -> None:
    """It runs the checks of its database first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_search_generation RENAME COLUMN measured TO later")
        try:
            call_command("migrate", verbosity=0, skip_checks=False)
        finally:
            cursor.execute("ALTER TABLE catalog_search_generation RENAME COLUMN later TO measured")


def test_ids_are_unique() -> None:
    found = [
        keyword.value.value
        for path in Path(checks.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "id" and isinstance(keyword.value, ast.Constant)
    ]

    assert len(found) == len(set(found)) > 30
    assert registry.for_model(Product) is not None
