"""Throttling: a search may wake a model, so nobody gets to ask without end."""

from __future__ import annotations

from typing import Any

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

from ..searching import cache


class _Counts:
    """The cache of searches as a throttle uses one: where it is down nobody is counted, and searches go on."""

    def get(self, key: str, default: Any) -> Any:
        found = cache.get(key)
        return default if found is None else found

    def set(self, key: str, value: Any, seconds: int) -> None:
        cache.put(key, value, seconds)


class SearchThrottle(UserRateThrottle):
    """Bounds the searches of one user, or of one address where nobody is logged in.

    The rate is that of the scope in ``REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]``, by default ``default_rate``.
    """

    scope = "catalog_search"
    default_rate = "120/minute"
    cache = _Counts()  # type: ignore[assignment] # all that a throttle uses of one

    def get_rate(self) -> str | None:
        """Return the project's rate for the scope, else the default; None there switches throttling off."""
        rates: dict[str, str | None] = api_settings.DEFAULT_THROTTLE_RATES or {}  # type: ignore[assignment]
        return rates.get(self.scope, self.default_rate)


class SuggestThrottle(SearchThrottle):
    """Bounds suggestions: one for each key that somebody presses, and no model is asked."""

    scope = "catalog_search_suggest"
    default_rate = "600/minute"


class EventsThrottle(SearchThrottle):
    """Bounds reports of clicks and orders."""

    scope = "catalog_search_events"
    default_rate = "300/minute"


class HealthThrottle(SearchThrottle):
    """Bounds looks at the health: load balancers look every few seconds, and each counts documents."""

    scope = "catalog_search_health"
    default_rate = "60/minute"
