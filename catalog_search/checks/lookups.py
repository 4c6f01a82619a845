"""Checks of what results are filtered, ordered, boosted and grouped by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import DateField, DecimalField, FloatField, IntegerField, Model

from ..boosts import Boost
from ..facets import Facet, HierarchyFacet, RangeFacet
from ..forms import RESERVED
from ..indexes import SearchIndex
from ..paths import field_given, followed
from ..searching.visibility import visible


def check_index(index: SearchIndex) -> Iterator[CheckMessage]:
    """Check facets, sorts, boosts and variants of an index against its model."""
    name, products = type(index).__name__, visible(index)
    known = ", ".join(field_names(index.model))
    taken = dict.fromkeys(RESERVED, "the search form")
    for facet in index.facets:
        if used := [taken[parameter] for parameter in facet.parameters if parameter in taken]:
            yield Error(
                f'{name}.facets: the name "{facet.name}" is taken by {used[0]}.',
                hint=f'Facet("{facet.field}", name="{facet.name}_value")',
                id="catalog_search.E013",
            )
        taken |= dict.fromkeys(facet.parameters, f'another facet, of "{facet.field}"')
        if problem := _lookup_problem(products, facet.lookup) or _facet_problem(facet, products):
            yield Error(
                f'{name}.facets: "{facet.field}" cannot be filtered by: {problem}',
                hint=f"A facet is a field or an annotation of queryset(): {known}.",
                id="catalog_search.E014",
            )
    orders = {f'sorts["{sort}"]': order for sort, order in index.sorts.items()}
    for attribute, order in (orders | ({"browse_order": index.browse_order} if index.browse_order else {})).items():
        if problem := _order_problem(products, order.lstrip("-").replace(".", "__")):
            yield Error(
                f'{name}.{attribute}: "{order}" cannot be sorted by: {problem}',
                hint=f"A sort is a field or an annotation of queryset(): {known}.",
                id="catalog_search.E015",
            )
    for boost in index.boosts:
        if problem := _boost_problem(products, boost):
            yield Error(
                f"{name}.boosts: {boost.by} cannot boost: {problem}",
                hint=f"A boost is by a condition, a field or an annotation of queryset(): {known}.",
                id="catalog_search.E017",
            )
    if (index.group_by and not index.variants) or (index.variants and not _has_column(index.model, index.variants)):
        yield Error(
            f'{name}.variants: "{index.variants}" is no field that ties variants together.',
            hint=f'variants = "parent"; {index.model._meta.label} has the fields: {known}.',
            id="catalog_search.E018",
        )


def field_names(model: type[Model]) -> list[str]:
    """Return the names of a model's fields."""
    return sorted(field.name for field in model._meta.get_fields())


def _lookup_problem(products: Any, lookup: str) -> str:
    try:
        products.order_by(lookup).values(lookup).query.get_compiler(using=products.db).as_sql()
    except (FieldError, ValueError, TypeError) as error:
        return str(error)
    return ""


def _order_problem(products: Any, lookup: str) -> str:
    several = "a product may have several of it; annotate queryset() with the one that counts, such as Min()."
    return _lookup_problem(products, lookup) or (several if followed(products.model, lookup).many else "")


def _facet_problem(facet: Facet, products: Any) -> str:
    field = followed(products.model, facet.lookup).field
    if isinstance(facet, RangeFacet) and any(low >= high for low, high in pairwise(facet.steps)):
        return "each of its steps must be higher than the one before."
    if isinstance(facet, RangeFacet):
        numbers = isinstance(field_given(products, facet.lookup), DecimalField | FloatField | IntegerField)
        return "" if numbers else 'a range needs numbers; of a date take a part: "created.year".'
    if isinstance(facet, HierarchyFacet) and facet.parent:
        tree = field.related_model if field is not None and field.is_relation else None
        if (
            tree is None
            or not _has_column(tree, facet.parent)
            or tree._meta.get_field(facet.parent).related_model != tree
        ):
            return f'"{facet.parent}" is no foreign key of what it leads to, to itself.'
        if tree._meta.get_field(facet.parent).target_field != field.target_field:
            return f'"{facet.parent}" names rows by another field than "{facet.field}".'
    return ""


def _boost_problem(products: Any, boost: Boost) -> str:
    if isinstance(boost.by, str):
        lookup = boost.by.replace(".", "__")
        if problem := _lookup_problem(products, lookup):
            return problem
        fades = not boost.half_life or isinstance(field_given(products, lookup), DateField)
        return "" if fades else "a half-life needs a date or a time."
    try:
        products.filter(boost.by)
    except (FieldError, ValueError, TypeError) as error:
        return str(error)
    return ""


def _has_column(model: type[Model], name: str) -> bool:
    try:
        return bool(getattr(model._meta.get_field(name), "column", None))
    except FieldDoesNotExist:
        return False
