"""Synonyms in the admin: the shop's own other words for things."""

from __future__ import annotations

from django.contrib import admin

from ..models import Synonym


@admin.register(Synonym)
class SynonymAdmin(admin.ModelAdmin):
    """Groups of words that are found by each other, or one way only; a change acts within seconds."""

    list_display = ["__str__", "index", "language", "enabled", "changed_at"]
    list_filter = ["enabled", "index", "language"]
    list_editable = ["enabled"]
    search_fields = ["typed", "words", "notes"]
    fields = ["typed", "words", "index", "language", "enabled", "notes"]
