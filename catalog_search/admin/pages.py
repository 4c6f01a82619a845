"""Pages: what the pages of this app in the admin have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..exceptions import IndexNotFound
from ..indexes import registry


def may(request: HttpRequest, permission: str) -> bool:
    """May this user do that to the app?"""
    return request.user.has_perm(f"catalog_search.{permission}")


def demand(request: HttpRequest, permission: str) -> None:
    """Raise PermissionDenied where this user may not."""
    if not may(request, permission):
        raise PermissionDenied


def render(
    model_admin: admin.ModelAdmin, request: HttpRequest, template: str, title: Any, **context: Any
) -> TemplateResponse:
    """Show a page in the frame of the admin site that it belongs to."""
    request.current_app = model_admin.admin_site.name
    everywhere = model_admin.admin_site.each_context(request)
    context = {**everywhere, "title": title, "opts": model_admin.model._meta, **context}
    return TemplateResponse(request, f"admin/catalog_search/{template}", context)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows what the indexing writes; nobody else writes it."""

    change_list_template = "admin/catalog_search/change_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class LanguageFilter(admin.AllValuesFieldListFilter):
    """A filter by language that names the empty one, which stands for all."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the choices."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or _("every language")}


def product_link(label: str, key: str) -> str:
    """Link to a product's own page in the admin; its key alone where there is none."""
    try:
        options = registry.get(label).model._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[key])
    except (IndexNotFound, NoReverseMatch):
        return key
    return format_html('<a href="{}">{} {}</a>', url, str(options.verbose_name).capitalize(), key)
