"""Picking: choosing a product by searching for it, in a form that keeps its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AutocompleteMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.html import format_html

from ..conf import settings
from ..merchandising import steps_with
from ..models import RuleAction
from ..registry import registry
from ..searching import search
from .products import described, names_of, thumbnail
from .search import thumbnails_of

OFFERED = 20

Picked = Mapping[str, tuple[str, str]]
"""Name and thumbnail of products by their key."""


class ProductSelect(AutocompleteMixin, forms.Select):
    """A select box that is filled by searching, with the picture of what is chosen beside it."""

    picked: Picked = {}
    index = ""

    def __init__(self, admin_site: AdminSite) -> None:
        super().__init__(RuleAction._meta.get_field("product"), admin_site)

    def get_url(self) -> str:
        return reverse("admin:catalog_search_rule_products", current_app=self.admin_site.name)

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        """Tell the index in the place of the app, where Django's script reads it at each request."""
        return {**super().build_attrs(base_attrs, extra_attrs), "data-app-label": self.index}

    def optgroups(self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        """Return the chosen product alone; the others come by searching."""
        keys = [key for key in value if key]
        options = [self.create_option(name, "", "", not keys, 0)]
        for number, key in enumerate(keys, start=1):
            label = self.picked[key][0] if key in self.picked else key
            options.append(self.create_option(name, key, label, True, number))
        return [(None, options, 0)]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        box = super().render(name, value, attrs, renderer)
        _label, url = self.picked.get(str(value), ("", ""))
        return format_html("{} {}", box, thumbnail(url)) if url else box


def picked(label: str, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return names and thumbnails of products; those that are not there are left out. A few statements in all."""
    names = names_of(label, keys)
    pictures = thumbnails_of(registry.get(label).model, names) if names else {}
    return {key: (name, pictures.get(key, "")) for key, name in names.items()}


def offer(request: HttpRequest, allowed: bool) -> JsonResponse:
    """Answer Django's autocomplete script with products of an index, drafts and what rules hide included."""
    if not allowed:
        raise PermissionDenied
    index = registry.find(request.GET.get("app_label", ""))
    if index is None:
        return JsonResponse({"results": [], "pagination": {"more": False}})
    page = request.GET.get("page", "1")
    results = search(
        index,
        request.GET.get("term", "")[: settings.QUERY_MAX_LENGTH],
        visible=index.index_queryset(),
        page=int(page) if page.isdecimal() and len(page) < 10 else 1,
        page_size=OFFERED,
        rerank=False,
        facet_counts=False,
        **steps_with([]) | {"arrange": []},  # boosts may be by annotations of what visitors see
    )
    rows = [{"id": hit.key, "text": described(index, hit.object)} for hit in results]
    return JsonResponse({"results": rows, "pagination": {"more": results.page < results.pages}})
