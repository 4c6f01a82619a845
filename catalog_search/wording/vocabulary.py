"""The vocabulary in memory: each process loads the words of a generation once, and when they were recounted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from ..models import Generation, Vocabulary
from .lexicon import Lexicon

CHECK_SECONDS = 60.0
MOST = 8
"""Vocabularies that a process keeps."""


@dataclass(slots=True)
class _Kept:
    lexicon: Lexicon
    counted_at: datetime
    checked: float


_kept: dict[tuple[str, int, str], _Kept] = {}
_lock = threading.Lock()


def lexicon(alias: str, generation: Generation, language: str) -> Lexicon | None:
    """Return the words of a generation in one language, or None where none were counted."""
    if generation.pk is None:
        return None
    key = alias, generation.pk, language
    kept = _kept.get(key)
    if kept is None or time.monotonic() - kept.checked > CHECK_SECONDS:
        with _lock:
            kept = _loaded(key, _kept.get(key))
    return kept.lexicon if kept else None


def forget() -> None:
    """Load everything anew when it is next asked for."""
    _kept.clear()


def _loaded(key: tuple[str, int, str], kept: _Kept | None) -> _Kept | None:
    now = time.monotonic()
    if kept is not None and now - kept.checked <= CHECK_SECONDS:  # another thread was quicker
        return kept
    alias, generation, language = key
    found = Vocabulary.objects.using(alias).filter(generation=generation, language=language)
    counted_at = found.values_list("counted_at", flat=True).first()
    if kept is not None and counted_at == kept.counted_at:
        kept.checked = now
        return kept
    row = found.first()
    if row is None:
        return None
    lines = (line.rpartition(" ") for line in row.words.splitlines())
    _kept.pop(key, None)
    while len(_kept) >= MOST:
        _kept.pop(next(iter(_kept)))
    _kept[key] = _Kept(Lexicon((word, int(count)) for word, _, count in lines), row.counted_at, now)
    return _kept[key]
