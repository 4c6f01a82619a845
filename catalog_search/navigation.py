"""Navigation: the addresses that lead on from a page of results - without a filter, to another page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, QueryDict

from .exceptions import IndexNotFound
from .facets import FacetRange, FacetValue
from .facets.ranges import range_text
from .indexes import SearchIndex, registry
from .searching import Results

# What never belongs into an address: the upload itself, and the token of a form.
UNADDRESSED = ("image", "csrfmiddlewaretoken")


def index_at(name: str) -> SearchIndex:
    """Return the index that an address names, the first one where it names none; Http404 where there is no such."""
    try:
        return registry.chosen(name)
    except IndexNotFound as error:
        raise Http404("There is no such search.") from error


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, as people read it, and the address of the same search without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page in the list of pages; a gap in it has neither number nor address."""

    number: int | None = None
    url: str = ""
    current: bool = False


@dataclass(frozen=True)
class Address:
    """The address of a search: a path and the parameters that say something."""

    path: str
    parameters: QueryDict

    @classmethod
    def of(cls, path: str, data: QueryDict) -> Address:
        """Return the address of submitted form data, without what is empty or cannot be addressed."""
        parameters = QueryDict(mutable=True)
        for name, values in data.lists():
            filled = [value for value in values if value != ""]
            if filled and name not in UNADDRESSED:
                parameters.setlist(name, filled)
        return cls(path, parameters)

    def __str__(self) -> str:
        query = self.parameters.urlencode()
        return f"{self.path}?{query}" if query else self.path

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters with each of their values."""
        return [(name, value) for name, values in self.parameters.lists() for value in values]

    def with_(self, name: str, value: object) -> Address:
        """Return the address with one parameter set."""
        parameters = self.parameters.copy()
        parameters[name] = str(value)
        return Address(self.path, parameters)

    def without(self, *names: str) -> Address:
        """Return the address of page one without some parameters."""
        parameters = self.parameters.copy()
        for name in (*names, "page"):
            parameters.pop(name, None)
        return Address(self.path, parameters)

    def without_value(self, name: str, value: str) -> Address:
        """Return the address of page one without one value of a parameter that may have several."""
        address = self.without()
        kept = [one for one in address.parameters.getlist(name) if one != value]
        address.parameters.setlist(name, kept)
        return address

    def added(self, name: str, value: str) -> Address:
        """Return the address of page one with one more value of a parameter."""
        address = self.without()
        address.parameters.appendlist(name, value)
        return address

    def page(self, number: int) -> Address:
        """Return the address of a page; page one needs no number."""
        return self.with_("page", number) if number > 1 else self.without()

    def previous_page(self, results: Results) -> Address | None:
        """Return the address of the page before, or None."""
        return self.page(min(results.page - 1, results.pages)) if results.page > 1 else None

    def next_page(self, results: Results) -> Address | None:
        """Return the address of the page after, or None."""
        return self.page(results.page + 1) if results.page < results.pages else None

    def pages(self, results: Results) -> Iterator[PageLink]:
        """Yield links to the first pages, the last and those around this one, with gaps between."""
        paginator = Paginator(range(results.total), results.page_size)
        here = min(results.page, results.pages)
        for number in paginator.get_elided_page_range(here, on_each_side=1, on_ends=1):
            if isinstance(number, int):
                yield PageLink(number, str(self.page(number)), number == results.page)
            else:
                yield PageLink()

    def chips(self, results: Results) -> Iterator[Chip]:
        """Yield a chip for each chosen facet value and each chosen range."""
        for result in results.facets.values():
            if isinstance(result.found, FacetRange):
                low, high = result.found.chosen_low, result.found.chosen_high
                if low is not None or high is not None:
                    text = range_text(low, high)
                    yield Chip(result.label, text, str(self.without(f"{result.name}_min", f"{result.name}_max")))
                yield from self._value_chips(result.name, result.label, result.found.steps)
            else:
                yield from self._value_chips(result.name, result.label, result.found)

    def _value_chips(self, name: str, label: str, values: Iterable[FacetValue], above: str = "") -> Iterator[Chip]:
        """Yield the chosen values; on the way to one in a hierarchy, each level leads back to the one above."""
        for value in values:
            if value.chosen or any(map(_leads_on, value.children)):
                without = self._without_below(name, value)
                yield Chip(label, value.label, str(without.added(name, above) if above else without))
                yield from self._value_chips(name, label, value.children, value.value)

    def _without_below(self, name: str, value: FacetValue) -> Address:
        address = self.without_value(name, value.value)
        for child in value.children:
            address = address._without_below(name, child)
        return address


def _leads_on(value: FacetValue) -> bool:
    return value.chosen or any(map(_leads_on, value.children))
