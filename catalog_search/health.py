"""Health: does an index serve, is it complete and fresh, do its models answer; for operators and load balancers."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db import Error
from django.db.models import Count, Min, Q
from django.utils import timezone

from .indexes import SearchIndex
from .indexing import is_outdated
from .indexing.building import TOLERATED_FAILURES
from .models import Change, Document, Generation, QueryLog
from .models.changes import WAITING, products_with
from .searching import cache, search

PROBE_SECONDS = 15
"""How long an answer of the models is believed: a probe is a search that nobody waits for."""
LATE_MINUTES = 15.0
"""A change that waits longer is a sign that no worker runs, or that none keeps up."""
RECENT = timedelta(minutes=15)
FEWEST = 20
"""Searches below which the share of degraded ones says nothing."""
TOLERATED_DEGRADED = 0.05


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one index. ``problems`` says in words what is wrong; none means that all is well."""

    index: str
    generation: int | None = None
    outdated: bool = False
    products: int = 0
    documents: int = 0
    """Products that can be found; fewer than ``products`` until all of them are indexed."""
    pictures_failed: int = 0
    waiting: int = 0
    waiting_minutes: float = 0.0
    """The age of the oldest change that waits: for a worker, or for a model that does not answer."""
    set_aside: int = 0
    searches: int = 0
    """How many were made in the last 15 minutes, by the query log."""
    degraded: int = 0
    unreachable: tuple[str, ...] = ()
    """What just failed to answer: "embedder", "reranker", "database"."""
    milliseconds: float = 0.0
    """What a search by vector took just now."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What an operator should look at."""
        silent = (self.unreachable, f"Does not answer: {', '.join(self.unreachable)}.")
        if self.generation is None:
            return (silent[1] if self.unreachable else "No generation serves: run manage.py rebuild_search_index.",)
        share = self.degraded / self.searches if self.searches >= FEWEST else 0.0
        absent = self.products - self.documents - self.waiting - self.set_aside
        found = [
            (self.outdated, "The index is out of date: build a new generation."),
            silent,
            (self.waiting_minutes > LATE_MINUTES, f"Changes wait for {self.waiting_minutes:.0f} minutes."),
            (
                absent > TOLERATED_FAILURES * self.products,
                f"{absent} products are not in the index, and no change tells of them: "
                "run manage.py reconcile_search_index.",
            ),
            (self.set_aside, f"{self.set_aside} changes failed too often and are set aside."),
            (share > TOLERATED_DEGRADED, f"{share:.0%} of the latest searches were degraded."),
        ]
        return tuple(text for wrong, text in found if wrong)

    @property
    def status(self) -> str:
        """ "ok", "degraded" (searches answer, something needs a look) or "down" (nothing is found)."""
        if self.generation is None:
            return "down"
        return "degraded" if self.problems else "ok"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"status": self.status, "problems": list(self.problems), **asdict(self)}


def health_of(index: SearchIndex, probe: bool = True) -> Health:
    """Look at an index; ``probe`` also asks its models, at most once in PROBE_SECONDS."""
    try:
        return _health_of(index, probe)
    except Error:
        return Health(index.label, unreachable=("database",))


def _health_of(index: SearchIndex, probe: bool) -> Health:
    generation = Generation.objects.serving(index)
    if generation is None:
        return Health(index.label)
    language = generation.language_for(index.language_codes[0])
    documents = Document.objects.filter(generation=generation, language=language)
    failed = Q(pictures=Document.Pictures.FAILED)
    changes = Change.objects.filter(generation=generation).exclude(priority=Change.Priority.PICTURES)
    queue = changes.aggregate(
        waiting=products_with(Q(set_aside=False)),
        since=Min("created_at", filter=Q(set_aside=False) & WAITING),
        set_aside=products_with(Q(set_aside=True)),  # the last, for it hides the field
    )
    since = queue.pop("since")
    searches = QueryLog.objects.filter(index=index.label, created_at__gt=timezone.now() - RECENT)
    unreachable, milliseconds = _probed(index, generation) if probe else ((), 0.0)
    return Health(
        index=index.label,
        generation=generation.pk,
        outdated=is_outdated(index),
        products=index.index_queryset().count(),
        **documents.aggregate(documents=Count("pk"), pictures_failed=Count("pk", filter=failed)),
        waiting_minutes=(timezone.now() - since).total_seconds() / 60 if since else 0.0,
        **queue,
        **searches.aggregate(searches=Count("pk"), degraded=Count("pk", filter=~Q(degraded=[]))),
        unreachable=unreachable,
        milliseconds=milliseconds,
    )


def _probed(index: SearchIndex, generation: Generation) -> tuple[tuple[str, ...], float]:
    """Search for words that no cache knows, by the way that visitors' searches go."""
    key = cache.named("health", generation.pk)
    kept = cache.get(key)
    if kept:
        return tuple(kept[0]), kept[1]
    found = search(
        index,
        f"is anybody there at {time.time():.0f}",
        lanes=["vectors"],
        cutoff=None,
        page_size=1,
        facet_counts=False,
        rewrite=(),
        arrange=(),
        generation=generation,
    )
    answer = found.degraded, round(found.timings.get("total", 0.0), 1)
    cache.put(key, answer, PROBE_SECONDS)
    return answer
