"""Popular queries: what many searches asked and that found something, drawn from the log to be suggested."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from ..conf import settings
from ..models import PopularQuery, QueryLog
from ..sql import write_alias
from .entries import MASK

DAYS = 30
MOST = 10_000
LONGEST = 60


def redraw() -> None:
    """Draw them anew where there are any: what is erased from the log is not to be suggested any more."""
    if PopularQuery.objects.using(write_alias(PopularQuery)).exists():
        draw()


def draw() -> int:
    """Replace the popular queries by those of the last 30 days and return how many there are."""
    alias = write_alias(PopularQuery)
    asked = QueryLog.objects.using(alias).filter(
        counted=True, kind="text", created_at__gt=timezone.now() - timedelta(days=DAYS)
    )
    rows = (
        asked.exclude(text__contains=MASK)
        .order_by()
        .values("index", "language", "text")
        .annotate(count=Count("intent", distinct=True), found=Min("total", filter=Q(filters={})))
        .filter(count__gte=settings.SUGGEST_QUERIES_FROM, found__gt=0)
        .order_by("-count", "text")
    )
    popular = [
        PopularQuery(index=row["index"], language=row["language"], text=row["text"], count=row["count"])
        for row in rows[:MOST]
        if len(row["text"]) <= LONGEST
    ]
    with transaction.atomic(using=alias):
        PopularQuery.objects.using(alias).all().delete()
        PopularQuery.objects.using(alias).bulk_create(popular, batch_size=1000)
    return len(popular)
