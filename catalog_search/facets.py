"""Facets: how a field of the product becomes a filter with counts beside the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Count, Max, Min, Q

if TYPE_CHECKING:
    from django.db.models import QuerySet

# More than any price has, and few enough for every numeric column.
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One choice of a facet: what the URL says, what people read, and how many products have it."""

    value: str
    label: str
    count: int
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class FacetRange:
    """What a range facet shows: the bounds of the products found and the bounds chosen."""

    low: Any
    high: Any
    chosen_low: Any = None
    chosen_high: Any = None


def as_parameter(value: Any) -> str:
    """Return the text that stands for a field's value in a URL."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Facet:
    """A filter by value. ``field`` is a path on the product ("colour", "brand.name") or an annotation.

    ``name`` is the parameter, by default the first part of the path; ``limit`` bounds the values shown.
    """

    field: str
    name: str = ""
    label: str = ""
    limit: int = 50

    def __post_init__(self) -> None:
        name = self.name or self.field.replace("__", ".").split(".")[0]
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "label", self.label or name.replace("_", " ").capitalize())

    @property
    def lookup(self) -> str:
        """The path as the ORM writes it."""
        return self.field.replace(".", "__")

    @property
    def parameters(self) -> tuple[str, ...]:
        """The form fields that this facet reads."""
        return (self.name,)

    def form_fields(self) -> dict[str, forms.Field]:
        """Return the form fields by parameter name."""
        return {self.name: _AnyValues(label=self.label)}

    def chosen(self, cleaned: dict[str, Any]) -> tuple[Any, ...]:
        """Take what was chosen out of cleaned form data; an empty tuple means not at all."""
        return tuple(cleaned.get(self.name) or ())

    def condition(self, chosen: Sequence[Any]) -> Q:
        """Return the filter for the chosen values: any of them will do."""
        return Q(**{f"{self.lookup}__in": [_BOOLEANS.get(value, value) for value in chosen]})

    def count(self, products: QuerySet[Any], chosen: Sequence[Any]) -> list[FacetValue] | FacetRange:
        """Count the values among products, most frequent first; what was chosen is listed even where it finds none."""
        pairs = products.order_by().values_list(self.lookup).annotate(Count("pk", distinct=True))
        counts = {as_parameter(value): count for value, count in pairs if value is not None and value != ""}
        wanted = {as_parameter(value) for value in chosen}
        order = sorted(counts, key=lambda value: (-counts[value], value))
        shown = order[: self.limit] + [value for value in order[self.limit :] if value in wanted]
        shown += sorted(wanted - counts.keys())
        return [FacetValue(value, _LABELS.get(value, value), counts.get(value, 0), value in wanted) for value in shown]


@dataclass(frozen=True)
class RangeFacet(Facet):
    """A filter by lower and upper bound, both inclusive: parameters ``<name>_min`` and ``<name>_max``."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}_min", f"{self.name}_max")

    def form_fields(self) -> dict[str, forms.Field]:
        low, high = self.parameters
        return {
            low: forms.DecimalField(required=False, max_digits=MAX_DIGITS, label=f"{self.label}, from"),
            high: forms.DecimalField(required=False, max_digits=MAX_DIGITS, label=f"{self.label}, to"),
        }

    def chosen(self, cleaned: dict[str, Any]) -> tuple[Any, ...]:
        bounds = tuple(cleaned.get(name) for name in self.parameters)
        return bounds if any(bound is not None for bound in bounds) else ()

    def condition(self, chosen: Sequence[Any]) -> Q:
        low, high = chosen
        condition = Q()
        if low is not None:
            condition &= Q(**{f"{self.lookup}__gte": low})
        if high is not None:
            condition &= Q(**{f"{self.lookup}__lte": high})
        return condition

    def count(self, products: QuerySet[Any], chosen: Sequence[Any]) -> FacetRange:
        """Return the lowest and highest value among products."""
        found = products.order_by().aggregate(low=Min(self.lookup), high=Max(self.lookup))
        return FacetRange(found["low"], found["high"], *(chosen or (None, None)))


# Words, since "True" reads like a programmer's value on a shop's page.
_LABELS = {"true": "Yes", "false": "No"}
_BOOLEANS = {"true": True, "false": False}


class _AnyValues(forms.MultipleChoiceField):
    """Takes any values: one that no product has simply finds nothing."""

    max_values, max_length = 50, 200

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def validate(self, value: list[str]) -> None:
        if len(value) > self.max_values:
            raise forms.ValidationError(f"Choose at most {self.max_values} values.")
        if any(len(one) > self.max_length or "\x00" in one for one in value):
            raise forms.ValidationError("One of the values is not a value of this filter.")


def bounds(low: Any = None, high: Any = None) -> tuple[Decimal | None, Decimal | None]:
    """Write the chosen bounds of a RangeFacet in Python: ``facets={"price": bounds(high=50)}``."""
    return (None if low is None else Decimal(str(low)), None if high is None else Decimal(str(high)))
