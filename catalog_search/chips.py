"""Chips: what is in force on a page of results, as people read it, each with the address of the page without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from .facets import FacetValue, HierarchyFacet
from .facets.ranges import range_text
from .fields import write_keys
from .forms import SearchForm
from .navigation import Address
from .searching import Results


@dataclass(frozen=True, slots=True)
class Chip:
    """Something in force, as people read it, and the address of the same search without it."""

    label: str
    value: str
    url: str


def query_chips(form: SearchForm, address: Address, request: HttpRequest) -> list[Chip]:
    """Return what is asked for beside words and picture: products to resemble or not, weighted terms."""
    products = (chip for name in ("like", "unlike") for chip in _products(form, address, request, name))
    written = [term for term in address.parameters.getlist("terms") if term.strip()]
    terms = (
        Chip(_("More of") if weight > 0 else _("Less of"), words, str(address.without_value("terms", raw)))
        for (words, weight), raw in zip(form.cleaned_data.get("terms") or [], written, strict=False)
    )
    return [*products, *terms]


def _products(form: SearchForm, address: Address, request: HttpRequest, name: str) -> list[Chip]:
    keys = form.cleaned_data.get(name) or []
    if not keys:
        return []
    # A product that this visitor may not see is not named to them either.
    seen = {product.pk: str(product) for product in form.visible(keys, request)}
    rest = {key: write_keys(other for other in keys if other != key) for key in keys}
    without = address.without(name)
    label = str(form.fields[name].label)
    return [
        Chip(label, seen.get(key, ""), str(without.with_(name, rest[key]) if rest[key] else without)) for key in keys
    ]


def filter_chips(results: Results, address: Address) -> list[Chip]:
    """Return each chosen facet value and each chosen range."""
    chips: list[Chip] = []
    for result in results.facets.values():
        name, label, bounds = result.name, result.label, result.range
        if bounds and (bounds.chosen_low, bounds.chosen_high) != (None, None):
            without = address.without(f"{name}_min", f"{name}_max")
            chips.append(Chip(label, range_text(bounds.chosen_low, bounds.chosen_high), str(without)))
        chips += _values(address, name, label, bounds.steps if bounds else result.values or [])
    return chips


def _values(address: Address, name: str, label: str, values: Iterable[FacetValue], above: str = "") -> Iterator[Chip]:
    """Yield the chosen values; on the way to one in a hierarchy, each level leads back to the one above."""
    for value in values:
        if _leads_on(value):
            without = _without_below(address, name, value)
            yield Chip(label, value.label, str(without.added(name, above) if above else without))
            yield from _values(address, name, label, value.children, value.value)


def _without_below(address: Address, name: str, value: FacetValue) -> Address:
    address = address.without_value(name, value.value)
    for child in value.children:
        address = _without_below(address, name, child)
    return address


def _leads_on(value: FacetValue) -> bool:
    return value.chosen or any(map(_leads_on, value.children))


def place_of(form: SearchForm, filters: Sequence[Chip]) -> str:
    """Name the place in the shop that is browsed: the innermost category, or the one thing that is filtered by."""
    trees = {str(facet.label) for facet in form.index.facets if isinstance(facet, HierarchyFacet)}
    places = [chip.value for chip in filters if str(chip.label) in trees]
    if places or len(filters) != 1:
        return places[-1] if places else ""
    return f"{filters[0].label}: {filters[0].value}"  # by itself, "Yes" or "up to 20" names nothing
