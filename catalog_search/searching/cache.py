"""The shared cache of query vectors, rankings and visitors' pictures; one that is down costs time, nothing else."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext as _

from ..breaker import Breaker
from ..conf import settings
from ..digests import digest_of
from ..exceptions import ImageError, Unavailable
from ..images import Picture

logger = logging.getLogger(__name__)

T = TypeVar("T")

COSTLY_SECONDS = 0.2
"""What takes less is asked anew each time."""
WORTH = 100
"""For so many times what it took it is kept: counting takes a hundredth of the database's time, whoever asks."""

_PREFIX = "catalog_search"
try:
    _RELEASE = version("django-catalog-search")
except PackageNotFoundError:  # its folder lies in the project
    _RELEASE = ""
_TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)
# One failure of a mute cache has cost its whole timeout already.
_breaker = Breaker("The cache", failures=1, seconds=5.0)


def named(what: str, decided: Any) -> str:
    """Return the key of something by all that decides it, told by its ``repr``; what an earlier release kept may have
    another shape.
    """
    return f"{what}:{digest_of(repr((_RELEASE, decided)))}"


def get(key: str) -> Any:
    """Return what is kept under a key, or None."""
    return _tried(lambda cache: cache.get(f"{_PREFIX}:{key}"), None)


def put(key: str, value: Any, seconds: int) -> bool:
    """Keep a value for a time; returns whether that worked."""

    def kept(cache: BaseCache) -> bool:
        cache.set(f"{_PREFIX}:{key}", value, seconds)
        return True

    return bool(_tried(kept, False))


def count(key: str, seconds: int) -> int:
    """Count one more under a key, for so many seconds from the first; returns how many there are, 0 without a cache."""

    def counted(cache: BaseCache) -> int:
        cache.add(f"{_PREFIX}:{key}", 0, seconds)
        try:
            return int(cache.incr(f"{_PREFIX}:{key}"))
        except ValueError:  # one that keeps nothing
            return 0

    return int(_tried(counted, 0))


def get_many(keys: Sequence[str]) -> dict[str, Any]:
    """Return what is kept under some keys; those that nothing is kept under are left out."""
    found: dict[str, Any] = _tried(lambda cache: cache.get_many([f"{_PREFIX}:{key}" for key in keys]), {})
    return {key.removeprefix(f"{_PREFIX}:"): value for key, value in found.items()}


def put_many(values: Mapping[str, Any], seconds: int) -> None:
    """Keep several values for a time."""
    _tried(lambda cache: cache.set_many({f"{_PREFIX}:{key}": one for key, one in values.items()}, seconds), None)


def _tried(use: Callable[[BaseCache], Any], otherwise: Any) -> Any:
    try:
        with _breaker:
            return use(caches[settings.CACHE])
    except Unavailable:  # said already
        return otherwise
    except Exception as error:  # every cache backend has exceptions of its own
        logger.warning("The cache cannot be used: %s", error)
        return otherwise


def costly(what: str, decided: Any, work: Callable[[], T]) -> T:
    """Return what ``work`` finds, or what it found a moment ago where that took long, for BROWSE_SECONDS at most.

    ``decided`` is all that decides it, told by its ``repr``. It is kept as JSON: tuples come back as lists.
    """
    key = named(what, decided)
    found = get(key)
    if isinstance(found, str):
        value: T = json.loads(found)
        return value
    start = time.perf_counter()
    value = work()
    taken = time.perf_counter() - start
    if taken >= COSTLY_SECONDS and (seconds := min(settings.BROWSE_SECONDS, round(WORTH * taken))):
        put(key, json.dumps(value), seconds)
    return value


def keep_picture(picture: Picture) -> str:
    """Keep a visitor's picture for the time of a search session and return its token; "" where that failed."""
    token = secrets.token_urlsafe(16)
    return token if put(f"picture:{token}", picture.jpeg, settings.PICTURE_SECONDS) else ""


def kept_picture(token: str) -> Picture:
    """Return a visitor's picture. Raises ImageError once it expired."""
    # A cache that refuses a strange key is not one that is down.
    jpeg = get(f"picture:{token}") if _TOKEN.fullmatch(token) else None
    if not isinstance(jpeg, bytes):
        raise ImageError(_("This picture search has expired; please choose the picture again."))
    return Picture(jpeg)
