"""A facet by value: its form field, its filter, and the SQL that counts its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.lookups import Overlap
from django.db.models import (
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    F,
    FloatField,
    Func,
    GenericIPAddressField,
    IntegerField,
    JSONField,
    Model,
    Q,
    TextField,
    TimeField,
    UUIDField,
)
from django.db.models.lookups import In
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from ..paths import can_be_held, field_given, followed, readable, typed

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.db.models.expressions import Combinable

Row = tuple[str, str | None, str | None, int]
"""What counting returns for each value: the value, two columns that a kind of facet uses its own way, the count.

0 is counted of what is chosen and not found, but held by another product that the visitor may see.
"""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One choice of a facet: what the URL says, what people read, and how many products have it."""

    value: str
    label: str
    count: int
    chosen: bool = False
    children: tuple[FacetValue, ...] = ()
    """In a hierarchy: what lies below, where the choice leads through here."""


@dataclass(frozen=True, slots=True)
class FacetRange:
    """What a range facet shows: the bounds of the products found, the bounds chosen, and its steps with counts."""

    low: Any
    high: Any
    chosen_low: Any = None
    chosen_high: Any = None
    steps: tuple[FacetValue, ...] = ()


class Found(NamedTuple):
    """What counting found of one facet: what is shown, and how many values there are besides."""

    shown: list[FacetValue] | FacetRange
    hidden: int = 0


def read_as(name: str) -> Any:
    """Return what people read for the name of a facet or a sort: the shop's own translation of it, where it has one."""
    return gettext_lazy(name.replace("_", " ").capitalize())


def as_parameter(value: Any) -> str:
    """Return the text that stands for a field's value in a URL; for a row, its key."""
    if isinstance(value, Model):
        value = value.pk
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_held(chosen: Sequence[Any]) -> list[str]:
    """Return the texts of chosen values that a product can have at all."""
    return list(filter(can_be_held, map(as_parameter, chosen)))


