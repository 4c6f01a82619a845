"""Trying: other weights or another model on the pages that people ask for most, before anything is changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..comparison import asked_most, compare
from ..conf import settings
from ..models import Generation
from ..registry import registry
from .pages import index_choices
from .previews import DAYS

MOST_QUERIES = 100
WEIGHT = "weight_"
LIKENESS = {
    "identifier": _("Likeness beside an article number"),
    "word": _("Likeness for one word"),
    "words": _("Likeness for two to four words"),
    "long": _("Likeness for a sentence"),
    "picture": _("Likeness for a picture"),
}
"""What people read for a class of query: how much its meaning counts beside its words."""


class TryForm(forms.Form):
    """What is to be tried; what is left empty stays as it is."""

    index = forms.ChoiceField(label=_("Index"), choices=index_choices)
    queries = forms.IntegerField(
        label=_("Queries"), min_value=1, max_value=MOST_QUERIES, initial=20, help_text=_("Those asked most.")
    )
    generation = forms.ModelChoiceField(
        Generation.objects.filter(state=Generation.State.READY).order_by("-pk"),
        label=_("Generation"),
        required=False,
        help_text=_("Another model, or other fields: one that is built and ready."),
    )
    cutoff = forms.FloatField(
        label=_("Cutoff"), required=False, help_text=_("How far a product must stand out. More finds less (CUTOFF).")
    )
    blend = forms.FloatField(
        label=_("Share of the reranker"),
        required=False,
        min_value=0,
        max_value=1,
        help_text=_("0: the order of the lanes stays; 1: the reranker alone decides (RERANK_BLEND)."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cutoff"].widget.attrs["placeholder"] = settings.CUTOFF
        self.fields["blend"].widget.attrs["placeholder"] = settings.RERANK_BLEND
        for name, weight in settings.VECTOR_WEIGHTS.items():
            help_text = _("0: by words alone; 1: by meaning alone (VECTOR_WEIGHTS, %s).") % name
            field = forms.FloatField(
                label=LIKENESS[name], required=False, min_value=0, max_value=1, help_text=help_text
            )
            field.widget.attrs["placeholder"] = weight
            self.fields[WEIGHT + name] = field
        for name in ("cutoff", "blend", *(WEIGHT + name for name in settings.VECTOR_WEIGHTS)):
            self.fields[name].widget.attrs["step"] = "any"

    def options(self) -> dict[str, Any]:
        """Return what is tried as ``compare`` takes it."""
        given = {name: value for name, value in self.cleaned_data.items() if value is not None}
        weights = {name: given[WEIGHT + name] for name in settings.VECTOR_WEIGHTS if WEIGHT + name in given}
        changed = {"CUTOFF": given.get("cutoff"), "RERANK_BLEND": given.get("blend"), "VECTOR_WEIGHTS": weights or None}
        options: dict[str, Any] = {"settings": {name: one for name, one in changed.items() if one is not None}}
        return options | ({"generation": given["generation"]} if "generation" in given else {})

    def clean(self) -> dict[str, Any]:
        """Refuse a generation of another index."""
        generation = self.cleaned_data.get("generation")
        if generation and generation.index != self.cleaned_data.get("index"):
            self.add_error("generation", _("It is of another index."))
        return self.cleaned_data

    def compared(self) -> dict[str, Any]:
        """Compare the pages as they are with what they would be: the context of a template."""
        index = registry.get(self.cleaned_data["index"])
        found = compare(index, asked_most(index, DAYS, self.cleaned_data["queries"]), {}, self.options())
        rows = [(one, list(one.sides)) for one in found.changed]
        return {"comparison": found, "rows": rows, "share": 100 * found.share, "days": DAYS}
