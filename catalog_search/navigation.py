"""Navigation: which index an address names, and the addresses that lead on from a page of results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, QueryDict

from .exceptions import IndexNotFound
from .indexes import SearchIndex
from .registry import registry
from .searching import Results

# What never belongs into an address: the upload itself, and the token of a form.
UNADDRESSED = ("image", "csrfmiddlewaretoken")
LONGEST_ADDRESS = 8000
"""Characters of an address that a server must take (RFC 9110, 4.1); a page holds its own again in each of its links."""


def index_at(name: str) -> SearchIndex:
    """Return the index that an address names, the first one where it names none; Http404 where there is no such."""
    try:
        return registry.chosen(name)
    except IndexNotFound as error:
        raise Http404("There is no such search.") from error


def product_url(product: Any) -> str:
    """Return the address of a product's page, or an empty text where it has none."""
    return product.get_absolute_url() if hasattr(product, "get_absolute_url") else ""


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
    def is_followable(self) -> bool:
        """Is it short enough for every server to take?"""
        return len(str(self)) <= LONGEST_ADDRESS

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
