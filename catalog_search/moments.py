"""Moments: points in time as Django keeps them, aware of their time zone or, without USE_TZ, in local time."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone


def kept(moment: datetime) -> datetime:
    """Return a moment as fields and ``timezone.now()`` have it; one without a time zone is in local time."""
    if timezone.is_aware(moment) == settings.USE_TZ:
        return moment
    return timezone.make_aware(moment) if settings.USE_TZ else timezone.make_naive(moment)


def universal(moment: datetime) -> datetime:
    """Return a moment in UTC, so that the same one is always written alike; one in local time stays."""
    return moment.astimezone(UTC) if timezone.is_aware(moment) else moment


def local(moment: datetime) -> datetime:
    """Return a moment as people read it here."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
