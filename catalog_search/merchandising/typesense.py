"""Typesense: its overrides, since version 30 called curations, as rules, and what of them has no counterpart.

Format: https://typesense.org/docs/latest/api/curation.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    parameter,
    pattern,
    seconds,
    unquoted,
    unwrapped,
)

PATTERNS = {"exact": "{}", "contains": "* {} *"}
WITHOUT_COUNTERPART = ("sort_by", "diversity")
_LISTED = re.compile(r"\s*`[^`]*`|[^,`]+")


def translate(index: SearchIndex, exported: Any) -> Iterator[tuple[str, dict[str, Any] | None, list[str]]]:
    """Yield (name, rule or None, remarks) for each override of an export. Products are named by their id.

    There the first that matches ends it unless told otherwise, in the order of their ids; here by priority.
    """
    rows = sorted(unwrapped(exported, "overrides", "items", "curation_sets"), key=lambda row: str(row.get("id")))
    for place, row in enumerate(rows):
        name, remarks = str(row.get("id") or place + 1), list[str]()
        try:
            trigger = _trigger(index, row.get("rule") or {}, remarks)
        except Untranslatable as error:
            yield name, None, [_("left out: %s") % error]
            continue
        actions = list(_actions(index, row, remarks))
        if not actions:
            yield name, None, [*remarks, _("left out: nothing that it does can be translated")]
            continue
        rule = {
            "index": index.label,
            "name": name,
            "priority": len(rows) - place,
            "final": row.get("stop_processing", True),
            "starts_at": seconds(row.get("effective_from_ts")),
            "ends_at": seconds(row.get("effective_to_ts")),
            "actions": actions,
            **trigger,
        }
        yield name, rule, remarks


def _trigger(index: SearchIndex, rule: Mapping[str, Any], remarks: list[str]) -> dict[str, Any]:
    query, filters = str(rule.get("query") or ""), str(rule.get("filter_by") or "")
    if rule.get("tags"):
        raise Untranslatable(_("rules know no tags (%s)") % ", ".join(map(str, rule["tags"])))
    chosen = condition(filters, _filters(index, filters))
    for name in ("synonyms", "stem"):
        if rule.get(name):
            remarks.append(
                _('"%(query)s" is taken as it is written, without %(name)s') % {"query": query, "name": name}
            )
    if not query or query == "*":
        return {"when": Rule.When.BROWSING if query else Rule.When.ALWAYS, "conditions": chosen}
    searches = pattern(PATTERNS[str(rule.get("match") or "exact")], query)
    return {"when": Rule.When.SEARCHES, "searches": searches, "conditions": chosen}


def _actions(index: SearchIndex, row: Mapping[str, Any], remarks: list[str]) -> Iterator[dict[str, Any]]:
    for one in row.get("includes") or []:
        yield {"kind": "pin", "product": str(one.get("id")), "position": int(one.get("position") or 1)}
    for one in row.get("excludes") or []:
        yield {"kind": "hide", "product": str(one.get("id"))}
    if filters := row.get("filter_by"):
        try:
            narrowed = list(narrowing(_filters(index, filters)))
        except Untranslatable as error:
            remarks.append(f"filter_by: {error}")
        else:
            if row.get("remove_matched_tokens", True):
                remarks.append(_("the words of the search stay: rules take none away"))
            yield from narrowed
    if words := row.get("replace_query"):
        yield {"kind": "replace", "text": words}
    if found := banner(row.get("metadata")):
        remarks.append(_("metadata is taken for a banner: look whether it is one"))
        yield found
    elif row.get("metadata"):
        remarks.append(_("metadata: has no counterpart"))
    remarks += [_("%s: has no counterpart") % name for name in WITHOUT_COUNTERPART if row.get(name)]


def _filters(index: SearchIndex, text: str) -> list[Clause]:
    """Read a filter such as ``brand:=Acme && size:[M, L] && price:<=20``."""
    if "||" in text or "(" in text:
        raise Untranslatable(_('alternatives of several fields have no counterpart: "%s"') % text)
    return [_term(index, part) for part in re.split(r"\s*&&\s*", text.strip()) if part]


def _term(index: SearchIndex, text: str) -> Clause:
    match = TERM.match(text)
    if match is None:
        raise Untranslatable(_('"%s" names no field and value') % text)
    name, operator, value = match["name"], match["operator"].lstrip(":"), match["value"]
    if found := re.match(r"^(<=|>=|<|>|!=|=)\s*(.+)$", value):
        operator, value = found[1], found[2]
    if operator in ("<=", ">=", "<", ">"):
        return compared(index, name, operator, value)
    if bounds := re.match(r"^\[\s*(-?[\d.]+?)\s*\.\.\s*(-?[\d.]+)\s*\]$", value):
        low, high = (parameter(index, name, bound) for bound in ("min", "max"))
        return Clause((f"{low}={bounds[1]}", f"{high}={bounds[2]}"))
    several = value.startswith("[") and value.endswith("]")
    values = _LISTED.findall(value[1:-1]) if several else [value]
    lines = (equal(index, name, unquoted(one)) for one in values if one.strip())
    return Clause(alternatives(index, lines), negated=operator == "!=")
