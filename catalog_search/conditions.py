"""Conditions: facet values written as the address of a page writes them, one a line: "brand=Acme", "price_max=20"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from .indexes import SearchIndex

Chosen = Mapping[str, Sequence[Any]]
"""Chosen facet values by facet name; never empty ones."""


def read_conditions(index: SearchIndex, text: str) -> dict[str, tuple[Any, ...]]:
    """Return the facet values that a text names, by facet, as ``search(facets=...)`` takes them.

    Lines of one facet are alternatives, several facets must all hold. Raises ValidationError with the reason.
    """
    if not text.strip():
        return {}  # as most rules have none, of which a process reads thousands
    known = {name: facet for facet in index.facets for name in facet.parameters}
    written: MultiValueDict[str, str] = MultiValueDict()
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _equals, value = (part.strip() for part in line.partition("="))
        if not value:
            raise ValidationError(_('Write "%(line)s" as name=value, for instance brand=Acme.'), params={"line": line})
        if name not in known:
            raise ValidationError(
                _('There is no filter "%(name)s"; there are: %(known)s.'),
                params={"name": name, "known": ", ".join(known) or "-"},
            )
        written.appendlist(name, value)
    facets = [facet for facet in index.facets if not written.keys().isdisjoint(facet.parameters)]
    form = forms.Form(written)
    for facet in facets:
        form.fields.update(facet.form_fields())
    if not form.is_valid():
        raise ValidationError([f"{name}: {error}" for name, errors in form.errors.items() for error in errors])
    return {facet.name: chosen for facet in facets if (chosen := facet.chosen(form.cleaned_data))}


def holds(wanted: Chosen, chosen: Chosen) -> bool:
    """Are all the wanted values among those that a visitor chose?"""
    return all(name in chosen and _among(values, chosen[name]) for name, values in wanted.items())


def _among(wanted: Sequence[Any], chosen: Sequence[Any]) -> bool:
    if not isinstance(wanted[0], str):  # bounds, each of which may be open, and steps between
        bounds = zip(wanted[:2], chosen[:2], strict=True)
        return all(one in (None, other) for one, other in bounds) and set(wanted[2:]) <= set(chosen[2:])
    return {str(value).lower() for value in wanted} <= {str(value).lower() for value in chosen}
