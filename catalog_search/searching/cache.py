"""The shared cache of query vectors, rankings and visitors' pictures; one that is down costs time, nothing else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.cache import caches

from ..conf import settings
from ..exceptions import ImageError
from ..images import Picture

logger = logging.getLogger(__name__)

_PREFIX = "catalog_search"


def get(key: str) -> Any:
    """Return what is kept under a key, or None."""
    try:
        return caches[settings.CACHE].get(f"{_PREFIX}:{key}")
    except Exception as error:  # every cache backend has exceptions of its own
        logger.warning("The cache does not answer: %s", error)
        return None


def put(key: str, value: Any, seconds: int) -> bool:
    """Keep a value for a time; returns whether that worked."""
    try:
        caches[settings.CACHE].set(f"{_PREFIX}:{key}", value, seconds)
    except Exception as error:  # see get()
        logger.warning("The cache does not take values: %s", error)
        return False
    return True


def get_many(keys: Sequence[str]) -> dict[str, Any]:
    """Return what is kept under some keys; those that nothing is kept under are left out."""
    try:
        found = caches[settings.CACHE].get_many([f"{_PREFIX}:{key}" for key in keys])
    except Exception as error:  # see get()
        logger.warning("The cache does not answer: %s", error)
        return {}
    return {key.removeprefix(f"{_PREFIX}:"): value for key, value in found.items()}


def put_many(values: Mapping[str, Any], seconds: int) -> None:
    """Keep several values for a time."""
    try:
        caches[settings.CACHE].set_many({f"{_PREFIX}:{key}": value for key, value in values.items()}, seconds)
    except Exception as error:  # see get()
        logger.warning("The cache does not take values: %s", error)


def keep_picture(picture: Picture) -> str:
    """Keep a visitor's picture for the time of a search session and return its token; "" where that failed."""
    token = secrets.token_urlsafe(16)
    return token if put(f"picture:{token}", picture.jpeg, settings.PICTURE_SECONDS) else ""


def kept_picture(token: str) -> Picture:
    """Return a visitor's picture. Raises ImageError once it expired."""
    jpeg = get(f"picture:{token}")
    if not isinstance(jpeg, bytes):
        raise ImageError("This picture search has expired; please choose the picture again.")
    return Picture(jpeg)
