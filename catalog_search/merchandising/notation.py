"""Notation: a rule as a plain dict, which is what its versions keep, and what files are read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from ..exceptions import IndexNotFound
from ..models import Rule, RuleAction
from ..moments import kept, local, universal
from ..registry import registry
from ..sql import write_alias

RULE_FIELDS = [field.name for field in Rule._meta.concrete_fields if field.name != "id"]
ACTION_FIELDS = [field.name for field in RuleAction._meta.concrete_fields if field.name not in ("id", "rule")]
MOMENTS = [name for name in RULE_FIELDS if isinstance(Rule._meta.get_field(name), models.DateTimeField)]

Written = Mapping[str, Any]
"""The fields of a rule by name, and under "actions" a list of those of its actions; what is empty may be left out."""


def write(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON takes it, with its actions."""
    actions = [_filled(action, ACTION_FIELDS) for action in rule.actions.all()]
    return {**_filled(rule, RULE_FIELDS), "actions": actions}


def readable(name: str, value: Any) -> Any:
    """Return what is written of a field as people here read it: versions keep moments in UTC, often of another day."""
    if not value or name not in MOMENTS:
        return value
    return local(datetime.fromisoformat(value)).isoformat()


def read(written: Written, rule: Rule | None = None) -> tuple[Rule, list[RuleAction]]:
    """Return a rule, unsaved, and its actions; into an existing rule where one is given.

    Raises ValidationError that names the fields at fault.
    """
    if unknown := sorted(written.keys() - {*RULE_FIELDS, "actions"}):
        raise ValidationError(_("A rule has no %s.") % ", ".join(unknown))
    rule = rule or Rule()
    _fill(rule, written, RULE_FIELDS)
    # Where a rule of the name exists it is replaced: only the caller knows whether that is meant.
    rule.clean_fields()
    rule.clean()
    rule.validate_constraints(exclude={"name"})
    actions = []
    for number, row in enumerate(written.get("actions") or (), start=1):
        action = RuleAction(rule=rule)
        try:
            if unknown := sorted(row.keys() - set(ACTION_FIELDS)):
                raise ValidationError(_("An action has no %s.") % ", ".join(unknown))
            _fill(action, row, ACTION_FIELDS)
            action.full_clean(exclude=["rule"])
        except ValidationError as error:
            raise ValidationError([_("Action %d: %s") % (number, one) for one in complaints(error)]) from error
        actions.append(action)
    return rule, actions


def save(written: Written, key: int | None = None) -> Rule:
    """Save a rule in place of the one of its key, or else of its index and name. Raises ValidationError."""
    alias = write_alias(Rule)
    with transaction.atomic(using=alias):
        named = Rule.objects.using(alias).filter(index=label(str(written.get("index") or "")), name=written.get("name"))
        existing = (named if key is None else Rule.objects.using(alias).filter(pk=key)).first()
        rule, actions = read(written, existing or Rule(pk=key))
        if named.exclude(pk=rule.pk).exists():
            raise ValidationError({"name": _("Another rule has this name.")})
        rule.save(using=alias)
        rule.actions.all().delete()
        for action in actions:
            action.rule = rule
            action.save(using=alias)
    return rule


def complaints(error: ValidationError) -> list[str]:
    """Return what is wrong, each with its field."""
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    told = error.message_dict.items()
    return [text if name == "__all__" else f"{name}: {text}" for name, texts in told for text in texts]


def _filled(row: models.Model, names: Sequence[str]) -> dict[str, Any]:
    """The fields of a row that differ from those of an empty one."""
    values = {name: getattr(row, name) for name in names}
    return {
        name: universal(value).isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if name in ("index", "name", "kind") or value != _default(row, name)
    }


def _default(row: models.Model, name: str) -> Any:
    field: Any = row._meta.get_field(name)
    return field.get_default()


def _fill(row: models.Model, written: Written, names: Sequence[str]) -> None:
    for name in names:
        field: Any = row._meta.get_field(name)
        setattr(row, name, _value(field, written.get(name)))


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, str):
        value = value.replace("\x00", "").strip()
        if isinstance(field, models.BooleanField):
            value = value.capitalize()  # "TRUE", as spreadsheets write
    if value in (None, ""):
        return field.get_default()
    try:
        found = field.to_python(value)
    except ValidationError as error:
        raise ValidationError({field.name: error.messages}) from error
    return kept(found) if isinstance(found, datetime) else found


def label(name: str) -> str:
    """Return the model label of an index by any of its names. Raises ValidationError."""
    try:
        return registry.get(name).label
    except IndexNotFound as error:
        raise ValidationError({"index": str(error)}) from error
