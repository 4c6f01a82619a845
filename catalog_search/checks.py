"""System checks: what cannot work is said at start, with the line that mends it as the hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from celery import current_app
from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import DatabaseError, connections
from django.db.models import Model

from .backends import backend_class
from .backends.base import Embedder, Reranker
from .conf import Settings, settings
from .exceptions import ConfigurationError
from .forms import RESERVED
from .indexes import SearchIndex, registry
from .indexing import is_outdated
from .indexing.related import relations
from .models import Generation
from .sql import read_alias, write_alias

OLDEST_PGVECTOR = (0, 8)
BACKENDS = {"EMBEDDER": Embedder, "RERANKER": Reranker, "IMAGE_RERANKER": Reranker}


def connect() -> None:
    """Register the checks with Django."""
    register(check_settings, "catalog_search")
    register(check_models, "catalog_search", Tags.security)
    register(check_indexes, "catalog_search")
    register(check_database, Tags.database)


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check CATALOG_SEARCH and the settings of Django that it leans on."""
    return [*_settings()]


def check_models(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Let each backend say what should be known of the model it is to load."""
    messages: list[CheckMessage] = []
    for name, kind in BACKENDS.items():
        with suppress(ConfigurationError):  # check_settings tells
            if configuration := getattr(settings, name):
                messages += backend_class(configuration, kind, name).check(name, configuration.get("OPTIONS", {}))
    return messages


def check_indexes(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check every declared index against its model."""
    return [message for index in registry for message in _index(index)]


def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Check the databases that hold an index: pgvector, collation, generations that fell behind the settings."""
    aliases = {write_alias(index.model) for index in registry}
    return [message for alias in sorted(aliases & set(databases or ())) for message in _database(alias)]


def _settings() -> Iterator[CheckMessage]:
    if not isinstance(getattr(django_settings, "CATALOG_SEARCH", {}), dict):
        yield Error("CATALOG_SEARCH must be a dict.", hint="CATALOG_SEARCH = {}", id="catalog_search.E001")
    known = {setting.name: setting for setting in Settings.describe()}
    for name, value in settings.written().items():
        if name not in known:
            yield Warning(
                f'CATALOG_SEARCH has an unknown setting "{name}".',
                hint=f"Known are: {', '.join(known)}.",
                id="catalog_search.W002",
            )
        elif problem := known[name].problem(value):
            yield Error(
                f'CATALOG_SEARCH["{name}"] {problem}.',
                hint=f'"{name}": {known[name].default!r}',
                id="catalog_search.E003",
            )
    for name, kind in BACKENDS.items():
        if name == "EMBEDDER" or getattr(settings, name) is not None:
            yield from _backend(name, getattr(settings, name), kind)
    if settings.MODEL_QUEUE:
        yield from _serving()
    if settings.CACHE not in django_settings.CACHES:
        yield Error(
            f'CATALOG_SEARCH["CACHE"] names "{settings.CACHE}", which CACHES does not have.',
            hint='"CACHE": "default"',
            id="catalog_search.E005",
        )
    elif "locmem" in django_settings.CACHES[settings.CACHE]["BACKEND"]:
        yield Warning(
            "The search cache is local to each process: frozen pages and uploaded pictures get lost between them.",
            hint='CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://..."}}',
            id="catalog_search.W006",
        )
    if settings.THUMBNAIL_STORAGE not in django_settings.STORAGES:
        yield Error(
            f'CATALOG_SEARCH["THUMBNAIL_STORAGE"] names "{settings.THUMBNAIL_STORAGE}", which STORAGES does not have.',
            hint='"THUMBNAIL_STORAGE": "default"',
            id="catalog_search.E007",
        )


def _serving() -> Iterator[CheckMessage]:
    """Check what a search that asks workers depends on: cache, queue, and how long a dead Redis may hold it up."""
    conf, cache = current_app.conf, django_settings.CACHES.get(settings.CACHE, {})
    if any(kind in cache.get("BACKEND", "") for kind in ("locmem", "dummy")):
        yield Error(
            "The answers of workers to searches come by the cache, and this one is local to each process.",
            hint='CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://..."}}',
            id="catalog_search.E040",
        )
    if (settings.QUEUE or conf.task_default_queue) == settings.MODEL_QUEUE:
        yield Warning(
            f'Searches would stand behind indexing in the queue "{settings.MODEL_QUEUE}".',
            hint='"MODEL_QUEUE": "search_interactive",  # and a worker with --queues search_interactive',
            id="catalog_search.W041",
        )
    timeouts = {"socket_connect_timeout", "socket_timeout"}
    redis = (conf.broker_url or "").startswith("redis")
    retries = conf.task_publish_retry_policy.get("max_retries", 3)
    if retries != 0 or (redis and timeouts - (conf.broker_transport_options or {}).keys()):
        yield Warning(
            "A broker that is down or mute holds up every search for seconds, or for ever.",
            hint='CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}; CELERY_BROKER_TRANSPORT_OPTIONS = '
            '{"socket_connect_timeout": 0.1, "socket_timeout": 0.1, "max_retries": 0}  # not in workers',
            id="catalog_search.W042",
        )
    if "redis" in cache.get("BACKEND", "") and timeouts - {name.lower() for name in cache.get("OPTIONS", {})}:
        yield Warning(
            f'A mute cache "{settings.CACHE}" holds up every search.',
            hint='"OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}',
            id="catalog_search.W043",
        )


def _backend(name: str, configuration: Any, kind: Any) -> Iterator[CheckMessage]:
    try:
        backend_class(configuration, kind, name)
    except ConfigurationError as error:
        default = "SentenceTransformerEmbedder" if kind is Embedder else "CrossEncoderReranker"
        yield Error(
            str(error),
            hint=f'"{name}": {{"BACKEND": "catalog_search.backends.local.{default}", "OPTIONS": {{"model": "..."}}}}',
            id="catalog_search.E004",
        )


def _index(index: SearchIndex) -> Iterator[CheckMessage]:
    declaration = type(index)
    if not index.text and not index.image:
        yield Error(
            f"{declaration.__name__} declares neither text nor image.",
            hint='text = ["name", "description"]',
            obj=declaration,
            id="catalog_search.E010",
        )
    for attribute in ("text", "keywords", "image", "identifiers"):
        paths = getattr(index, attribute)
        for path in [paths] if isinstance(paths, str) or callable(paths) else paths:
            if isinstance(path, str) and (problem := _path_problem(index.model, path)):
                yield Error(
                    f'{declaration.__name__}.{attribute}: "{path}" does not exist: {problem}.',
                    hint=f"{index.model._meta.label} has the fields: {', '.join(_field_names(index.model))}.",
                    obj=declaration,
                    id="catalog_search.E011",
                )
    try:
        list(relations(index))
    except ConfigurationError as error:
        yield Error(str(error), hint="follow = []", obj=declaration, id="catalog_search.E012")
    yield from _lookups(index)


def _lookups(index: SearchIndex) -> Iterator[CheckMessage]:
    declaration, products = type(index), index.queryset(None)
    for facet in index.facets:
        if set(facet.parameters) & set(RESERVED):
            yield Error(
                f'{declaration.__name__}.facets: the name "{facet.name}" is taken by the search form.',
                hint=f'Facet("{facet.field}", name="{facet.name}_value")',
                obj=declaration,
                id="catalog_search.E013",
            )
        if problem := _lookup_problem(products, facet.lookup):
            yield Error(
                f'{declaration.__name__}.facets: "{facet.field}" cannot be filtered by: {problem}',
                hint=f"A facet is a field or an annotation of queryset(): {', '.join(_field_names(index.model))}.",
                obj=declaration,
                id="catalog_search.E014",
            )
    for name, order in index.sorts.items():
        if problem := _lookup_problem(products, order.lstrip("-")):
            yield Error(
                f'{declaration.__name__}.sorts["{name}"]: "{order}" cannot be sorted by: {problem}',
                hint=f"A sort is a field or an annotation of queryset(): {', '.join(_field_names(index.model))}.",
                obj=declaration,
                id="catalog_search.E015",
            )


def _lookup_problem(products: Any, lookup: str) -> str:
    try:
        products.order_by(lookup).values(lookup).query.get_compiler(using=products.db).as_sql()
    except (FieldError, ValueError, TypeError) as error:
        return str(error)
    return ""


def _path_problem(model: type[Model], path: str) -> str:
    """Follow a path over fields and attributes as far as the classes tell; what lies behind a method is unknown."""
    for name in path.split("."):
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            accessors = {one.get_accessor_name(): one for one in model._meta.related_objects}
            if name in accessors:
                field = accessors[name]
            elif hasattr(model, name):
                return ""  # a method or property: what it returns is known when it runs
            else:
                return f'{model._meta.label} has no "{name}"'
        if not field.is_relation:
            return ""
        if field.related_model is None or isinstance(field.related_model, str):
            return ""
        model = field.related_model
    return ""


def _field_names(model: type[Model]) -> list[str]:
    return sorted(field.name for field in model._meta.get_fields())


def _database(alias: str) -> Iterator[CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield Error(
            f'The database "{alias}" is {connection.display_name}; the index needs PostgreSQL with pgvector.',
            hint='"ENGINE": "django.db.backends.postgresql"',
            id="catalog_search.E020",
        )
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            row = cursor.fetchone()
            cursor.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")
            ctype = cursor.fetchone()[0]
            cursor.execute("SELECT to_regclass(%s)", [Generation._meta.db_table])
            migrated = cursor.fetchone()[0] is not None
    except DatabaseError:
        return  # a database that cannot be reached has its own message
    if row is None and migrated:
        yield Error(
            f'pgvector is not installed in the database "{alias}".',
            hint="CREATE EXTENSION vector;  -- as a superuser",
            id="catalog_search.E021",
        )
    elif row is not None and tuple(int(part) for part in row[0].split(".")[:2]) < OLDEST_PGVECTOR:
        yield Error(
            f'pgvector {row[0]} in the database "{alias}" is too old: 0.8 brought iterative scans.',
            hint="ALTER EXTENSION vector UPDATE;  -- as a superuser, after upgrading the server's package",
            id="catalog_search.E022",
        )
    if ctype in ("C", "POSIX"):
        yield Warning(
            f'The database "{alias}" has the character type {ctype}: PostgreSQL takes typographic quotes for letters.',
            hint="CREATE DATABASE ... LC_CTYPE 'C.UTF-8' TEMPLATE template0;",
            id="catalog_search.W023",
        )
    if migrated:
        yield from _generations(alias)


def _generations(alias: str) -> Iterator[CheckMessage]:
    for index in registry:
        active = Generation.objects.using(read_alias(index.model)).active(index.label)
        if active and is_outdated(index):
            yield Warning(
                f"The search index of {index.label} was built from other settings than today's; it serves on.",
                hint=f"manage.py rebuild_search_index --index {index.name}",
                id="catalog_search.W024",
            )
        if active and (active.dimensions or 0) > active.quantization.limit:
            yield Warning(
                f"{index.label}: vectors of {active.dimensions} dimensions are over the {active.quantization.limit} of "
                "an HNSW index; searches compare with every product.",
                hint='"QUANTIZATION": "binary", or for Matryoshka models "OPTIONS": {"truncate_dim": 2048}',
                id="catalog_search.W025",
            )
