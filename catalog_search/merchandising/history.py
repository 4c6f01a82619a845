"""History: every change of a rule is kept with what it was before, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext as _

from ..contexts import holding
from ..models import Rule, RuleAction, RuleVersion
from ..sql import write_alias
from . import rulebook
from .notation import readable, save, write


@dataclass(slots=True)
class _Editing:
    editor: str
    occasion: str
    touched: dict[int, None] = field(default_factory=dict)


_editing: ContextVar[_Editing | None] = ContextVar("catalog_search_editing", default=None)


@contextmanager
def editing(editor: Any = "", occasion: str = "") -> Iterator[None]:
    """Take what happens inside for one change of each rule, made by somebody, all of it or nothing.

    ``editor`` is a user or a name, ``occasion`` says why: "import of rules.csv". Without it, each row that is saved
    is a change of its own. ``QuerySet.update()`` and raw SQL are seen only with the next change.
    """
    if _editing.get() is not None:
        yield
        return
    current = _Editing(str(editor)[:200], occasion[:200])
    with holding(_editing, current), transaction.atomic(using=write_alias(Rule)):
        yield
        for key in current.touched:
            _keep(key, current)


def restore(version: RuleVersion, to: str = "before", editor: Any = "") -> Rule | None:
    """Bring a rule back to what it was before a change, or "after" it; None where it did not exist then.

    That is a change again, which can be taken back. Raises ValidationError where what it was is not valid any more.
    """
    if to not in ("before", "after"):
        raise ValueError('A rule is brought back to "before" or "after" a change.')
    written = version.before if to == "before" else version.after
    with editing(editor, _("Back to %(to)s change %(key)d") % {"to": to, "key": version.pk}):
        if written is None:
            for rule in Rule.objects.using(write_alias(Rule)).filter(pk=version.rule_key):
                rule.delete()
            return None
        try:
            return save(written, version.rule_key)
        except ValidationError as error:
            raise ValidationError([_("%s cannot be brought back.") % version.name, *error.messages]) from error


def connect() -> None:
    """Listen to every save and delete of a rule or an action."""
    for model in (Rule, RuleAction):
        for signal in (post_save, post_delete):
            signal.connect(_touched, sender=model, dispatch_uid=f"catalog_search:history:{model.__name__}")


def _touched(sender: type[Model], instance: Any, raw: bool = False, origin: Any = None, **_: Any) -> None:
    rulebook.changed()
    if isinstance(instance, RuleAction) and getattr(origin, "model", type(origin)) is Rule:
        return  # it goes with its rule
    key = instance.pk if isinstance(instance, Rule) else instance.rule_id
    if raw or key is None:  # a fixture brings its own
        return
    current = _editing.get()
    if current is None:
        _keep(key, _Editing("", ""))
    else:
        current.touched[key] = None


def _keep(key: int, current: _Editing) -> None:
    alias = write_alias(Rule)
    rule = Rule.objects.using(alias).filter(pk=key).first()
    last = RuleVersion.objects.using(alias).filter(rule_key=key).first()
    before, after = last.after if last else None, write(rule) if rule else None
    if before == after:
        return
    told = after or before or {}
    RuleVersion.objects.using(alias).create(
        rule_key=key,
        name=told["name"],
        index=told["index"],
        before=before,
        after=after,
        editor=current.editor,
        occasion=current.occasion,
    )


def changed_fields(version: RuleVersion) -> list[tuple[str, str, str]]:
    """Return the fields that a change changed: (field, before, after), each action by itself."""
    before, after = version.before or {}, version.after or {}
    told = [
        (name, *(_shown(readable(name, side.get(name))) for side in (before, after)))
        for name in {**before, **after}
        if name != "actions" and before.get(name) != after.get(name)
    ]
    lost, gained = (
        [one for one in own.get("actions", []) if one not in other.get("actions", [])]
        for own, other in ((before, after), (after, before))
    )
    told += [("action", _shown(one), "") for one in lost]
    return [*told, *(("action", "", _shown(one)) for one in gained)]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return "" if value is None else "; ".join(str(value).splitlines())
