"""Throttling: a search may wake a model, so nobody gets to ask without end.

Storefront and API count in one place: by user, or by address where nobody is logged in.
"""

from __future__ import annotations

import math
import time

from django.http import HttpRequest

from .conf import settings
from .digests import digest_of
from .searching import cache
from .visitors import address_of

MINUTE = 60
SHARES = {"search": 1.0, "typing": 5.0, "events": 2.5, "health": 0.5}
"""How many requests of each kind there may be for each search: "typing" are those that a page makes by itself."""


def seconds_to_wait(request: HttpRequest, kind: str = "search") -> int:
    """Count a request and return 0, or after how many seconds this visitor may ask again.

    ``kind`` is one of SHARES. Where the cache is down nobody is counted.
    """
    most = math.ceil(settings.SEARCHES_PER_MINUTE * SHARES[kind])
    if not most:
        return 0
    minute, second = divmod(int(time.time()), MINUTE)
    # It outlasts its minute, for clocks that differ.
    count = cache.count(f"throttle:{kind}:{minute}:{digest_of(_visitor(request))}", 2 * MINUTE)
    return MINUTE - second if count > most else 0


def _visitor(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"user {user.pk}"
    return address_of(request)
