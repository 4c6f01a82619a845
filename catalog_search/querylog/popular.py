"""Popular queries: what many searches asked and that found something, drawn from the log to be suggested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from ..conf import settings
from ..languages import folded
from ..merchandising import narrowed, rulebook
from ..models import Generation, PopularQuery, QueryLog
from ..registry import registry
from ..searching.scope import Scope
from ..searching.visibility import visible
from ..sql import write_alias
from ..wording import synonyms
from ..wording.guessing import told_by_visible
from .entries import MASK

DAYS = 30
MOST = 10_000
LONGEST = 60


def redraw() -> None:
    """Draw them anew where there are any: what is erased from the log is not to be suggested any more."""
    if PopularQuery.objects.using(write_alias(PopularQuery)).exists():
        draw()


def draw() -> int:
    """Replace the popular queries by those of the last 30 days and return how many there are.

    Each of their words is one that the shop says itself, of products that everybody may see: others would tell what is
    hidden from most, and let whoever asks often enough put words into the shop's mouth.
    """
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
    many = [row for row in rows[:MOST] if len(row["text"]) <= LONGEST]
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for row in many:
        texts[row["index"]].add(row["text"])
    said = {(label, text) for label, own in texts.items() for text in _said_by_shop(label, own)}
    popular = [
        PopularQuery(index=row["index"], language=row["language"], text=row["text"], count=row["count"])
        for row in many
        if (row["index"], row["text"]) in said
    ]
    with transaction.atomic(using=alias):
        PopularQuery.objects.using(alias).all().delete()
        PopularQuery.objects.using(alias).bulk_create(popular, batch_size=1000)
    return len(popular)


def _said_by_shop(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield those of these texts that only have words of an index: its products', its synonyms' and its rules'."""
    index = registry.find(label)
    generation = Generation.objects.serving(index) if index else None
    if index is None or generation is None:
        return
    words = {text: folded(text).split() for text in texts}
    unsaid = {word for own in words.values() for word in own}
    for language in generation.languages:
        scope = narrowed(Scope(index, generation, language, visible(index)), "")
        taught = synonyms.in_force(scope).words | rulebook.words(index, language)
        unsaid -= set(map(folded, taught))
        unsaid -= set() if scope.is_empty else told_by_visible(scope, unsaid)
    yield from (text for text, own in words.items() if unsaid.isdisjoint(own))
