"""Responses: what answers say about the search behind them, on storefront and API alike."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from django.http import HttpResponseBase

from .searching import Results

DATABASE_DOWN = (OperationalError, InterfaceError)
"""What is raised where the database does not answer: answered by 503, since it is no bug and no mistake of who asks."""


def describe(response: HttpResponseBase, results: Results) -> None:
    """Set ``Server-Timing`` (milliseconds by stage), and ``X-Search-Degraded`` where a part of the search failed."""
    timings = (f"{stage.replace(' ', '-')};dur={spent:.1f}" for stage, spent in results.timings.items())
    response.headers["Server-Timing"] = ", ".join(timings)
    if results.degraded:
        response.headers["X-Search-Degraded"] = ", ".join(results.degraded)
