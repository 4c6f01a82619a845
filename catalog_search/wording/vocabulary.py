"""The vocabulary in memory: each process loads the words of a generation once, and anew when they were recounted."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..models import Generation, Vocabulary
from ..searching.memory import Memory
from .lexicon import Lexicon

MEMORY: Memory[datetime | None] = Memory("vocabulary")
"""When words were counted."""
MOST = 8
"""Vocabularies that a process keeps."""
_lock = threading.Lock()


def lexicon(alias: str, generation: Generation, language: str) -> Lexicon | None:
    """Return the words of a generation in one language, or None where none were counted."""
    if generation.pk is None:
        return None
    key = alias, generation.pk, language
    counted_at = MEMORY.get(key, lambda: _stored(*key, "counted_at"))
    if counted_at is None:
        return None
    with _lock:  # who comes while it is loaded waits for it
        return _loaded(*key, counted_at)


@lru_cache(maxsize=MOST)
def _loaded(alias: str, generation_id: int, language: str, counted_at: datetime) -> Lexicon:
    lines = (_stored(alias, generation_id, language, "words") or "").splitlines()
    return Lexicon((word, int(count)) for word, _, count in (line.rpartition(" ") for line in lines))


def _stored(alias: str, generation_id: int, language: str, column: str) -> Any:
    rows = Vocabulary.objects.using(alias).filter(generation=generation_id, language=language)
    return rows.values_list(column, flat=True).first()
