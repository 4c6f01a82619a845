"""Responses: what the headers of an answer say about the search behind it, on storefront and API alike."""

from __future__ import annotations

from django.http import HttpResponseBase

from .searching import Results


def describe(response: HttpResponseBase, results: Results) -> None:
    """Set ``Server-Timing`` (milliseconds by stage), and ``X-Search-Degraded`` where a part of the search failed."""
    timings = (f"{stage.replace(' ', '-')};dur={spent:.1f}" for stage, spent in results.timings.items())
    response.headers["Server-Timing"] = ", ".join(timings)
    if results.degraded:
        response.headers["X-Search-Degraded"] = ", ".join(results.degraded)
