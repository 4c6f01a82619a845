"""Synonyms in the admin: the shop's own other words for things, previewed and imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..indexes import registry
from ..models import Synonym
from .importing import SynonymsForm, import_page
from .pages import LanguageFilter
from .previewing import PreviewAdmin
from .previews import preview_synonym


@admin.register(Synonym)
class SynonymAdmin(PreviewAdmin):
    """Groups of words that are found by each other, or one way only; a change acts within seconds."""

    change_list_template = "admin/catalog_search/synonyms.html"
    list_display = ["__str__", "index", "language", "enabled", "changed_at"]
    list_filter = ["enabled", "index", ("language", LanguageFilter)]
    list_editable = ["enabled"]
    search_fields = ["typed", "words", "notes"]
    fields = ["typed", "words", "index", "language", "enabled", "notes"]

    def preview(self, draft: Synonym, formsets: Sequence[Any], pages: int) -> dict[str, Any]:
        """Compare the pages whose queries hold these words."""
        return preview_synonym(draft, pages)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the declared indexes."""
        if db_field.name == "index":
            choices = [("", _("every index")), *((one.label, one.label) for one in registry)]
            return forms.ChoiceField(label=capfirst(db_field.verbose_name), choices=choices, required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """Add the import."""
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="catalog_search_synonym_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file of synonyms."""
        return import_page(self, request, SynonymsForm, _("Import synonyms"))
