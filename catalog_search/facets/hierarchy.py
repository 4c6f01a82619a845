"""A facet by place in a tree: categories that hold categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from ..paths import followed
from .base import Facet, FacetValue, Found, Row, as_held, as_parameter

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet


@dataclass(frozen=True)
class HierarchyFacet(Facet):
    """A filter by category, where choosing one finds all that lies below it and shows the next level.

    ``field`` is a text that names the whole path, "category.path" with "Home > Kitchen > Mugs". Or it is a relation,
    "category", to rows that have a foreign key to themselves, which ``parent`` names.
    """

    separator: str = " > "
    parent: str = ""

    def condition(self, chosen: Sequence[Any], products: QuerySet[Any]) -> Q:
        values = as_held(chosen)
        if self.parent:
            table, key, above = self._columns(products.model)
            below = f"""
                WITH RECURSIVE below(key) AS (
                    SELECT {key} FROM {table} WHERE {key}::text = ANY(%s)
                    UNION SELECT {table}.{key} FROM {table} JOIN below ON {table}.{above} = below.key
                ) SELECT key FROM below
            """
            return Q(**{f"{self.lookup}__in": RawSQL(below, [values])})  # noqa: S611 - names of columns
        below_any = [Q(**{f"{self.lookup}__startswith": value + self.separator}) for value in values]
        return Q(Q(**{f"{self.lookup}__in": values}), *below_any, _connector=Q.OR)

    def tally(
        self, model: type[Model], chosen: Sequence[Any], distinct: bool, within: str = ""
    ) -> tuple[str, tuple[Any, ...]]:
        if self.parent:
            table, key, above = self._columns(model)
            # Not endless, even where a row is its own ancestor by mistake: each pair occurs once.
            up = f"""
                SELECT {key}, {key}, {above} FROM {table}
                UNION SELECT up.leaf, {table}.{key}, {table}.{above} FROM up JOIN {table} ON {table}.{key} = up.above
            """
            return _rolled_up(up, distinct), ()
        up = """
            SELECT value, array_to_string(parts[:depth], %s), array_to_string(parts[:depth - 1], %s)
            FROM (SELECT DISTINCT value, string_to_array(value, %s) AS parts FROM leaf) leaf,
                 unnest(parts) WITH ORDINALITY part(name, depth)
            WHERE depth <= COALESCE(%s::int, depth)
        """
        deepest = max((as_parameter(value).count(self.separator) + 2 for value in chosen), default=1)
        return _rolled_up(up, distinct), (*(self.separator,) * 3, None if within else deepest)

    def read(
        self, rows: Sequence[Row], chosen: Sequence[Any], model: type[Model], more: bool = False, within: str = ""
    ) -> Found:
        """Return the uppermost values, and below those that the choice leads through, the next ones.

        ``within`` looks at all levels and lists what it finds side by side.
        """
        if within:
            return super().read(rows, chosen, model, more, within)
        wanted = {as_parameter(value) for value in chosen}
        counts = {node: count for node, _, _, count in rows if count}
        above = {node: parent or "" for node, parent, _, _ in rows}
        below: dict[str, list[str]] = defaultdict(list)
        for node in sorted(counts, key=lambda node: (-counts[node], node)):
            below[above[node]].append(node)
        open_nodes = {node for value in wanted for node in self._way(value, above)}
        listed = [node for parent in ("", *open_nodes) for node in below[parent]]
        labels = self.labels([*listed, *self._tellable(sorted(wanted), rows, model)], model)

        def values(parent: str) -> tuple[FacetValue, ...]:
            return tuple(
                FacetValue(node, labels[node], counts[node], node in wanted, values(node) if node in open_nodes else ())
                for node in below[parent]
            )

        lost = [FacetValue(value, labels.get(value, value), 0, True) for value in sorted(wanted - counts.keys())]
        return Found([*values(""), *lost])

    def labels(self, values: Sequence[str], model: type[Model]) -> dict[str, str]:
        if self.parent:
            return {value: value for value in values} | dict(super().labels(values, model))
        return {value: value.rpartition(self.separator)[2] for value in values}

    def _way(self, value: str, above: dict[str, str]) -> list[str]:
        """Return a value and its ancestors."""
        way: list[str] = []
        while value and value not in way:
            way.append(value)
            value = above.get(value, "")
        return way

    def _columns(self, model: type[Model]) -> tuple[str, str, str]:
        """Return the table of the tree and its columns of key and parent, quoted."""
        field = followed(model, self.lookup).field
        tree = field.related_model._meta
        columns = tree.db_table, field.target_field.column, tree.get_field(self.parent).column
        table, key, above = map(connection.ops.quote_name, columns)
        return table, key, above


def _rolled_up(up: str, distinct: bool) -> str:
    """Return SQL that counts what lies below each node; ``up`` selects the (leaf, node, node above) of every leaf."""
    if distinct:
        leaf = "leaf(value, unit) AS MATERIALIZED (SELECT value, unit FROM pair)"
        counted = "SELECT DISTINCT node, above, unit, 1 AS number"
    else:
        leaf = "leaf(value, number) AS MATERIALIZED (SELECT value, count(*) FROM pair GROUP BY value)"
        counted = "SELECT node, above, number"
    return f"""
        , {leaf}, up(leaf, node, above) AS ({up})
        SELECT node::text, above::text, NULL, sum(number)::bigint
        FROM ({counted} FROM leaf JOIN up ON up.leaf = value) counted GROUP BY node, above
    """
