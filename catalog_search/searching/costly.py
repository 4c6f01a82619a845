"""What costs the database much is kept for a while: a large shop counts its whole catalogue only now and then."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..conf import settings
from . import cache

T = TypeVar("T")

COSTLY_SECONDS = 0.2
"""What takes less is asked anew each time."""
WORTH = 100
"""For so many times what it took it is kept: counting takes a hundredth of the database's time, whoever asks."""


def kept(what: str, decided: Any, work: Callable[[], T]) -> T:
    """Return what ``work`` finds, or what it found a moment ago where that took long, for BROWSE_SECONDS at most.

    ``decided`` is all that decides it, told by its ``repr``. It is kept as JSON: tuples come back as lists.
    """
    key = cache.named(what, decided)
    found = cache.get(key)
    if isinstance(found, str):
        value: T = json.loads(found)
        return value
    start = time.perf_counter()
    value = work()
    taken = time.perf_counter() - start
    if taken >= COSTLY_SECONDS and (seconds := min(settings.BROWSE_SECONDS, round(WORTH * taken))):
        cache.put(key, json.dumps(value), seconds)
    return value
