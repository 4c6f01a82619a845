"""Visitors: the address that a request came from, to tell people apart without knowing them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the address of a visitor, behind proxies too, as Django REST framework reads it.

    ``REST_FRAMEWORK["NUM_PROXIES"]`` says how many proxies may be believed; where it does not, their whole word counts.
    """
    direct = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    proxies = getattr(settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES")
    if not forwarded or proxies == 0:
        return direct
    hops = forwarded.split(",")
    return "".join(forwarded.split()) if proxies is None else hops[-min(proxies, len(hops))].strip()
