"""The configured models, loaded once per process and shared by its threads."""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import Any, cast

from ..conf import settings
from ..content import Content
from ..digests import canonical
from ..exceptions import CatalogSearchError, ConfigurationError, ModelError
from ..extras import hinted
from .base import Embedder, Reranker
from .configuration import backend_class, configuration_of

RETRY_SECONDS = 10.0
"""After which a model that could not be loaded is tried again."""

Key = tuple[int, str]

_loaded: dict[Key, Any] = {}
_failed: dict[Key, tuple[CatalogSearchError, float]] = {}
_lock = threading.Lock()


def get_embedder() -> Embedder:
    """Return the embedder of the settings. Raises ModelError when it cannot be loaded."""
    return cast("Embedder", _get(settings.EMBEDDER, Embedder, "EMBEDDER"))


def embedder_of(wanted: dict[str, Any]) -> Embedder:
    """Return the embedder that a generation was built with, by what the generation keeps of it."""
    return cast("Embedder", _get(configuration_of(wanted), Embedder, "EMBEDDER"))


def get_reranker(setting: str = "RERANKER") -> Reranker | None:
    """Return the reranker of a setting, or None where none is configured. Raises ModelError."""
    configuration = getattr(settings, setting)
    return cast("Reranker", _get(configuration, Reranker, setting)) if configuration else None


def reranker_setting(query: Content) -> str:
    """Name the setting whose reranker reads a query: one for photos may stand beside the specialist for texts."""
    return "IMAGE_RERANKER" if query.image and settings.IMAGE_RERANKER else "RERANKER"


def _get(configuration: dict[str, Any], kind: Any, setting: str) -> Any:
    # The process id is part of the key: a forked child must not use a model that its parent loaded,
    # for torch's threads do not survive the fork.
    # What two settings name alike is one model.
    key = (os.getpid(), canonical([kind.__name__, configuration]))
    found = _loaded.get(key)
    if found is None:
        _refuse(key)
        with _lock:
            found = _loaded.get(key)
            if found is None:
                _refuse(key)
                if key in _failed:  # while one tries again the others go on without it
                    _failed[key] = _failed[key][0], time.monotonic() + RETRY_SECONDS
                try:
                    found = _loaded[key] = _load(configuration, kind, setting)
                except (ConfigurationError, ModelError) as error:
                    # Another one, for the frames of this one may hold half a model.
                    kept = ConfigurationError if isinstance(error, ConfigurationError) else ModelError
                    _failed[key] = kept(str(error)), time.monotonic() + RETRY_SECONDS
                    raise
                _failed.pop(key, None)
                _settle()
    return found


def _refuse(key: Key) -> None:
    """Raise what kept a model from being loaded a moment ago: each try may take seconds, and searches wait for it."""
    error, until = _failed.get(key, (None, 0.0))
    if error and time.monotonic() < until:
        raise error.with_traceback(None)


def _load(configuration: dict[str, Any], kind: Any, setting: str) -> Any:
    loader = backend_class(configuration, kind, setting)
    try:
        return loader(**configuration.get("OPTIONS", {}))
    except TypeError as error:
        raise ConfigurationError(f'CATALOG_SEARCH["{setting}"]["OPTIONS"]: {error}') from error
    except (ConfigurationError, ModelError):
        raise
    except Exception as error:  # whatever a model library raises on a broken checkpoint
        raise ModelError(f"The {setting} {loader.__name__} cannot be loaded: {hinted(error)}") from error


def _settle() -> None:
    """Spare the garbage collector what a model and its libraries hold: half a million objects, and they stay.

    It would walk them at every fiftieth search or so, which takes a fifth of a second each time.
    """
    gc.collect()
    gc.freeze()


def unload() -> None:
    """Forget the loaded models; for tests and after a change of weights on disk."""
    with _lock:
        _loaded.clear()
        _failed.clear()
    gc.unfreeze()


# A child forked while another thread held the lock would wait for it for ever.
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
