"""Synonyms in the admin: the shop's own other words for things, previewed and imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ..models import Synonym
from .importing import ImportAdmin, SynonymsForm
from .pages import LanguageFilter
from .previews import PreviewAdmin, preview_synonym


@admin.register(Synonym)
class SynonymAdmin(PreviewAdmin, ImportAdmin):
    """Groups of words that are found by each other, or one way only; a change acts within seconds."""

    change_list_template = "admin/catalog_search/synonyms.html"
    list_display = ["__str__", "index", "language", "enabled", "changed_at"]
    list_filter = ["enabled", "index", ("language", LanguageFilter)]
    list_editable = ["enabled"]
    search_fields = ["typed", "words", "notes"]
    fields = ["typed", "words", "index", "language", "enabled", "notes"]
    pages = {**PreviewAdmin.pages, **ImportAdmin.pages}
    import_form, import_title = SynonymsForm, _("Import synonyms")

    def preview(self, draft: Synonym, formsets: Sequence[Any], pages: int) -> dict[str, Any]:
        return preview_synonym(draft, pages)
