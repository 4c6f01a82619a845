"""Algolia: its exported rules as ours, and what of them has no counterpart, rule by rule.

Format: https://www.algolia.com/doc/rest-api/search/save-rule
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from ..indexes import SearchIndex
from ..models import Rule
from .foreign import (
    TERM,
    Clause,
    Untranslatable,
    alternatives,
    banner,
    compared,
    condition,
    equal,
    narrowing,
    pattern,
    seconds,
    unquoted,
    unwrapped,
)

ANCHORED = {"is": "{}", "startsWith": "{} *", "endsWith": "* {}", "contains": "* {} *"}
OPTIONAL_STRENGTH = 3.0
"""What an optional filter weighs here: its score there knows no counterpart."""
_SCORE = re.compile(r"<score=\d+>$")


def translate(index: SearchIndex, exported: Any) -> Iterator[tuple[str, dict[str, Any] | None, list[str]]]:
    """Yield (name, rule or None, remarks) for each rule of an export. Products are named by their objectID."""
    for number, row in enumerate(unwrapped(exported, "hits"), start=1):
        name = str(row.get("objectID") or number)
        remarks: list[str] = []
        actions = list(_actions(index, row.get("consequence") or {}, remarks))
        triggers = _triggers(index, row.get("conditions") or row.get("condition") or [], remarks)
        if not triggers or not actions:
            what = _("no action") if triggers else _("no condition")
            yield name, None, [*remarks, _("left out: %s of it can be translated") % what]
            continue
        times = [(seconds(one.get("from")), seconds(one.get("until"))) for one in row.get("validity") or [{}]]
        shared = {
            "index": index.label,
            "enabled": row.get("enabled", True),
            "note": str(row.get("description") or ""),
            "actions": actions,
        }
        made = [
            {**shared, **trigger, "starts_at": start, "ends_at": end} for trigger in triggers for start, end in times
        ]
        for place, rule in enumerate(made, start=1):
            own = name if len(made) == 1 else f"{name} ({place})"
            yield own, {**rule, "name": own}, remarks if place == 1 else []


def _triggers(index: SearchIndex, conditions: Any, remarks: list[str]) -> list[dict[str, Any]]:
    """Return when a rule acts: one trigger for the patterns that go with the same filters."""
    if not conditions:
        return [{"when": Rule.When.ALWAYS}]
    found: dict[tuple[str, str], list[str]] = {}
    for one in [conditions] if isinstance(conditions, Mapping) else conditions:
        try:
            when, pattern, chosen = _trigger(index, one, remarks)
        except Untranslatable as error:
            remarks.append(_("a condition is left out: %s") % error)
        else:
            found.setdefault((when, chosen), []).append(pattern)
    return [
        {"when": when, "conditions": chosen, "searches": "\n".join(filter(None, patterns))}
        for (when, chosen), patterns in found.items()
    ]


def _trigger(index: SearchIndex, one: Mapping[str, Any], remarks: list[str]) -> tuple[str, str, str]:
    words, filters = one.get("pattern"), one.get("filters") or ""
    if one.get("context"):
        raise Untranslatable(_('rules know no context ("%s")') % one["context"])
    if one.get("alternatives"):
        remarks.append(_('"%s" is taken as it is written: plurals and synonyms need patterns of their own') % words)
    chosen = condition(filters, _filters(index, filters))
    if words:
        return Rule.When.SEARCHES, pattern(ANCHORED[one.get("anchoring") or "contains"], words), chosen
    return Rule.When.BROWSING if words == "" else Rule.When.ALWAYS, "", chosen


def _actions(index: SearchIndex, consequence: Mapping[str, Any], remarks: list[str]) -> Iterator[dict[str, Any]]:
    for one in consequence.get("promote") or []:
        for place, key in enumerate(one.get("objectIDs") or [one.get("objectID")], start=int(one.get("position") or 0)):
            yield {"kind": "pin", "product": str(key), "position": place + 1}
    for one in consequence.get("hide") or []:
        yield {"kind": "hide", "product": str(one.get("objectID"))}
    data = consequence.get("userData")
    if isinstance(data, Mapping) and isinstance(data.get("redirect"), str):
        yield {"kind": "redirect", "url": data["redirect"]}
    elif found := banner(data):
        remarks.append(_("userData is taken for a banner: look whether it is one"))
        yield found
    elif data:
        remarks.append(_("userData has no counterpart"))
    for name, value in (consequence.get("params") or {}).items():
        try:
            yield from _parameter(index, name, value)
        except Untranslatable as error:
            remarks.append(f"{name}: {error}")


def _parameter(index: SearchIndex, name: str, value: Any) -> Iterator[dict[str, Any]]:
    if name == "query" and isinstance(value, str) and value.strip():
        yield {"kind": "replace", "text": value}
    elif name == "filters":
        yield from narrowing(_filters(index, value))
    elif name in ("facetFilters", "numericFilters"):
        yield from narrowing(_clauses(index, value))
    elif name == "optionalFilters":
        for clause in _clauses(index, value):
            kind = "bury" if clause.negated else "boost"
            yield {"kind": kind, "having": "\n".join(clause.lines), "strength": OPTIONAL_STRENGTH}
    elif name == "renderingContent":
        yield from _rendered(value)
    else:
        raise Untranslatable(_("has no counterpart"))


def _rendered(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    known = False
    if url := (content.get("redirect") or {}).get("url"):
        known = True
        yield {"kind": "redirect", "url": url}
    for one in (content.get("widgets") or {}).get("banners") or []:
        known = True
        image = one.get("image") or {}
        picture = next((url.get("url", "") for url in image.get("urls") or []), "")
        link = (one.get("link") or {}).get("url", "")
        made = {"kind": "banner", "text": image.get("title") or link, "url": link, "picture": picture}
        yield {name: text for name, text in made.items() if text}
    if not known:
        raise Untranslatable(_("only redirects and banners have a counterpart"))


def _filters(index: SearchIndex, text: str) -> list[Clause]:
    """Read a filter such as ``brand:Acme AND (size:M OR size:L) AND NOT colour:red AND price <= 20``."""
    return [_clause(index, part) for part in re.split(r"\s+AND\s+", text.strip()) if part]


def _clause(index: SearchIndex, text: str) -> Clause:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    if "(" in text:
        raise Untranslatable(_('this is nested too deep: "%s"') % text)
    return _alternatives(index, re.split(r"\s+OR\s+", text))


def _alternatives(index: SearchIndex, texts: Sequence[str]) -> Clause:
    terms = [_term(index, text) for text in texts]
    if len(terms) > 1 and any(term.negated for term in terms):
        raise Untranslatable(_('alternatives cannot be negated here: "%s"') % ", ".join(texts))
    return Clause(alternatives(index, (line for term in terms for line in term.lines)), terms[0].negated)


def _term(index: SearchIndex, text: str) -> Clause:
    negated = text.startswith("NOT ")
    match = TERM.match(_SCORE.sub("", text.removeprefix("NOT ")))
    if match is None:
        raise Untranslatable(_('"%s" names no facet and value') % text)
    name, operator, value = match["name"], match["operator"], unquoted(match["value"])
    if operator != ":":
        clause = compared(index, name, operator, value)
    elif value.startswith("-"):
        clause = Clause((equal(index, name, value[1:]),), negated=True)
    else:
        clause = Clause((equal(index, name, value),))
    return Clause(clause.lines, clause.negated != negated)


def _clauses(index: SearchIndex, value: Any) -> list[Clause]:
    """Read a list of terms that must all hold, lists in it being alternatives."""
    listed = [value] if isinstance(value, str) else value
    return [_alternatives(index, [one] if isinstance(one, str) else one) for one in listed]