@dataclass(frozen=True)
class Facet:
    """A filter by value. ``field`` is a path on the product ("colour", "brand.name", "tags.name", "attributes.size",
    an array, a foreign key) or an annotation of ``queryset()``.

    ``name`` is the parameter, by default the first part of the path; ``limit`` bounds the values shown.
    """

    field: str
    name: str = ""
    label: str = ""
    limit: int = 50

    def __post_init__(self) -> None:
        name = self.name or self.field.replace("__", ".").split(".")[0]
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "label", self.label or read_as(name))

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
        return {self.name: AnyValues(label=self.label)}

    def chosen(self, cleaned: dict[str, Any]) -> tuple[Any, ...]:
        """Take what was chosen out of cleaned form data; an empty tuple means not at all."""
        return tuple(cleaned.get(self.name) or ())

    def filter(self, products: QuerySet[Any], chosen: Sequence[Any]) -> QuerySet[Any]:
        """Keep the products that have one of the chosen values; each once, whatever its field holds."""
        condition = self.condition(chosen, products)
        if followed(products.model, self.lookup).many:
            return products.filter(pk__in=products.model._base_manager.filter(condition).values("pk"))
        return products.filter(condition)

    def condition(self, chosen: Sequence[Any], products: QuerySet[Any]) -> Q:
        """Return the condition for the chosen values: any of them will do."""
        values = as_held(chosen)
        field = field_given(products, self.lookup)
        held = _element_field(field)
        if text := _as_text(held):
            if held is field:
                return Q(In(_written(F(self.lookup), text), values))
            each = f"ARRAY(SELECT {text % 'one'} FROM unnest(%(expressions)s) one)"
            return Q(Overlap(Func(F(self.lookup), template=each, output_field=ArrayField(TextField())), values))
        wanted = [_BOOLEANS.get(value, value) for value in values] if isinstance(held, BooleanField) else values
        lookup = "overlap" if held is not field else "in"
        return Q(**{f"{self.lookup}__{lookup}": [*readable(held, wanted).values()]})

    def spreads(self, model: type[Model]) -> bool:
        """Can one product have several values?"""
        path = followed(model, self.lookup)
        return path.many or isinstance(typed(path.field), ArrayField)

    def value(self, model: type[Model]) -> Combinable:
        """Return the expression of a product's value; of one that has several, a row for each."""
        field = typed(followed(model, self.lookup).field)
        held = _element_field(field)
        value: Combinable = F(self.lookup)
        if held is not field:
            value = Func(value, function="unnest", output_field=held)
        return _written(value, text) if (text := _as_text(held)) else value

    def tally(
        self, model: type[Model], chosen: Sequence[Any], distinct: bool, within: str = ""
    ) -> tuple[str, tuple[Any, ...]]:
        """Return SQL that makes a ``Row`` of each value in ``pair(value, unit)``, to follow ``WITH RECURSIVE pair``.

        A unit is a product or a family; ``distinct`` tells that it may be there with several values. What ``read``
        would not show for what is chosen, and does not look ``within``, need not be counted.
        """
        return "SELECT value::text, NULL, NULL, count(*) FROM pair WHERE value::text <> '' GROUP BY 1", ()

    def read(
        self, rows: Sequence[Row], chosen: Sequence[Any], model: type[Model], more: bool = False, within: str = ""
    ) -> Found:
        """Arrange what was counted, most frequent first; what was chosen is listed even where it finds none.

        ``more`` lists up to MORE_VALUES; ``within`` keeps what people read it in.
        """
        counts = {value: count for value, _, _, count in rows if count}
        wanted = {as_parameter(value) for value in chosen}
        order = sorted(counts, key=lambda value: (-counts[value], value))
        labels: Mapping[str, str] = {}
        if within:
            labels = self.labels(order, model)
            order = [value for value in order if within.lower() in labels.get(value, value).lower()]
        limit = MORE_VALUES if more else self.limit
        shown, rest = order[:limit], order[limit:]
        if not within:
            shown += [value for value in rest if value in wanted] + sorted(wanted - counts.keys())
        labels = labels or self.labels(self._tellable(shown, rows, model), model)
        values = [FacetValue(one, labels.get(one, one), counts.get(one, 0), one in wanted) for one in shown]
        return Found(values, len(rest) if within else len(rest) - len(wanted.intersection(rest)))

    def names_rows(self, model: type[Model]) -> bool:
        """Are its values keys of other rows, which not everybody may see, rather than all that there is to read?"""
        field = followed(model, self.lookup).field
        return field is not None and field.is_relation

    def _tellable(self, values: Sequence[str], rows: Sequence[Row], model: type[Model]) -> Sequence[str]:
        """Return the values of which people may read more than what they asked for themselves."""
        if not self.names_rows(model):
            return values
        known = {value for value, *_ in rows}
        return [value for value in values if value in known]

    def labels(self, values: Sequence[str], model: type[Model]) -> Mapping[str, str]:
        """Return what people read for values: of choices their names, of a relation its rows as text."""
        field = followed(model, self.lookup).field
        if field is not None and field.is_relation:
            key, rows = field.target_field, field.related_model._base_manager
            known = rows.filter(**{f"{key.name}__in": readable(key, values).values()}) if values else ()
            return {str(getattr(row, key.attname)): str(row) for row in known}
        named = {as_parameter(value): str(label) for value, label in getattr(_element_field(field), "flatchoices", ())}
        return named or {value: gettext(label) for value, label in _LABELS.items()}


def _element_field(field: Any) -> Any:
    """Return the field of one value: of an array, that of what it holds."""
    return field.base_field if isinstance(field, ArrayField) else field


READ_AS_WRITTEN = (
    *(CharField, TextField, BooleanField, IntegerField, FloatField, DecimalField),
    *(DateField, TimeField, DurationField, UUIDField),
)
"""Fields that read what the database writes of their values, so that an index of the column serves."""


def _as_text(field: Any) -> str:
    """Return SQL that writes a value as text, to be compared as such where its field would not read it; else ""."""
    if isinstance(field, JSONField):
        return "(%s #>> '{}')"  # of a text without quotes, and a number is no text
    if isinstance(field, GenericIPAddressField):
        return "host(%s)"
    return "" if field is None or field.is_relation or isinstance(field, READ_AS_WRITTEN) else "%s::text"


def _written(value: Combinable, text: str) -> Func:
    return Func(value, template=text % "%(expressions)s", output_field=TextField())


MORE_VALUES = 1000
"""Values of a facet listed where more are asked for."""

# Words, since "True" reads like a programmer's value on a shop's page.
_LABELS = {"true": gettext_noop("Yes"), "false": gettext_noop("No")}
_BOOLEANS = {"true": True, "false": False}


class AnyValues(forms.MultipleChoiceField):
    """Takes any values: one that no product has simply finds nothing, and an empty one is none."""

    max_values, max_length = 50, 1000

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_python(self, value: Any) -> list[str]:
        return [one for one in super().to_python(value) if one]

    def validate(self, value: list[str]) -> None:
        if len(value) > self.max_values:
            raise forms.ValidationError(gettext("Choose at most %(limit)d values."), params={"limit": self.max_values})
        if any(len(one) > self.max_length or not can_be_held(one) for one in value):
            raise forms.ValidationError(gettext("One of the values is not a value of this filter."))
