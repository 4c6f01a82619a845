"""Products in the admin: what people read for a key, and where it leads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..exceptions import IndexNotFound
from ..indexes import SearchIndex
from ..registry import registry
from .pages import PagesAdmin


def names_of(label: str, keys: Iterable[str]) -> dict[str, str]:
    """Return what people read for products; those that are not there are left out."""
    index = registry.find(label)
    if index is None:
        return {}
    found = index.index_queryset().filter(pk__in=index.keys(keys).values())
    return {str(one.pk): described(index, one) for one in found}


def described(index: SearchIndex, product: Any) -> str:
    """Return a product's name and its first identifier: names alone are often alike."""
    return " · ".join(filter(None, [str(product), *index.identifier_values(product)[:1]]))


def product_link(label: str, key: str, name: str = "", site: str | None = None) -> str:
    """Link to a product's own page in an admin site; its name or key alone where there is none."""
    try:
        options = registry.get(label).model._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[quote(key)], current_app=site)
    except (IndexNotFound, NoReverseMatch):
        return name or key
    return format_html('<a href="{}">{}</a>', url, name or f"{str(options.verbose_name).capitalize()} {key}")


class ProductColumn(PagesAdmin):
    """A ModelAdmin whose rows hold a product's key has the column ``product``."""

    def complete(self, rows: list[Any]) -> None:
        keys: defaultdict[str, set[str]] = defaultdict(set)
        for row in rows:
            keys[_label(row)].add(row.object_key)
        names = {label: names_of(label, own) for label, own in keys.items()}
        for row in rows:
            row.product_name = names[_label(row)].get(row.object_key, "")

    @admin.display(description=_("product"))
    def product(self, obj: Any) -> str:
        label, key = _label(obj), obj.object_key
        name = obj.product_name if hasattr(obj, "product_name") else names_of(label, [key]).get(key, "")
        return product_link(label, key, name, self.admin_site.name)


def _label(row: Any) -> str:
    """Return the index that a row is of, by itself or by its generation."""
    return str(getattr(row, "generation", row).index)


def thumbnail(url: str, name: str = "") -> str:
    """Show a picture, or a dash where there is none; ``name`` is read aloud where nothing beside it says it."""
    return format_html('<img src="{}" alt="{}" height="64" loading="lazy">', url, name) if url else "–"  # noqa: RUF001
