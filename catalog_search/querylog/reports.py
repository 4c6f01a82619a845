"""Reports: what is asked most, more and more, in vain, or without anything being chosen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone

from ..models import QueryEvent, QueryLog
from ..moments import local

CLICK, CONVERSION = QueryEvent.Kind.CLICK, QueryEvent.Kind.CONVERSION
FEWEST = 5
"""Searches below which a rate says nothing."""
IN_VAIN = Q(total=0, filters={}, redirected=False)
"""Words that found nothing; where filters were chosen, it may be them that left nothing."""
IN_WORDS = Q(kind="text") & ~Q(text="")
"""What can be asked again as it is written: beside a photo, words say half of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One query in a report: how often it was asked, and what came of it."""

    text: str
    count: int
    before: int
    """How often in the time of the same length before."""
    without_results: int
    clicked: int
    milliseconds: float

    @property
    def click_rate(self) -> float:
        """The share of the searches that somebody chose something from, or that led to a page by a rule."""
        return self.clicked / self.count


def top(index: str = "", days: int = 7, limit: int = 50) -> list[Line]:
    """Return the queries asked most."""
    return _lines(index, days, ("-count", "text"), limit)


def rising(index: str = "", days: int = 7, limit: int = 50) -> list[Line]:
    """Return the queries that gained most on the time before."""
    lines = [line for line in _lines(index, days) if line.count > line.before]
    return sorted(lines, key=lambda line: (line.before - line.count, line.text))[:limit]


def without_results(index: str = "", days: int = 7, limit: int = 50) -> list[Line]:
    """Return the queries that found nothing, those asked most first."""
    return _lines(index, days, ("-nothing", "text"), limit, Q(nothing__gt=0))


def low_clicks(index: str = "", days: int = 7, limit: int = 50) -> list[Line]:
    """Return queries with results that people leave without choosing anything."""
    lines = [one for one in _lines(index, days, having=Q(count__gte=FEWEST)) if one.without_results < one.count]
    return sorted(lines, key=lambda line: (line.click_rate, -line.count, line.text))[:limit]


REPORTS = {"top": top, "rising": rising, "without-results": without_results, "low-clicks": low_clicks}


def drafted_judgements(index: str = "", days: int = 90) -> Iterator[dict[str, Any]]:
    """Yield judgements (query, product, grade 0 to 3) drafted from clicks, as ``evaluate_search`` reads them.

    A product is compared with what its places usually get: twice the clicks make a 3, as many a 2, any a 1, none
    a 0; what was bought is a 3. Only pairs shown in at least FEWEST intents count, once in each: who filters and pages
    sees a product again and again. A person should look at them.
    """
    rows = _since(index, days).filter(IN_WORDS, redirected=False)
    events = QueryEvent.objects.filter(query__in=rows)
    clicks = set(events.filter(kind=CLICK).values_list("query__intent", "query__text", "object_key"))
    bought = set(events.filter(kind=CONVERSION).values_list("query__text", "object_key"))
    shown: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    clicked: Counter[tuple[str, str]] = Counter()
    views: Counter[int] = Counter()
    at: Counter[int] = Counter()
    log = rows.order_by("intent", "created_at").values_list("intent", "text", "shown", "offset").iterator()
    for intent, searches in groupby(log, key=itemgetter(0)):
        first: dict[tuple[str, str], int] = {}
        for _same, text, keys, offset in searches:
            for position, key in enumerate(keys, start=offset + 1):
                first.setdefault((text, key), position)
        for pair, position in first.items():
            shown[pair].append(position)
            views[position] += 1
            if (intent, *pair) in clicks:
                clicked[pair] += 1
                at[position] += 1
    for (text, key), places in sorted(shown.items()):
        if len(places) >= FEWEST:
            usual = sum(at[one] / views[one] for one in places)
            actual = clicked[text, key]
            ratio = actual / usual if usual else 0.0
            grade = 3 if (text, key) in bought or ratio >= 2 else 2 if ratio >= 1 else 1 if actual else 0
            yield {"query": text, "product": key, "grade": grade}


@dataclass(frozen=True, slots=True)
class Trend:
    """How searches went day by day (hour by hour within one day), the oldest first."""

    asked: list[int]
    without_results: list[int]
    degraded: list[int]


def trend(index: str = "", days: int = 7) -> Trend:
    """Return how often people searched, how often in vain, and how often something failed."""
    moment, moments = _moments(days)
    rows = _since(index, days).filter(counted=True).order_by().values(moment=moment("created_at"))
    counts: dict[Any, Any] = {
        row["moment"]: row
        for row in rows.annotate(
            asked=Count("pk"), nothing=Count("pk", filter=IN_VAIN), failed=Count("pk", filter=~Q(degraded=[]))
        )
    }
    nothing = {"asked": 0, "nothing": 0, "failed": 0}
    asked, in_vain, failed = ([counts.get(one, nothing)[name] for one in moments] for name in nothing)
    return Trend(asked, in_vain, failed)


def trends(texts: Iterable[str], index: str = "", days: int = 7) -> dict[str, list[int]]:
    """Return how often each of these queries was asked, day by day like ``trend``."""
    moment, moments = _moments(days)
    rows = _since(index, days).filter(IN_WORDS, counted=True, text__in=set(texts)).order_by()
    counts: defaultdict[str, dict[Any, int]] = defaultdict(dict)
    for text, when, count in (
        rows.annotate(moment=moment("created_at")).values_list("text", "moment").annotate(Count("pk"))
    ):
        counts[text][when] = count
    return {text: [by_moment.get(one, 0) for one in moments] for text, by_moment in counts.items()}


def _moments(days: int) -> tuple[Callable[[str], TruncDate | TruncHour], list[Any]]:
    """Return what cuts time into pieces, and the pieces of so many days that end now."""
    now = timezone.now()
    if days > 1:
        today = local(now).date()
        return TruncDate, [today - timedelta(days=back) for back in range(days, -1, -1)]
    # Not those of the clock here, of which one is left out or comes twice when summer time begins or ends.
    hour = now.replace(minute=0, second=0, microsecond=0)
    return partial(TruncHour, tzinfo=UTC), [hour - timedelta(hours=back) for back in range(24, -1, -1)]


def _since(index: str, days: float, until: float = 0) -> QuerySet[QueryLog]:
    now = timezone.now()
    rows = QueryLog.objects.filter(created_at__gt=now - timedelta(days=days))
    if until:
        rows = rows.filter(created_at__lte=now - timedelta(days=until))
    return rows.filter(index=index) if index else rows


def _lines(
    index: str, days: int, order: tuple[str, ...] = (), limit: int | None = None, having: Q | None = None
) -> list[Line]:
    clicks = QueryEvent.objects.filter(query__intent=OuterRef("intent"))
    counted = _since(index, days).filter(IN_WORDS, counted=True)
    found = (
        counted.annotate(was_clicked=Exists(clicks))
        .order_by()
        .values("text")
        .annotate(
            count=Count("pk"),
            nothing=Count("pk", filter=IN_VAIN),
            clicked=Count("pk", filter=Q(was_clicked=True) | Q(redirected=True)),
            spent=Avg("milliseconds"),
        )
        .filter(having or Q())
        .order_by(*order)[:limit]
    )
    rows = list(found)
    before = _since(index, 2 * days, until=days).filter(IN_WORDS, counted=True, text__in=[row["text"] for row in rows])
    counts = dict(before.order_by().values_list("text").annotate(Count("pk")))
    return [
        Line(row["text"], row["count"], counts.get(row["text"], 0), row["nothing"], row["clicked"], row["spent"])
        for row in rows
    ]
