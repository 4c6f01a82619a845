"""The rulebook: the rules of each index in the memory of each process, so that a search asks the database nothing."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass

from django.db import transaction

from ..indexes import SearchIndex
from ..models import Rule
from ..searching import cache
from ..sql import write_alias
from .rulings import Ruling, in_order, ruling_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often a process looks whether the rules changed: one read of the shared cache."""
RELOAD_SECONDS = 60.0
"""After this the rules are read anew whatever the cache says: it may be down, or each process's own."""
_STAMP, _STAMP_SECONDS = "rules", 30 * 24 * 3600


@dataclass(slots=True)
class _Kept:
    rulings: tuple[Ruling, ...]
    stamp: str | None
    read_at: float
    looked_at: float


_kept: dict[str, _Kept] = {}


def rulings(index: SearchIndex) -> tuple[Ruling, ...]:
    """Return the enabled rules of an index, those that act first first."""
    now, kept = time.monotonic(), _kept.get(index.label)
    if kept and now - kept.looked_at < LOOK_SECONDS:
        return kept.rulings
    stamp = cache.get(_STAMP)
    if kept and stamp == kept.stamp and now - kept.read_at < RELOAD_SECONDS:
        kept.looked_at = now
        return kept.rulings
    # Read after the stamp: rules that change in between are read once more, never missed.
    found = _kept[index.label] = _Kept(_read(index), stamp, now, now)
    return found.rulings


def changed() -> None:
    """Let this process read the rules anew at once, and the others within LOOK_SECONDS of the commit."""
    forget()
    transaction.on_commit(_spread, using=write_alias(Rule))


def forget() -> None:
    """Forget what this process knows of the rules."""
    _kept.clear()


def _spread() -> None:
    forget()
    cache.put(_STAMP, uuid.uuid4().hex, _STAMP_SECONDS)


def _read(index: SearchIndex) -> tuple[Ruling, ...]:
    rules = Rule.objects.using(write_alias(Rule)).of(index.label).filter(enabled=True)
    found = []
    for rule in rules:
        ruling, problems = ruling_of(rule, list(rule.actions.all()))
        if problems:
            logger.warning('The rule "%s" is left out, or a part of it: %s', rule, " ".join(problems))
        if ruling:
            found.append(ruling)
    return in_order(found)
