"""The rulebook: the rules of each index in the memory of each process, so that a search asks the database nothing."""

from __future__ import annotations

import logging

from ..indexes import SearchIndex
from ..models import Rule
from ..searching.memory import Memory
from ..sql import write_alias
from .rulings import Ruling, in_order, ruling_of

logger = logging.getLogger(__name__)

MEMORY: Memory[tuple[Ruling, ...]] = Memory("rules")


def rulings(index: SearchIndex) -> tuple[Ruling, ...]:
    """Return the enabled rules of an index, those that act first first."""
    return MEMORY.get(index.label, lambda: _read(index))


def changed() -> None:
    """Let every process read the rules anew: this one at once, the others after the commit."""
    MEMORY.changed(write_alias(Rule))


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
