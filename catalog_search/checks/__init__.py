"""System checks: what cannot work is said at start, with the line that mends it as the hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from ..backends.base import Embedder, Reranker
from ..backends.configuration import backend_class
from ..conf import Settings, settings
from ..exceptions import ConfigurationError
from ..registry import registry
from ..sql import write_alias
from . import declarations, workers
from .database import check_alias

BACKENDS = {"EMBEDDER": Embedder, "RERANKER": Reranker, "IMAGE_RERANKER": Reranker}


def connect() -> None:
    """Register the checks with Django."""
    register(check_settings, "catalog_search")
    register(check_models, "catalog_search", Tags.security)
    register(check_indexes, "catalog_search")
    register(check_database, Tags.database)
    register(check_deployment, Tags.security, deploy=True)


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
        found = list(declarations.check_index(index))
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


def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check what only matters where strangers can ask."""
    proxies = getattr(django_settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES")
    if proxies is not None or not settings.SEARCHES_PER_MINUTE:
        return []
    return [
        Warning(
            "Visitors choose the address that searches are counted by: what X-Forwarded-For says is believed.",
            hint='REST_FRAMEWORK = {"NUM_PROXIES": 1}  # the proxies in front, 0 for none',
            id="catalog_search.W048",
        )
    ]


def _settings() -> Iterator[CheckMessage]:
    if not isinstance(getattr(django_settings, "CATALOG_SEARCH", {}), dict):
        yield Error("CATALOG_SEARCH must be a dict.", hint="CATALOG_SEARCH = {}", id="catalog_search.E001")
    known = {setting.name: setting for setting in Settings.describe()}
    misshapen = set()
    for name, value in settings.written().items():
        if name not in known:
            yield Warning(
                f'CATALOG_SEARCH has an unknown setting "{name}".',
                hint=f"Known are: {', '.join(known)}.",
                id="catalog_search.W002",
            )
        elif problem := known[name].problem(value):
            misshapen.add(name)
            yield Error(
                f'CATALOG_SEARCH["{name}"] {problem}.',
                hint=f'"{name}": {known[name].default!r}',
                id="catalog_search.E003",
            )
    for name, kind in BACKENDS.items():
        if name == "EMBEDDER" or getattr(settings, name) is not None:
            yield from _backend(name, getattr(settings, name), kind)
    for name in ("REWRITE", "ARRANGE", "API_PERMISSIONS"):
        for path in () if name in misshapen else getattr(settings, name):
            try:
                import_string(path)
            except (ImportError, TypeError, ValueError) as error:
                yield Error(
                    f'CATALOG_SEARCH["{name}"] names {path!r}, which cannot be imported: {error}.',
                    hint="Write a dotted path: docs/searching.md, Steps of your own; docs/api.md, Who may ask.",
                    id="catalog_search.E008",
                )
    if misshapen & {"CACHE", "THUMBNAIL_STORAGE", "MODEL_QUEUE", "QUEUE"}:
        return
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
    else:
        yield from workers.check_cache()
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
