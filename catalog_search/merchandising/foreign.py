"""Foreign exports: what they wrap their rows in, and how they name facet values, in our words or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from ..exceptions import CatalogSearchError
from ..facets import RangeFacet
from ..indexes import SearchIndex

_BOUNDS = {">=": "min", "<=": "max"}


class Untranslatable(CatalogSearchError, ValueError):
    """This cannot be said in a rule here."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Alternatives of one facet, as lines of conditions; ``negated``: what must not be."""

    lines: tuple[str, ...]
    negated: bool = False


def unwrapped(exported: Any, *names: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a list, of an answer of an API that has one under any of the names, or of sets of them."""
    if isinstance(exported, Mapping):
        exported = next((exported[name] for name in names if isinstance(exported.get(name), list)), [exported])
    for row in exported:
        yield from row.get("items", [row])


def parameter(index: SearchIndex, attribute: str, bound: str = "") -> str:
    """Return our parameter for an attribute of another engine. Raises Untranslatable where no facet is of it."""
    for facet in index.facets:
        if attribute in (facet.name, facet.field, facet.lookup) and isinstance(facet, RangeFacet) == bool(bound):
            return f"{facet.name}_{bound}" if bound else facet.name
    raise Untranslatable(_('there is no facet of "%s"') % attribute)


def equal(index: SearchIndex, attribute: str, value: str) -> str:
    """Return the line for an attribute with a value; a number of a range stands for both its bounds."""
    try:
        return f"{parameter(index, attribute)}={value}"
    except Untranslatable:
        low, high = (parameter(index, attribute, bound) for bound in ("min", "max"))
        return f"{low}={value}\n{high}={value}"


def alternatives(index: SearchIndex, lines: Iterable[str]) -> tuple[str, ...]:
    """Return lines of which any may hold. Raises Untranslatable where they are bounds: a range has one pair of them."""
    found = tuple(lines)
    bounds = {name for facet in index.facets if isinstance(facet, RangeFacet) for name in facet.bounds}
    if len(found) > 1 and any(line.partition("=")[0] in bounds for line in found):
        raise Untranslatable(_('alternatives of a range have no counterpart: "%s"') % "; ".join(found))
    return found


def compared(index: SearchIndex, attribute: str, operator: str, value: str) -> Clause:
    """Return the clause for a comparison of numbers. Raises Untranslatable on "<" and ">": our bounds are inclusive."""
    if operator in ("=", "!="):
        return Clause((equal(index, attribute, value),), negated=operator == "!=")
    if operator not in _BOUNDS:
        raise Untranslatable(
            _('bounds here include the number itself, "%s" does not') % f"{attribute} {operator} {value}"
        )
    return Clause((f"{parameter(index, attribute, _BOUNDS[operator])}={value}",))


def together(clauses: Iterable[Clause]) -> tuple[str, list[str]]:
    """Return conditions that must all hold, and those of which none may.

    Raises Untranslatable where two clauses are of one facet: its lines would be alternatives here.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    seen: set[str] = set()
    for clause in clauses:
        if clause.negated:
            unwanted.append("\n".join(clause.lines))
            continue
        names = {line.partition("=")[0] for lines in clause.lines for line in lines.splitlines()}
        if names & seen or len({name.removesuffix("_min").removesuffix("_max") for name in names}) > 1:
            raise Untranslatable(_("values of one facet are alternatives here, and facets must all hold"))
        seen |= names
        wanted += clause.lines
    return "\n".join(wanted), unwanted


def condition(text: str, clauses: Iterable[Clause]) -> str:
    """Return the conditions of a rule that acts where a filter is chosen. Raises Untranslatable."""
    _refuse_placeholders(text)
    chosen, unwanted = together(clauses)
    if unwanted:
        raise Untranslatable(_('a page cannot be told by what is not chosen ("%s")') % text)
    return chosen


def narrowing(clauses: Iterable[Clause]) -> Iterator[dict[str, Any]]:
    """Yield the actions that show only what a filter lets through. Raises Untranslatable."""
    wanted, unwanted = together(clauses)
    if wanted:
        yield {"kind": "filter", "having": wanted}
    for lines in unwanted:
        yield {"kind": "hide", "having": lines}


def pattern(form: str, words: str) -> str:
    """Return our pattern for words of a query, and where in it they stand. Raises Untranslatable."""
    _refuse_placeholders(words)
    return form.format(words.replace("*", ""))


def _refuse_placeholders(text: str) -> None:
    if "{" in text:
        raise Untranslatable(_('patterns know no values of facets ("%s")') % text)


def banner(data: Any) -> dict[str, Any] | None:
    """Return a banner for data that an engine hands through to the page, where it has a text by a usual name."""
    if not isinstance(data, Mapping):
        return None
    inner = data.get("banner")
    flat: Mapping[str, Any] = inner if isinstance(inner, Mapping) else data

    def told(*names: str) -> str:
        return next((str(flat[name]) for name in names if isinstance(flat.get(name), str) and flat[name].strip()), "")

    text = told("text", "title", "message", "banner", "content")
    made = {"kind": "banner", "text": text, "url": told("url", "link", "target"), "picture": told("image", "picture")}
    return {name: value for name, value in made.items() if value} if text else None


def seconds(value: Any) -> str | None:
    """Return a moment given in seconds since 1970 as text; None for none. Raises Untranslatable."""
    if value in (None, "", 0):
        return None
    try:
        return datetime.fromtimestamp(float(value), tz=UTC).isoformat()
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Untranslatable(_("%r is not a moment in seconds since 1970") % (value,)) from error


TERM = re.compile(r"^\s*(?P<name>[\w.]+)\s*(?P<operator><=|>=|!=|:=|:!=|=|<|>|:)\s*(?P<value>.+?)\s*$", re.DOTALL)
"""One term of a filter in either language: an attribute, how it is compared, with what."""


def unquoted(value: str) -> str:
    """Return a value without the quotes or backticks around it."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'`" else value
