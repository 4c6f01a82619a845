"""Rulings: rules as searches take them, read once and checked, so that a bad row is left out and never breaks one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ..conditions import Chosen, holds, read_conditions
from ..languages import agree
from ..models import Rule, RuleAction
from ..patterns import Pattern, matches, read_patterns, words
from ..registry import registry
from ..searching.visibility import visible

Kind = RuleAction.Kind
NARROWING = (Kind.HIDE, Kind.FILTER)
"""What decides which products may be found at all."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One action; ``key`` is the product's primary key, ``chosen`` the facet values that products must have."""

    kind: str
    key: Any = None
    chosen: Chosen | None = None
    position: int = 1
    strength: float = 1.0
    text: str = ""
    url: str = ""
    picture: str = ""


@dataclass(frozen=True)
class Occasion:
    """What of a search decides which rules act: ``texts`` are its words, and those typed where others are searched."""

    texts: tuple[str, ...]
    chosen: Chosen
    language: str
    browsing: bool

    @cached_property
    def said(self) -> list[tuple[str, ...]]:
        """The words of each text as patterns compare them."""
        return [found for text in self.texts if (found := words(text))]


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule: when it acts, and its deeds."""

    pk: int | None
    name: str
    priority: int
    final: bool
    starts_at: datetime | None
    ends_at: datetime | None
    language: str
    when: str
    patterns: tuple[Pattern, ...]
    chosen: Chosen
    deeds: tuple[Deed, ...]

    def acts(self, occasion: Occasion, now: datetime) -> bool:
        """Does it act on a search at a time?"""
        if (self.starts_at and now < self.starts_at) or (self.ends_at and now >= self.ends_at):
            return False
        if self.language and not agree(self.language, occasion.language):
            return False
        if self.when == Rule.When.BROWSING and not occasion.browsing:
            return False
        named = self.when != Rule.When.SEARCHES or any(
            matches(pattern, said) for said in occasion.said for pattern in self.patterns
        )
        return named and holds(self.chosen, occasion.chosen)

    def undated(self) -> Ruling:
        """Return it as if its time had come."""
        return replace(self, starts_at=None, ends_at=None)


def acting(rulings: Iterable[Ruling], occasion: Occasion, now: datetime) -> Iterator[Ruling]:
    """Yield the rules that act on a search, the highest priority first, up to a final one."""
    for ruling in rulings:
        if ruling.acts(occasion, now):
            yield ruling
            if ruling.final:
                return


def in_order(rulings: Iterable[Ruling]) -> tuple[Ruling, ...]:
    """Return rules in the order in which they act; of equal priority, the older first."""
    return tuple(sorted(rulings, key=lambda one: (-one.priority, one.pk is None, one.pk or 0)))


def ruling_of(rule: Rule, actions: Sequence[RuleAction]) -> tuple[Ruling | None, list[str]]:
    """Return a rule as searches take it, or None where it cannot act, and what is wrong with it."""
    try:
        rule.clean()
    except ValidationError as error:
        return None, error.messages
    deeds, problems = [], []
    for action in actions:
        action.rule = rule
        try:
            action.clean_fields(exclude=["rule"])
            action.clean()
        except ValidationError as error:
            problems += [f"{action.get_kind_display()}: {message}" for message in error.messages]
        else:
            deeds.append(_deed(action))
    ruling = Ruling(
        pk=rule.pk,
        name=rule.name,
        priority=rule.priority,
        final=rule.final,
        starts_at=rule.starts_at,
        ends_at=rule.ends_at,
        language=rule.language,
        when=rule.when,
        patterns=read_patterns(rule.searches),
        chosen=read_conditions(rule.declared, rule.conditions),
        deeds=tuple(deeds),
    )
    return ruling, problems


def _deed(action: RuleAction) -> Deed:
    index = action.rule.declared
    return Deed(
        kind=action.kind,
        key=index.model._meta.pk.to_python(action.product) if action.product else None,
        chosen=read_conditions(index, action.having) or None,
        position=action.position or 1,
        strength=action.strength or 1.0,
        text=action.text,
        url=action.url,
        picture=action.picture,
    )


def problems_of(rules: Sequence[Rule]) -> dict[int, list[str]]:
    """Return what is wrong with rules by their key, ``without_effect`` included; two statements an index."""
    found = {rule.pk: ruling_of(rule, list(rule.actions.all()))[1] for rule in rules}
    for label in {rule.index for rule in rules}:
        own = [(rule, action) for rule in rules if rule.index == label for action in rule.actions.all()]
        told = without_effect(label, [action for _rule, action in own])
        for (rule, _action), text in zip(own, told, strict=True):
            if text:
                found[rule.pk].append(text)
    return found


def without_effect(label: str, actions: Sequence[RuleAction]) -> list[str]:
    """Say of actions, each, that its product is gone or, where it is pinned, that visitors do not see it; else ""."""
    index = registry.find(label)
    if index is None:
        return [""] * len(actions)
    # What cannot be a key is said already.
    wanted = index.keys({action.product for action in actions if action.product})

    def lacking(products: QuerySet[Any]) -> set[str]:
        there = set(products.filter(pk__in=wanted.values()).order_by().values_list("pk", flat=True))
        return {key for key, value in wanted.items() if value not in there}

    gone, unseen = lacking(index.index_queryset()), lacking(visible(index))

    def told(action: RuleAction) -> str:
        named = {"action": action.get_kind_display(), "product": action.product}
        if action.product in gone:
            return _("%(action)s: there is no product %(product)s.") % named
        if action.kind == Kind.PIN and action.product in unseen:
            return _("%(action)s: visitors do not see product %(product)s.") % named
        return ""

    return [told(action) for action in actions]
