"""Retention: the log forgets by itself, and at once where somebody asks for it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from ..conf import settings
from ..exceptions import CatalogSearchError
from ..languages import noted
from ..models import QueryEvent, QueryLog
from ..sql import write_alias
from .popular import redraw

BATCH = 5000


def forget(days: float | None = None, containing: str = "") -> int:
    """Erase searches and their events older than ``days`` (QUERY_LOG_DAYS), or those whose text holds some words.

    Returns how many searches were erased. In short transactions, so that writing goes on. Raises CatalogSearchError
    where the words are none: all that was ever searched for holds these.
    """
    alias = write_alias(QueryLog)
    limit = timezone.now() - timedelta(days=settings.QUERY_LOG_DAYS if days is None else days)
    rows = QueryLog.objects.using(alias)
    if containing:
        if not (words := noted(containing)):
            raise CatalogSearchError(f"Give words that searches hold, not {containing!r}; nothing was erased.")
        rows = rows.filter(text__contains=words)
        rows = rows if days is None else rows.filter(created_at__lte=limit)
    else:
        rows = rows.filter(created_at__lte=limit)
        # An event of a search that was never written has nothing to go with.
        QueryEvent.objects.using(alias).filter(created_at__lte=limit).delete()
    erased = 0
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        QueryEvent.objects.using(alias).filter(query_id__in=keys).delete()
        erased += QueryLog.objects.using(alias).filter(pk__in=keys).delete()[1].get(QueryLog._meta.label, 0)
    if erased:
        redraw()
    return erased
