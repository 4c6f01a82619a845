"""Configuration of a model: the class that it names, and what of it is the model, wherever it runs and however fast."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.utils.module_loading import import_string

from ..conf import settings
from ..digests import canonical
from ..exceptions import ConfigurationError
from ..extras import hinted

_NOT_THE_MODEL = {"server", "device", "batch_size", "threads", "token"}


def backend_class(configuration: Any, kind: Any, setting: str) -> Any:
    """Import the class that a setting names. Raises ConfigurationError with what to write instead."""
    path = configuration.get("BACKEND") if isinstance(configuration, dict) else None
    if not isinstance(path, str):
        raise ConfigurationError(f'CATALOG_SEARCH["{setting}"] needs a "BACKEND": "dotted.path.of.a.class".')
    try:
        found = import_string(path)
    except ImportError as error:
        raise ConfigurationError(
            f'CATALOG_SEARCH["{setting}"]["BACKEND"] cannot be imported: {hinted(error)}'
        ) from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConfigurationError(f'CATALOG_SEARCH["{setting}"]["BACKEND"] must be a subclass of {kind.__name__}.')
    if not isinstance(configuration.get("OPTIONS", {}), dict):
        raise ConfigurationError(f'CATALOG_SEARCH["{setting}"]["OPTIONS"] must be a dict of options.')
    return found


def identity(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a backend's configuration that decides its vectors; where and how fast it runs does not."""
    backend = configuration["BACKEND"]
    with suppress(ImportError, AttributeError):  # no backend: the checks say so
        backend = import_string(backend).computes_as or backend
    return _named(backend, configuration, _NOT_THE_MODEL)


def place(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return all that is needed to find the model again, in the form of ``identity``; no secret is part of it."""
    return _named(configuration["BACKEND"], configuration, {"token"})


def _named(backend: str, configuration: dict[str, Any], without: set[str]) -> dict[str, Any]:
    options = configuration.get("OPTIONS", {})
    with suppress(ImportError, AttributeError):
        options = import_string(backend).complete(options)
    return {"backend": backend, "options": {name: one for name, one in options.items() if name not in without}}


def model_name(backend: str, options: Mapping[str, Any]) -> str:
    """Name the model of a configuration, or else its backend."""
    return str(options.get("model") or str(options.get("factory") or backend).rpartition(".")[2])


def configuration_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the model that a generation was built with.

    After a change of settings the old generation serves on, and is asked with its own model where it was then. Where
    the settings still name that model, they say where it runs now.
    """
    kept = {"BACKEND": wanted["backend"], "OPTIONS": wanted["options"]}
    same, today = (canonical(identity(one)) for one in (kept, settings.EMBEDDER))
    return settings.EMBEDDER if same == today else kept
