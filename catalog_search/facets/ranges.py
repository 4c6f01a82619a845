"""A facet by bounds: from and to, and the steps between which people choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import DecimalField, Q, Value
from django.utils.formats import get_format, number_format
from django.utils.translation import gettext

from .base import AnyValues, Facet, FacetRange, FacetValue, Found, Row

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

# More than any price has, and few enough for every numeric column.
MAX_DIGITS = 18
LARGEST = 2**63
"""No integer of PostgreSQL is larger."""


class Bound(forms.DecimalField):
    """A number with a decimal point, or with the comma that stands for it in the visitor's language."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and get_format("DECIMAL_SEPARATOR") == "," and "." not in value:
            value = value.replace(",", ".", 1)
        return super().to_python(value)


@dataclass(frozen=True)
class RangeFacet(Facet):
    """A filter by lower and upper bound, both inclusive: parameters ``<name>_min`` and ``<name>_max``.

    ``steps`` offers the ranges between some numbers with their counts, several of them at once: ``steps=[10, 25, 50]``
    gives ``<name>=..10``, ``10..25``, ``25..50`` and ``50..``, each with its lower bound and without its upper one.
    """

    steps: Sequence[Any] = ()

    @property
    def bounds(self) -> tuple[str, str]:
        """The parameters of the lower and the upper bound."""
        return f"{self.name}_min", f"{self.name}_max"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (*self.bounds, self.name) if self.steps else self.bounds

    def form_fields(self) -> dict[str, forms.Field]:
        low, high = self.bounds
        named = {"label": self.label}
        labels = {low: gettext("%(label)s, from") % named, high: gettext("%(label)s, to") % named}
        fields: dict[str, forms.Field] = {
            name: Bound(required=False, max_digits=MAX_DIGITS, label=label) for name, label in labels.items()
        }
        return fields | ({self.name: AnyValues(label=self.label)} if self.steps else {})

    def chosen(self, cleaned: dict[str, Any]) -> tuple[Any, ...]:
        chosen = (*(cleaned.get(name) for name in self.bounds), *(cleaned.get(self.name) or ()))
        return chosen if any(one is not None for one in chosen) else ()

    def condition(self, chosen: Sequence[Any], products: QuerySet[Any]) -> Q:
        low, high, *steps = chosen
        condition = self._between(low, high, "lte")
        if steps:
            known = self._steps()
            ranges = [self._between(*known[name], "lt") for name in steps if name in known]
            condition &= Q(*ranges, _connector=Q.OR) if ranges else Q(pk__in=[])
        return condition

    def _between(self, low: Any, high: Any, upper: str) -> Q:
        ends = {"gte": low, upper: high}
        return Q(**{f"{self.lookup}__{how}": _number(end) for how, end in ends.items() if end is not None})

    def _steps(self) -> dict[str, tuple[Any, Any]]:
        ends = [None, *self.steps, None]
        pairs = pairwise(ends) if self.steps else ()
        return {f"{'' if low is None else low}..{'' if high is None else high}": (low, high) for low, high in pairs}

    def tally(
        self, model: type[Model], chosen: Sequence[Any], distinct: bool, within: str = ""
    ) -> tuple[str, tuple[Any, ...]]:
        # A family has several prices in one step.
        number = "count(DISTINCT unit)" if distinct else "count(*)"
        step = "width_bucket(value::numeric, %s::numeric[])" if self.steps else "0"
        statement = f"""
            SELECT step::text, min(value)::text, max(value)::text, {number if self.steps else 0}
            FROM (SELECT {step} AS step, value, unit FROM pair WHERE value IS NOT NULL) counted GROUP BY step
        """
        return statement, ([Decimal(str(step)) for step in self.steps],) if self.steps else ()

    def read(
        self, rows: Sequence[Row], chosen: Sequence[Any], model: type[Model], more: bool = False, within: str = ""
    ) -> Found:
        counts = {int(bucket): count for bucket, _, _, count in rows}
        ends = ([Decimal(row[column] or "NaN") for row in rows] for column in (1, 2))
        lows, highs = ([one for one in found if one.is_finite()] for found in ends)
        chosen_low, chosen_high, *wanted = chosen or (None, None)
        steps = tuple(
            FacetValue(name, range_text(low, high), counts.get(bucket, 0), name in wanted)
            for bucket, (name, (low, high)) in enumerate(self._steps().items())
            if counts.get(bucket) or name in wanted
        )
        return Found(FacetRange(min(lows, default=None), max(highs, default=None), chosen_low, chosen_high, steps))


def _number(end: Any) -> Value:
    """Return an end as an expression, which is compared as it is.

    Of a value Django makes one of the field's type: 2.5 is 2 to an integer, and -5 no year to a part of a date. A whole
    one stays an integer, so that an index of integers serves.
    """
    number = DecimalField().to_python(str(end))
    return Value(int(number) if abs(number) < LARGEST and number == number.to_integral_value() else number)


def bounds(low: Any = None, high: Any = None) -> tuple[Decimal | None, Decimal | None]:
    """Write the chosen bounds of a RangeFacet in Python: ``facets={"price": bounds(high=50)}``."""
    return (None if low is None else Decimal(str(low)), None if high is None else Decimal(str(high)))


def range_text(low: Any, high: Any) -> str:
    """Return bounds as people read them."""
    low, high = (None if end is None else number_format(end) for end in (low, high))
    if high is None:
        return gettext("from %(low)s") % {"low": low}
    if low is None:
        return gettext("up to %(high)s") % {"high": high}
    return gettext("%(low)s to %(high)s") % {"low": low, "high": high}
