"""Metrics: each search as a log record with fields, and as numbers for Prometheus where its client is installed.

Counters and times are those of a process's searches on storefront and API; how the indexes are is read from the
database when Prometheus asks, so that every process would say the same.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .health import health_of
from .indexes import SearchIndex
from .registry import registry
from .searching import Results

try:
    import prometheus_client as prometheus
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.multiprocess import MultiProcessCollector
except ImportError:
    prometheus = None  # type: ignore[assignment]

logger = logging.getLogger("catalog_search.searches")

GAUGES = {
    "up": ("Does a generation serve?", lambda health: health.generation is not None),
    "products": ("Products to be indexed.", lambda health: health.products),
    "documents": ("Products that can be found.", lambda health: health.documents),
    "pictures_failed": ("Products with a picture that could not be read.", lambda health: health.pictures_failed),
    "waiting": ("Products with changes that no worker has taken yet.", lambda health: health.waiting),
    "waiting_seconds": ("The age of the oldest of them.", lambda health: health.waiting_minutes * 60),
    "set_aside": ("Products whose changes failed too often.", lambda health: health.set_aside),
    "outdated": ("Was the index built from other settings than today's?", lambda health: health.outdated),
}
"""What is told of each index, as ``catalog_search_<name>``."""
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)

if prometheus:
    SEARCHES = prometheus.Counter("catalog_search_searches", "Searches made.", ["index", "kind"])
    EMPTY = prometheus.Counter("catalog_search_empty", "Searches that found nothing.", ["index"])
    DEGRADED = prometheus.Counter("catalog_search_degraded", "Searches in which a part failed.", ["index", "part"])
    SECONDS = prometheus.Histogram("catalog_search_seconds", "Time by stage.", ["index", "stage"], buckets=BUCKETS)


def observe(index: SearchIndex, results: Results) -> None:
    """Note a search, without a word of what was asked."""
    spent = results.timings.get("total", 0.0)
    fields = {
        "index": index.label,
        "kind": results.kind,
        "found": results.total,
        "page": results.page,
        "milliseconds": round(spent, 1),
        "degraded": list(results.degraded),
        "query_id": results.query_id,
    }
    logger.info("%s: %s found by %s in %.0f ms", index.label, results.total_text, results.kind, spent, extra=fields)
    if prometheus is None:
        return
    SEARCHES.labels(index.label, results.kind).inc()
    if not results.total:
        EMPTY.labels(index.label).inc()
    for part in results.degraded:
        DEGRADED.labels(index.label, part).inc()
    for stage, milliseconds in results.timings.items():
        SECONDS.labels(index.label, stage).observe(milliseconds / 1000)


class IndexCollector:
    """Tells Prometheus how each index is; for ``prometheus_client.REGISTRY.register`` where no view of ours is used."""

    def describe(self) -> list[Any]:
        """Tell of nothing: registering asks no database."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield the gauges of all indexes."""
        # An exporter of the client asks from a new thread each time, which no request ends.
        before = [one for one in connections.all(initialized_only=True) if one.connection is not None]
        try:
            states = [health_of(index, probe=False) for index in registry]
        finally:
            for one in connections.all(initialized_only=True):
                if one not in before:
                    one.close()
        for name, (text, value) in GAUGES.items():
            gauge = GaugeMetricFamily(f"catalog_search_{name}", text, labels=["index"])
            for state in states:
                gauge.add_metric([state.index], float(value(state)))
            yield gauge


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus with what is known of the indexes, and what the client counted in this process.

    In all processes, where PROMETHEUS_MULTIPROC_DIR is set.
    """
    if prometheus is None:
        raise ImportError('Install the client of Prometheus: pip install "django-catalog-search[metrics]".')
    collectors = prometheus.CollectorRegistry()
    collectors.register(IndexCollector())
    everywhere = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    if everywhere:
        MultiProcessCollector(collectors)
    text = prometheus.generate_latest(collectors) + (b"" if everywhere else prometheus.generate_latest())
    return HttpResponse(text, content_type=prometheus.CONTENT_TYPE_LATEST)
