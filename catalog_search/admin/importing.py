"""Importing: the page and the forms that take a file of rules or of synonyms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from ..exceptions import CatalogSearchError
from ..merchandising.exchange import ImportProblem, bring_in
from ..merchandising.reading import FORMATS, read_rules
from ..registry import registry
from ..wording.exchange import bring_in_synonyms
from .pages import PagesAdmin, index_choices

LARGEST_FILE = 5_000_000


class FileForm(forms.Form):
    """A file, and the index that it is for."""

    file = forms.FileField(label=_("File"))
    index = forms.ChoiceField(label=_("Index"), required=False, choices=index_choices)
    dry_run = forms.BooleanField(label=_("Only say what would be done"), required=False, initial=True)
    remarks: Sequence[str] = ()
    """What of the file cannot be translated."""
    outcome: Any = None

    @property
    def is_dry(self) -> bool:
        """Is nothing to be saved?"""
        return bool(self.cleaned_data["dry_run"])

    def bring_in(self, editor: Any) -> bool:
        """Do what was asked for; whether it worked. What is wrong is said at its field."""
        raise NotImplementedError

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(_("Save the file as UTF-8: %s") % error) from error


class RulesForm(FileForm):
    """A file of rules."""

    file = forms.FileField(
        label=_("File"), help_text=_("A table as it is exported here, or the JSON of Algolia or Typesense.")
    )
    index = forms.ChoiceField(
        label=_("Index"), required=False, choices=index_choices, help_text=_("For JSON; a table names its own.")
    )
    key = forms.CharField(
        label=_("Products are named by"), initial="pk", help_text=_("A field of the product: pk, sku, ...")
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Look into it")), *((name, name) for name in FORMATS)]
    )
    field_order = ["file", "index", "key", "kind", "dry_run"]

    def bring_in(self, editor: Any) -> bool:
        cleaned = self.cleaned_data
        try:
            found = read_rules(registry.get(cleaned["index"]), cleaned["file"], cleaned["kind"], cleaned["key"])
            self.remarks = found.remarks
            file: Any = self.files["file"]
            self.outcome = bring_in(found, editor, _("Import of %s") % file.name, self.is_dry)
        except ImportProblem as error:
            self.add_error("file", error.problems)
        except CatalogSearchError as error:
            self.add_error("key", str(error))
        return self.outcome is not None


class SynonymsForm(FileForm):
    """A file of synonyms."""

    file = forms.FileField(label=_("File"), help_text=_("The JSON of Algolia or Typesense."))
    index = forms.ChoiceField(
        label=_("Index"), required=False, choices=lambda: [("", _("every index")), *index_choices()]
    )

    def bring_in(self, editor: Any) -> bool:
        try:
            cleaned = self.cleaned_data
            self.outcome = bring_in_synonyms(cleaned["file"], cleaned["index"], self.is_dry)
            self.remarks = self.outcome.remarks
        except CatalogSearchError as error:
            self.add_error("file", str(error))
        return self.outcome is not None


class ImportAdmin(PagesAdmin):
    """A ModelAdmin that takes files."""

    pages = {"import/": "import_view"}
    import_form: type[FileForm]
    import_title: Any

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file, say what it would do or do it."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = self.import_form(request.POST or None, request.FILES or None)
        if form.is_valid() and form.bring_in(request.user):
            done = _("Nothing is saved yet: %s.") if form.is_dry else _("%s.")
            self.message_user(request, str(done) % form.outcome, messages.INFO if form.is_dry else messages.SUCCESS)
            if not form.is_dry and not form.remarks:
                return HttpResponseRedirect("..")
        return self.render(request, "rule/import.html", self.import_title, form=form)
