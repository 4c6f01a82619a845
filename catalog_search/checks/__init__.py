"""System checks: what cannot work is said at start, with the line that mends it as the hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import models, router
from django.db.models import Model
from django.utils.module_loading import import_string

from ..backends import backend_class
from ..backends.base import Embedder, Reranker
from ..conf import Settings, settings
from ..exceptions import ConfigurationError
from ..indexes import SearchIndex, registry
from ..indexing.related import relations
from ..models import Change, Generation
from ..routers import IndexingRouter
from ..sql import read_alias, write_alias
from . import lookups, workers
from .database import check_alias

KEY_LENGTH = Change._meta.get_field("object_key").max_length or 0
BACKENDS = {"EMBEDDER": Embedder, "RERANKER": Reranker, "IMAGE_RERANKER": Reranker}


def connect() -> None:
    """Register the checks with Django."""
    register(check_settings, "catalog_search")
    register(check_models, "catalog_search", Tags.security)
    register(check_indexes, "catalog_search")
    register(check_database, Tags.database)


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check CATALOG_SEARCH and the settings of Django that it leans on."""
    return [*_settings(), *workers.check_indexing()]


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
    messages: list[CheckMessage] = []
    for index in registry:
        found = list(_index(index))
        for message in found:
            message.obj = type(index)
        messages += found
    return messages


def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Check the databases that hold an index: pgvector, collation, generations that fell behind the settings."""
    aliases = {write_alias(index.model) for index in registry}
    return [message for alias in sorted(aliases & set(databases or ())) for message in check_alias(alias)]


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
    for name in ("REWRITE", "ARRANGE", "API_PERMISSIONS"):
        for path in getattr(settings, name):
            try:
                import_string(path)
            except (ImportError, TypeError) as error:
                yield Error(
                    f'CATALOG_SEARCH["{name}"] names {path!r}, which cannot be imported: {error}.',
                    hint="Write a dotted path: docs/searching.md, Steps of your own; docs/api.md, Who may ask.",
                    id="catalog_search.E008",
                )
    if settings.MODEL_QUEUE:
        yield from workers.check_serving()
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


def _key_problem(model: type[Model]) -> str:
    """Return why changes and documents could not name a model's rows by their keys, "" where they can."""
    key: Any = model._meta.pk
    if isinstance(key, models.CompositePrimaryKey):
        return "has several columns"
    while key.remote_field:
        key = key.target_field
    return f"may have {key.max_length} characters" if (key.max_length or 0) > KEY_LENGTH else ""


def _index(index: SearchIndex) -> Iterator[CheckMessage]:
    name = type(index).__name__
    if not index.text and not index.image:
        yield Error(
            f"{name} declares neither text nor image.",
            hint='text = ["name", "description"]',
            id="catalog_search.E010",
        )
    if problem := _key_problem(index.model):
        yield Error(
            f"{index.model._meta.label} cannot be indexed: its primary key {problem}.",
            hint="Give it a key of one column, of at most "
            f"{KEY_LENGTH} characters; a UniqueConstraint can say what the old one said.",
            id="catalog_search.E019",
        )
        return
    for attribute in ("text", "keywords", "image", "identifiers"):
        for path in index.image_paths if attribute == "image" else getattr(index, attribute):
            if not isinstance(path, str):
                continue
            try:
                field = _last_field(index.model, path)
            except LookupError as error:
                yield Error(
                    f'{name}.{attribute}: "{path}" does not exist: {error}.',
                    hint=f"{index.model._meta.label} has the fields: {', '.join(lookups.field_names(index.model))}.",
                    id="catalog_search.E011",
                )
                continue
            if attribute == "image" and field is not None and not isinstance(field, models.FileField):
                yield Error(
                    f'{name}.image: "{path}" holds no files; addresses of pictures are not fetched.',
                    hint="Keep the pictures in an ImageField or a FileField, on a storage of your choice.",
                    id="catalog_search.E016",
                )
    try:
        list(relations(index))
    except ConfigurationError as error:
        yield Error(str(error), hint="follow = []", id="catalog_search.E012")
    yield from lookups.check_index(index)
    products, documents = write_alias(index.model), write_alias(Generation)
    if products != documents or not router.allow_migrate_model(products, Generation):
        yield Error(
            f'{index.model._meta.label} lives in the database "{products}", its index would live in "{documents}"; '
            "searches join the two.",
            hint=f'Let a router of DATABASE_ROUTERS send the app "catalog_search" to "{products}", then migrate it.',
            id="catalog_search.E026",
        )
    elif read_alias(index.model) != products and not any(isinstance(one, IndexingRouter) for one in router.routers):
        yield Warning(
            f"Workers would read what belongs to a {index.model._meta.verbose_name} from the database "
            f'"{read_alias(index.model)}": where that lags, documents are out of date.',
            hint='DATABASE_ROUTERS = ["catalog_search.routers.IndexingRouter", ...]',
            id="catalog_search.W028",
        )


def _last_field(model: type[Model], path: str) -> Any:
    """Return the field that a path ends at, as far as the classes tell; None behind a method or the like.

    Raises LookupError where there is no such thing.
    """
    field: Any = None
    for name in path.split("."):
        fields: dict[str | None, Any] = {field.name: field for field in model._meta.get_fields()}
        fields |= {one.get_accessor_name(): one for one in model._meta.related_objects}
        field = fields.get(name)
        if field is None and not hasattr(model, name):
            raise LookupError(f'{model._meta.label} has no "{name}"')
        if field is None or not field.is_relation:
            return field
        if not isinstance(field.related_model, type):
            return None
        model = field.related_model
    return field
