"""The rulebook: the rules of each index in the memory of each process, so that a search asks the database nothing."""

from __future__ import annotations

import logging

from ..indexes import SearchIndex
from ..languages import WORD, agree
from ..models import Rule
from ..searching.memory import Memory
from ..sql import write_alias
from .rulings import Ruling, in_order, ruling_of

logger = logging.getLogger(__name__)

MEMORY: Memory[tuple[Ruling, ...]] = Memory("rules")


def rulings(index: SearchIndex) -> tuple[Ruling, ...]:
    """Return the enabled rules of an index, those that act first first."""
    return MEMORY.get(index.label, lambda: _enabled_rulings(index))


def words(index: SearchIndex, language: str) -> frozenset[str]:
    """Return the words of the searches that rules are for, without those that are only a part of one ("lap*")."""
    return frozenset(
        word
        for ruling in rulings(index)
        if not ruling.language or agree(ruling.language, language)
        for pattern in ruling.patterns
        for word in pattern
        if WORD.fullmatch(word)
    )


def changed() -> None:
    """Let every process read the rules anew: this one at once, the others after the commit."""
    MEMORY.changed(write_alias(Rule))


def _enabled_rulings(index: SearchIndex) -> tuple[Ruling, ...]:
    rules = Rule.objects.using(write_alias(Rule)).of(index.label).filter(enabled=True)
    found = []
    for rule in rules:
        ruling, problems = ruling_of(rule, list(rule.actions.all()))
        if problems:
            logger.warning('The rule "%s" is left out, or a part of it: %s', rule, " ".join(problems))
        if ruling:
            found.append(ruling)
    return in_order(found)
