"""Throttling: the project's own rates where it names them, else those that the storefront has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

from ..searching import cache
from ..throttling import seconds_to_wait


class _Counts:
    """The cache of searches as a throttle uses one: where it is down nobody is counted, and searches go on."""

    def get(self, key: str, default: Any) -> Any:
        found = cache.get(key)
        return default if found is None else found

    def set(self, key: str, value: Any, seconds: int) -> None:
        cache.put(key, value, seconds)


def _rates() -> Mapping[str, str | None]:
    return api_settings.DEFAULT_THROTTLE_RATES or {}  # type: ignore[return-value]


class SearchThrottle(UserRateThrottle):
    """Bounds the searches of one user, or of one address where nobody is logged in.

    The rate is that of the scope in ``REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]``; None there switches throttling off.
    Where it has none for the scope, SEARCHES_PER_MINUTE bounds searches over the API and on the storefront together.
    """

    scope = "catalog_search"
    kind = "search"
    """What the storefront counts such a request as."""
    cache = _Counts()  # type: ignore[assignment] # all that a throttle uses of one
    _seconds = 0

    def get_rate(self) -> str | None:
        return _rates().get(self.scope)

    def allow_request(self, request: Request, view: Any) -> bool:
        if self.scope in _rates():
            return super().allow_request(request, view)
        self._seconds = seconds_to_wait(cast(HttpRequest, request), self.kind)
        return not self._seconds

    def wait(self) -> float | None:
        return self._seconds or super().wait()


class SuggestThrottle(SearchThrottle):
    """Bounds suggestions: one for each key that somebody presses, and no model is asked."""

    scope = "catalog_search_suggest"
    kind = "typing"


class EventsThrottle(SearchThrottle):
    """Bounds reports of clicks and orders."""

    scope = "catalog_search_events"
    kind = "events"


class HealthThrottle(SearchThrottle):
    """Bounds looks at the health: load balancers look every few seconds, and each counts documents."""

    scope = "catalog_search_health"
    kind = "health"
