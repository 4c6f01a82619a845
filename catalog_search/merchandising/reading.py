"""Reading: a file of rules, ours or another engine's, as what can be brought in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..exceptions import IndexNotFound
from ..indexes import SearchIndex
from ..languages import storable
from ..registry import registry
from . import algolia, typesense
from .exchange import Found, ImportProblem, read_table
from .foreign import Untranslatable
from .notation import Written, complaints, read

Translated = Iterator[tuple[str, dict[str, Any] | None, list[str]]]
FORMATS: Mapping[str, Callable[[SearchIndex, Any], Translated] | None] = {
    "csv": None,
    "algolia": algolia.translate,
    "typesense": typesense.translate,
}


def read_rules(index: SearchIndex, text: str, kind: str = "", key: str = "pk") -> Found:
    """Return the rules of a file, for an index where the file does not say for which.

    ``kind`` is one of FORMATS, by default told by the text; ``key`` is the product's field that the file names.
    Raises ImportProblem with what is wrong with a table, line by line; another engine's rules are translated as far
    as they can be, and the remarks say what is left out.
    """
    text = storable(text)
    kind = kind or _kind_of(text)
    translate = FORMATS[kind]
    found = read_table(text) if translate is None else _translated(index, translate, text)
    return _with_keys(found, key, strict=translate is None)


def _kind_of(text: str) -> str:
    start = text.lstrip("\ufeff \r\n\t")[:1]
    if start not in ("[", "{"):
        return "csv"
    return "algolia" if '"consequence"' in text else "typesense"


def _translated(index: SearchIndex, translate: Callable[[SearchIndex, Any], Translated], text: str) -> Found:
    try:
        exported = json.loads(text.lstrip("\ufeff"))
        rows = list(translate(index, exported))
    except (ValueError, RecursionError, Untranslatable) as error:
        raise ImportProblem([_("This is no export of rules: %s") % error]) from error
    except (TypeError, AttributeError, KeyError) as error:
        raise ImportProblem([_("This export has another form than is known: %r") % error]) from error
    rules = [(name, rule) for name, rule, _remarks in rows if rule is not None]
    return Found(rules, [f"{name}: {remark}" for name, _rule, remarks in rows for remark in remarks])


def _with_keys(found: Found, key: str, strict: bool) -> Found:
    """Put primary keys in the place of what the file names products by."""
    named: dict[str, set[str]] = {}
    for _place, rule in found.rules:
        products = (action.get("product") for action in rule["actions"])
        named.setdefault(str(rule["index"]), set()).update(filter(None, products))
    keys = {name: _keys(name, key, products) for name, products in named.items() if products}
    rules: list[tuple[str, Written]] = []
    remarks, problems = list(found.remarks), []
    for place, rule in found.rules:
        own, actions = keys.get(str(rule["index"]), {}), []
        for action in rule["actions"]:
            product = action.get("product")
            if product and product not in own:
                problems.append(_("%(place)s: there is no product %(product)s") % {"place": place, "product": product})
            else:
                actions.append({**action, "product": own[product]} if product else action)
        written = {**rule, "actions": actions}
        try:
            if not strict and not actions:
                raise ValidationError(_("left out, since nothing that it does is left"))
            if not strict:
                read(written)
        except ValidationError as error:
            remarks += [f"{place}: {text}" for text in complaints(error)]
        else:
            rules.append((place, written))
    if strict and problems:
        raise ImportProblem(problems)
    return Found(rules, [*remarks, *problems])


def _keys(name: str, key: str, products: set[str]) -> Mapping[str, str]:
    try:
        index = registry.get(name)
        return index.keys_by(key, products, index.index_queryset())
    except IndexNotFound as error:
        raise ImportProblem([str(error)]) from error
