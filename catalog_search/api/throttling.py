"""Throttling: a search may wake a model, so nobody gets to ask without end."""

from __future__ import annotations

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle


class SearchThrottle(UserRateThrottle):
    """Bounds the searches of one user, or of one address where nobody is logged in.

    The rate is ``REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["catalog_search"]``, by default that of ``default_rate``.
    """

    scope = "catalog_search"
    default_rate = "120/minute"

    def get_rate(self) -> str | None:
        """Return the project's rate for the scope, else the default; None there switches throttling off."""
        rates: dict[str, str | None] = api_settings.DEFAULT_THROTTLE_RATES or {}  # type: ignore[assignment]
        return rates.get(self.scope, self.default_rate)
