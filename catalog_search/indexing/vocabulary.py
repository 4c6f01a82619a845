"""Vocabulary: which words a catalogue uses, and in how many documents; counted when a generation is built, and again
when documents changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from itertools import chain

from django.db.models import Exists, OuterRef
from django.utils import timezone

from ..conf import settings
from ..languages import WORD, legible
from ..models import Document, Generation, Vocabulary

CHUNK = 2000
SHORTEST, LONGEST = 2, 30
MOST = 500_000
"""Words kept; of more, those that stand in one document alone give way first."""


def count_words(generation: Generation) -> None:
    """Count the words of a generation's documents, by language, and replace what was counted before."""
    alias, now = generation.alias, timezone.now()
    counts: dict[str, Counter[str]] = {language: Counter() for language in generation.languages}
    within = lru_cache(MOST)(_words)
    for language, text in _document_texts(generation):
        counter = counts.setdefault(language, Counter())
        counter.update(set(chain.from_iterable(map(within, set(legible(text).casefold().split())))))
        if len(counter) > 2 * MOST:
            counts[language] = Counter(dict(counter.most_common(MOST)))
    for language, counter in counts.items():
        most = counter.most_common(MOST)
        values = {"words": "\n".join(f"{word} {count}" for word, count in most), "size": len(most), "counted_at": now}
        Vocabulary.objects.using(alias).update_or_create(
            generation=generation, language=language, defaults=values | {"checked_at": now}
        )


def _document_texts(generation: Generation) -> Iterator[tuple[str, str]]:
    """Yield language and text of each document, without a cursor: behind a pooler that would fetch all at once."""
    documents = generation.own(Document).order_by("pk")
    rows, last = documents.values_list("pk", "language", "text"), 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield from ((language, text) for _, language, text in chunk)
        last = chunk[-1][0]


def _words(piece: str) -> list[str]:
    return [word for word in WORD.findall(piece) if SHORTEST <= len(word) <= LONGEST]


def due() -> list[int]:
    """Return the ready generations whose words should be looked at again, each once in VOCABULARY_SECONDS."""
    now = timezone.now()
    ready = Generation.objects.served()
    counted = Vocabulary.objects.filter(generation=OuterRef("pk"))
    never = ready.exclude(Exists(counted)).values_list("pk", flat=True)
    old = Vocabulary.objects.filter(
        generation__in=ready, checked_at__lt=now - timedelta(seconds=settings.VOCABULARY_SECONDS)
    )
    found = list(old.values_list("generation", flat=True).distinct())
    if found:
        Vocabulary.objects.filter(generation__in=found).update(checked_at=now)
    return sorted({*never, *found})


def refresh(generation: Generation) -> None:
    """Count again where documents were written since."""
    counted = generation.own(Vocabulary).order_by("counted_at").values_list("counted_at", flat=True).first()
    if counted is None or generation.own(Document).filter(embedded_at__gt=counted).exists():
        count_words(generation)
