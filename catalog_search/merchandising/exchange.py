"""Exchange: rules from files, all of them or none, and rules as a table that spreadsheets open."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ..exceptions import CatalogSearchError
from ..models import Rule
from ..sql import write_alias
from .history import editing
from .notation import ACTION_FIELDS, RULE_FIELDS, Written, complaints, label, readable, save, write

COLUMNS = [*RULE_FIELDS, *ACTION_FIELDS]
QUOTED = re.compile("[=+@'-]")
"""What a spreadsheet takes a text that begins so for: a formula, which is run. It gets an apostrophe before it."""


class ImportProblem(CatalogSearchError, ValueError):
    """The file cannot be imported."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds: rules with their place in it, and what cannot be translated, place by place."""

    rules: Sequence[tuple[str, Written]]
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The names of rules that an import made, changed and left as they were."""

    made: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        numbers = {"made": len(self.made), "changed": len(self.changed), "same": len(self.unchanged)}
        return _("Rules: %(made)d made, %(changed)d changed, %(same)d as they were") % numbers


def bring_in(found: Found, editor: Any = "", occasion: str = "", dry_run: bool = False) -> Outcome:
    """Save rules, each in place of the one of its index and name; all of them or, where one is not valid, none.

    Raises ImportProblem with a line for everything that is wrong.
    """
    outcome, problems = Outcome(), list[str]()
    places: dict[tuple[str, str], str] = {}
    with transaction.atomic(using=write_alias(Rule)):
        with editing(editor, occasion):
            for place, written in found.rules:
                try:
                    before = _present(written)
                    after = write(save(written))
                    first = places.setdefault((after["index"], after["name"]), place)
                    if first != place:
                        raise ValidationError(_("A rule of this name came before, at %s.") % first)
                except ValidationError as error:
                    problems += [f"{place}: {text}" for text in complaints(error)]
                else:
                    kept = outcome.made if before is None else outcome.unchanged if before == after else outcome.changed
                    kept.append(after["name"])
            if problems:
                raise ImportProblem(problems)
        if dry_run:
            transaction.set_rollback(True, using=write_alias(Rule))
    return outcome


def read_table(text: str) -> Found:
    """Read rules from CSV with the columns of ``write_table``: a line an action, those of one rule after each other.

    A line names its rule by index and name; what else it says of the rule may be left out after the first.
    Raises ImportProblem.
    """
    try:
        return _rules_of(csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise ImportProblem([_("This is no table: %s") % error]) from error


def _rules_of(reader: csv.DictReader[str]) -> Found:
    if unknown := sorted(set(reader.fieldnames or ()) - set(COLUMNS)):
        known = ", ".join(COLUMNS)
        raise ImportProblem([_("line 1: there are no columns %s; there are: %s") % (", ".join(unknown), known)])
    rules: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    problems = []
    for row in reader:
        place = _("line %d") % reader.line_num
        if None in row or None in row.values():
            problems.append(_("%s: it has not as many cells as the first line") % place)
            continue
        cells = {name: _unquoted(value.strip()) for name, value in row.items() if value.strip()}
        if not cells:
            continue
        own = {name: value for name, value in cells.items() if name in RULE_FIELDS}
        action = {name: value for name, value in cells.items() if name in ACTION_FIELDS}
        key = (own.get("index", ""), own.get("name", ""))
        if not all(key):
            problems.append(_("%s: index and name are needed on each line") % place)
            continue
        _first, rule = rules.setdefault(key, (place, {**own, "actions": []}))
        if differing := [name for name, value in own.items() if rule.get(name) != value]:
            problems.append(_("%s: of its rule, %s was told otherwise before") % (place, ", ".join(differing)))
        if action:
            rule["actions"].append(action)
    if problems:
        raise ImportProblem(problems)
    return Found(list(rules.values()))


def write_table(rules: Iterable[Rule]) -> str:
    """Return rules as CSV; ``read_table`` reads the same back."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, restval="")
    writer.writeheader()
    for rule in rules:
        own = write(rule)
        for action in own.pop("actions") or [{}]:
            writer.writerow({name: _quoted(readable(name, value)) for name, value in {**own, **action}.items()})
    return file.getvalue()


def _quoted(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and QUOTED.match(value) else value


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and QUOTED.match(cell, 1) else cell


def _present(written: Written) -> Mapping[str, Any] | None:
    own = Rule.objects.using(write_alias(Rule)).of(label(str(written.get("index") or "")))
    rule = own.filter(name=written.get("name")).first()
    return write(rule) if rule else None


def _delimiter(text: str) -> str:
    """Spreadsheets of half of Europe write semicolons."""
    head = next(iter(text.splitlines()), "")
    return max(",;\t", key=head.count)
