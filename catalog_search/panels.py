"""Panels: the facets as a page shows them, with the addresses that its links lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.forms import BoundField

from .facets import FacetRange, FacetValue, HierarchyFacet
from .forms import SearchForm
from .navigation import Address
from .searching import FacetResult, Results

SHOWN_VALUES = 8


@dataclass(frozen=True, slots=True)
class Node:
    """A level of a hierarchy as a link: to what lies below, or, where that is shown already, back up."""

    value: FacetValue
    url: str
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One facet: its first values and the rest, a tree, or two bounds and steps between."""

    result: FacetResult
    fields: list[BoundField]
    values: list[FacetValue]
    rest: list[FacetValue]
    nodes: tuple[Node, ...]
    bounds: FacetRange | None
    more: str
    """The address that lists all values, or "" where all are listed."""
    fewer: str
    """The address that lists the first ones again, where all are listed."""
    within: str

    @property
    def name(self) -> str:
        """The parameter of the facet."""
        return self.result.name

    @property
    def label(self) -> str:
        """What people read above it."""
        return self.result.label

    @property
    def chosen(self) -> Sequence[str]:
        """The chosen levels of a hierarchy, for other filters to carry along."""
        return [value.value for value in _flat([node.value for node in self.nodes]) if value.chosen]

    @property
    def rest_is_open(self) -> bool:
        """Is the rest to be seen: something in it is chosen, or all were asked for?"""
        return bool(self.fewer) or any(value.chosen for value in self.rest)

    @property
    def is_worth_showing(self) -> bool:
        """Is there anything to choose?"""
        if self.bounds is None:
            return bool(self.values or self.nodes or self.fewer)
        return self.bounds.low != self.bounds.high or any(field.value() or field.errors for field in self.fields)


def panels(form: SearchForm, results: Results, address: Address) -> list[Panel]:
    """Return the facets worth showing."""
    shown = []
    for result in results.facets.values():
        name, values = result.name, result.values or []
        open_ = form.cleaned_data.get("more") == name
        is_tree = isinstance(result.facet, HierarchyFacet) and not (open_ and form.cleaned_data.get("within"))
        plain = [] if is_tree else values
        first = len(plain) if open_ else SHOWN_VALUES
        shown.append(
            Panel(
                result=result,
                fields=[form[parameter] for parameter in result.facet.parameters],
                values=plain[:first],
                rest=plain[first:],
                nodes=_nodes(address.without(name), name, values) if is_tree else (),
                bounds=result.range,
                more=str(address.without("within").with_("more", name)) if result.hidden and not open_ else "",
                fewer=str(address.without("more", "within")) if open_ else "",
                within=form.cleaned_data.get("within", "") if open_ else "",
            )
        )
    return [panel for panel in shown if panel.is_worth_showing]


def _nodes(address: Address, name: str, values: Sequence[FacetValue], above: str = "") -> tuple[Node, ...]:
    up = str(address.with_(name, above) if above else address)
    return tuple(
        Node(
            value,
            up if value.chosen else str(address.with_(name, value.value)),
            _nodes(address, name, value.children, value.value),
        )
        for value in values
    )


def _flat(values: Sequence[FacetValue]) -> Iterator[FacetValue]:
    for value in values:
        yield value
        yield from _flat(value.children)
