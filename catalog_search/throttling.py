"""Throttling: a search may wake a model, so nobody gets to ask the storefront without end.

It counts as the API does: by user, or by address where nobody is logged in.
"""

from __future__ import annotations

import hashlib
import time

from django.conf import settings as django_settings
from django.http import HttpRequest

from .conf import settings
from .searching import cache

MINUTE = 60
TYPING = 5
"""Suggestions and the like that somebody may ask for with each search."""


def seconds_to_wait(request: HttpRequest, scope: str = "search") -> int:
    """Count a request and return 0, or after how many seconds this visitor may ask again.

    ``scope`` is "search", or "typing" for what a page asks by itself. Where the cache is down nobody is counted.
    """
    most = settings.SEARCHES_PER_MINUTE * (TYPING if scope == "typing" else 1)
    if not most:
        return 0
    minute, second = divmod(int(time.time()), MINUTE)
    who = hashlib.blake2b(_visitor(request).encode(), digest_size=16).hexdigest()
    key = f"throttle:{scope}:{minute}:{who}"
    count = int(cache.get(key) or 0)
    if count >= most:
        return MINUTE - second
    cache.put(key, count + 1, MINUTE)
    return 0


def _visitor(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"user {user.pk}"
    direct = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    # As Django REST framework reads it: how many proxies may be believed, and their whole word where none is said.
    proxies = getattr(django_settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES")
    if not forwarded or proxies == 0:
        return direct
    hops = forwarded.split(",")
    return "".join(forwarded.split()) if proxies is None else hops[-min(proxies, len(hops))].strip()
