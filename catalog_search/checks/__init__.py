"""System checks: what cannot work is said at start, with the line that mends it as the hint."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError
from django.utils.module_loading import import_string

from ..backends.base import Embedder, Reranker
from ..backends.configuration import backend_class
from ..conf import Setting, Settings, settings
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
    known = {setting.name: setting for setting in Settings.describe()}
    written = settings.written().items()
    problems = {name: known[name].problem(value) for name, value in written if name in known}
    sound = {name for name in known if not problems.get(name)}
    found = [*_setting_problems(known, problems), *_models(), *_paths(sound)]
    if sound >= {"CACHE", "THUMBNAIL_STORAGE", "MODEL_QUEUE", "QUEUE"}:
        found += [*(workers.check_serving() if settings.MODEL_QUEUE else ()), *_cache(), *_storage()]
    return [*found, *workers.check_indexing()]


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
        # Checks come before the first migration, and a queryset may ask its tables when it is made, as Wagtail's do.
        with suppress(DatabaseError):
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


def _setting_problems(known: Mapping[str, Setting[Any]], problems: Mapping[str, str | None]) -> Iterator[CheckMessage]:
    if not isinstance(getattr(django_settings, "CATALOG_SEARCH", {}), dict):
        yield Error("CATALOG_SEARCH must be a dict.", hint="CATALOG_SEARCH = {}", id="catalog_search.E001")
    for name in settings.written():
        if name not in known:
            yield Warning(
                f'CATALOG_SEARCH has an unknown setting "{name}".',
                hint=f"Known are: {', '.join(known)}.",
                id="catalog_search.W002",
            )
        elif problems[name]:
            yield Error(
                f'CATALOG_SEARCH["{name}"] {problems[name]}.',
                hint=f'"{name}": {known[name].default!r}',
                id="catalog_search.E003",
            )


def _models() -> Iterator[CheckMessage]:
    for name, kind in BACKENDS.items():
        configuration = getattr(settings, name)
        if configuration is None and name != "EMBEDDER":
            continue
        try:
            backend_class(configuration, kind, name)
        except ConfigurationError as error:
            default = "SentenceTransformerEmbedder" if kind is Embedder else "CrossEncoderReranker"
            yield Error(
                str(error),
                hint=f'"{name}": {{"BACKEND": "catalog_search.backends.local.{default}", '
                '"OPTIONS": {"model": "..."}}',
                id="catalog_search.E004",
            )


def _paths(sound: Collection[str]) -> Iterator[CheckMessage]:
    for name in ("REWRITE", "ARRANGE", "API_PERMISSIONS"):
        for path in getattr(settings, name) if name in sound else ():
            try:
                import_string(path)
            except (ImportError, TypeError, ValueError) as error:
                yield Error(
                    f'CATALOG_SEARCH["{name}"] names {path!r}, which cannot be imported: {error}.',
                    hint="Write a dotted path: docs/searching.md, Steps of your own; docs/api.md, Who may ask.",
                    id="catalog_search.E008",
                )


def _cache() -> Iterator[CheckMessage]:
    if settings.CACHE not in django_settings.CACHES:
        yield Error(
            f'CATALOG_SEARCH["CACHE"] names "{settings.CACHE}", which CACHES does not have.',
            hint='"CACHE": "default"',
            id="catalog_search.E005",
        )
    elif "locmem" in django_settings.CACHES[settings.CACHE]["BACKEND"]:
        yield Warning(
            "The search cache is local to each process: frozen pages and uploaded pictures get lost between them.",
            hint=workers.SHARED_CACHE,
            id="catalog_search.W006",
        )
    else:
        yield from workers.check_cache()


def _storage() -> Iterator[CheckMessage]:
    if settings.THUMBNAIL_STORAGE not in django_settings.STORAGES:
        yield Error(
            f'CATALOG_SEARCH["THUMBNAIL_STORAGE"] names "{settings.THUMBNAIL_STORAGE}", which STORAGES does not have.',
            hint='"THUMBNAIL_STORAGE": "default"',
            id="catalog_search.E007",
        )
