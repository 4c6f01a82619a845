"""Pages: what the pages of this app in the admin have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..registry import registry

View = TypeVar("View", bound=Callable[..., Any])


def may(request: HttpRequest, permission: str) -> bool:
    """May this user do that to the app?"""
    return request.user.has_perm(f"catalog_search.{permission}")


def demand(request: HttpRequest, permission: str) -> None:
    """Raise PermissionDenied where this user may not."""
    if not may(request, permission):
        raise PermissionDenied


def outside_transactions(view: View) -> View:
    """Exempt a view from ATOMIC_REQUESTS: workers see what they are told of, and nobody waits for its locks."""
    for alias in connections:
        transaction.non_atomic_requests(alias)(view)
    return view


def index_choices() -> list[tuple[str, str]]:
    """Return the declared indexes, as a form offers them."""
    return [(index.label, index.label) for index in registry]


class IndexSelect(forms.Select):
    """Offers the declared indexes, and what is kept though it is none: the first one must not take its place unseen."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        offered = [one for one, _label in self.choices]
        self.choices = [*self.choices, *((one, one) for one in value if one and one not in offered)]
        return super().optgroups(name, value, attrs)


class CompletedChangeList(ChangeList):
    """A list whose rows are completed together, not one by one."""

    model_admin: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.model_admin.complete(list(self.result_list))


class PagesAdmin(admin.ModelAdmin):
    """A ModelAdmin with pages of its own; where its model names an index, it offers those that are declared."""

    change_list_template = "admin/catalog_search/change_list.html"
    pages: Mapping[str, str] = {}
    """The methods that answer, by address. A page is reversed by its method's name, without "_view" behind it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CompletedChangeList

    def complete(self, rows: list[Any]) -> None:
        """Fetch what a list shows beside its rows, for all of them at once."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_"
        own = [
            path(route, self.admin_site.admin_view(getattr(self, method)), name=name + method.removesuffix("_view"))
            for route, method in self.pages.items()
        ]
        return [*own, *super().get_urls()]

    def address(self, page: str, *args: Any) -> str:
        """Return the address of a page of the app, "rule_add" for one, on the site that this one belongs to."""
        return reverse(f"admin:{self.opts.app_label}_{page}", args=args, current_app=self.admin_site.name)

    def render(self, request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
        """Show a page in the frame of the admin site that it belongs to."""
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/catalog_search/{template}", context)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "index":
            choices = [*([("", _("every index"))] if db_field.blank else []), *index_choices()]
            label = capfirst(db_field.verbose_name)
            return forms.ChoiceField(label=label, choices=choices, required=not db_field.blank, widget=IndexSelect)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ReadOnlyAdmin(PagesAdmin):
    """Shows what the app writes; nobody else writes it, and only what is ``deletable`` can go."""

    deletable = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.deletable and super().has_delete_permission(request, obj)


class LanguageFilter(admin.AllValuesFieldListFilter):
    """A filter by language that names the empty one, which stands for all."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or _("every language")}
