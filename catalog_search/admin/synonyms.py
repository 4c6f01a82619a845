"""Synonyms in the admin: the shop's own other words for things, previewed and imported."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..indexes import registry
from ..models import Synonym
from .importing import SynonymsForm, import_page
from .previews import preview_synonym, show_preview


@admin.register(Synonym)
class SynonymAdmin(admin.ModelAdmin):
    """Groups of words that are found by each other, or one way only; a change acts within seconds."""

    change_form_template = "admin/catalog_search/preview_form.html"
    change_list_template = "admin/catalog_search/synonyms.html"
    list_display = ["__str__", "index", "language", "enabled", "changed_at"]
    list_filter = ["enabled", "index", "language"]
    list_editable = ["enabled"]
    search_fields = ["typed", "words", "notes"]
    fields = ["typed", "words", "index", "language", "enabled", "notes"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the declared indexes."""
        if db_field.name == "index":
            choices = [("", _("every index")), *((one.label, one.label) for one in registry)]
            return forms.ChoiceField(label=capfirst(db_field.verbose_name), choices=choices, required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """Add previews and the import."""
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_view), name="catalog_search_synonym_import"),
            path("preview/", view(self.preview_view), name="catalog_search_synonym_preview_new"),
            path("<path:object_id>/preview/", view(self.preview_view), name="catalog_search_synonym_preview"),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file of synonyms."""
        return import_page(self, request, SynonymsForm, _("Import synonyms"))

    def preview_view(self, request: HttpRequest, object_id: str = "") -> HttpResponse:
        """Show what the group in the form would change, without saving it; its mistakes where it has any."""
        kept = self.get_object(request, object_id) if object_id else None
        if not (self.has_change_permission(request, kept) if kept else self.has_add_permission(request)):
            raise PermissionDenied
        address = "../change/" if object_id else "../add/"
        if request.method != "POST":
            return HttpResponseRedirect(address)
        form = self.get_form(request, kept, change=kept is not None)(request.POST, instance=kept)
        if not form.is_valid():
            # It has mistakes, so that this shows them and saves nothing.
            return self.changeform_view(request, object_id or None, form_url=address)
        return show_preview(self, request, str(form.instance), preview_synonym(form.instance))
