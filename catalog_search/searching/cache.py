"""The shared cache of query vectors, rankings and visitors' pictures; one that is down costs time, nothing else."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.core.cache import caches

from ..breaker import Breaker
from ..conf import settings
from ..exceptions import ImageError, Unavailable
from ..images import Picture

logger = logging.getLogger(__name__)

_PREFIX = "catalog_search"
# One failure of a mute cache has cost its whole timeout already.
_breaker = Breaker("The cache", failures=1, seconds=5.0)


def get(key: str) -> Any:
    """Return what is kept under a key, or None."""
    try:
        with _breaker:
            return caches[settings.CACHE].get(f"{_PREFIX}:{key}")
    except Unavailable:  # said already
        return None
    except Exception as error:  # every cache backend has exceptions of its own
        logger.warning("The cache does not answer: %s", error)
        return None


def put(key: str, value: Any, seconds: int) -> bool:
    """Keep a value for a time; returns whether that worked."""
    try:
        with _breaker:
            caches[settings.CACHE].set(f"{_PREFIX}:{key}", value, seconds)
    except Unavailable:
        return False
    except Exception as error:  # see get()
        logger.warning("The cache does not take values: %s", error)
        return False
    return True


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
