"""Importing: the form that takes a file of rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..exceptions import CatalogSearchError
from ..indexes import registry
from ..merchandising.exchange import ImportProblem, Outcome, bring_in
from ..merchandising.reading import FORMATS, read_rules

LARGEST_FILE = 5_000_000


class ImportForm(forms.Form):
    """A file of rules."""

    file = forms.FileField(
        label=_("File"), help_text=_("A table as it is exported here, or the JSON of Algolia or Typesense.")
    )
    index = forms.ChoiceField(label=_("Index"), required=False, help_text=_("For JSON; a table names its own."))
    key = forms.CharField(
        label=_("Products are named by"), initial="pk", help_text=_("A field of the product: pk, sku, ...")
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Look into it")), *((name, name) for name in FORMATS)]
    )
    dry_run = forms.BooleanField(label=_("Only say what would be done"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["index"].choices = [(index.label, index.label) for index in registry]  # type: ignore[attr-defined]

    remarks: Sequence[str] = ()
    """What of the file cannot be translated."""
    outcome: Outcome | None = None

    @property
    def is_dry(self) -> bool:
        """Is nothing to be saved?"""
        return bool(self.cleaned_data["dry_run"])

    def bring_in(self, editor: Any) -> bool:
        """Do what was asked for; whether it worked. What is wrong is said at the file."""
        told = self.cleaned_data
        try:
            found = read_rules(registry.get(told["index"]), told["file"], told["kind"], told["key"])
            self.remarks = found.remarks
            file: Any = self.files["file"]
            self.outcome = bring_in(found, editor, _("Import of %s") % file.name, self.is_dry)
        except ImportProblem as error:
            self.add_error("file", error.problems)
        except CatalogSearchError as error:
            self.add_error("key", str(error))
        return self.outcome is not None

    def clean_file(self) -> str:
        """Return the text of the file."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(_("Save the file as UTF-8: %s") % error) from error
