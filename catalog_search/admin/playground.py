"""The playground: one query, every lane side by side, and why each product is where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from .. import endpoints
from ..conf import settings
from ..exceptions import CatalogSearchError
from ..facets import Facet
from ..fields import KeysField, TermsField, write_keys
from ..forms import QUERY_FIELDS, SearchForm
from ..indexes import SearchIndex
from ..models import Generation, Judgement
from ..navigation import Address
from ..registry import registry
from ..searching import Hit, Results, cache, search, steps
from ..searching.asking import Ask
from ..searching.lanes import LANES
from ..searching.query import query_language
from ..searching.scope import Scope
from ..sql import read_alias
from .grading import grades_of, index_of, keep_grades
from .pages import PagesAdmin, demand, may
from .products import names_of

SHOWN = 10
LANE_TITLES = {"identifiers": _("Identifiers"), "words": _("Words"), "vectors": _("Likeness")}
DETAILS = ("like", "unlike", "terms", "weight", "cutoff", "generation", "language", "rerank", "lanes", "explain")
"""What the form shows on demand."""
NO_STAGES = ("total", "explain")


class TermsLine(TermsField):
    """Weighted words in one line, separated by commas."""

    def clean(self, value: Any) -> list[tuple[str, float]]:
        return super().clean(str(value or "").split(","))


class PlaygroundForm(SearchForm):
    """A search with everything that can be decided about it."""

    like = KeysField(widget=forms.TextInput, required=False, max_length=2000, label=_("Similar to"))
    unlike = KeysField(widget=forms.TextInput, required=False, max_length=2000, label=_("Not similar to"))
    terms = TermsLine(widget=forms.TextInput, required=False, max_length=200, label=_("Weighted words"))
    generation = forms.ModelChoiceField(Generation.objects.none(), required=False, label=_("Generation"))
    language = forms.ChoiceField(required=False, label=_("Language"))  # type: ignore[assignment]
    lanes = forms.MultipleChoiceField(
        required=False, label=_("Lanes"), choices=list(LANE_TITLES.items()), widget=forms.CheckboxSelectMultiple
    )
    cutoff = forms.FloatField(required=False, label=_("Cutoff"), help_text=_("In deviations above the background."))
    weight = forms.FloatField(required=False, min_value=0, max_value=1, label=_("Weight of likeness"))
    rerank = forms.NullBooleanField(
        required=False, label=_("Rerank"), widget=forms.Select(choices=[("", _("Yes")), ("false", _("No"))])
    )
    explain = forms.BooleanField(required=False, label=_("Shares of photo and text"))

    def __init__(self, index: SearchIndex, *args: Any, **kwargs: Any) -> None:
        super().__init__(index, *args, **kwargs)
        ready = Generation.objects.using(read_alias(index.model)).of(index.label)
        ready = ready.filter(state=Generation.State.READY).defer("means").order_by("-pk")
        fields: dict[str, Any] = self.fields
        fields["generation"].queryset = ready
        fields["generation"].empty_label = _("the serving one")
        fields["language"].choices = [("", _("as set")), *((code, code) for code in index.language_codes)]
        fields["like"].widget.attrs["placeholder"] = fields["unlike"].widget.attrs["placeholder"] = "12, 34"
        fields["terms"].widget.attrs["placeholder"] = "floral^-0.5, leather^2"
        fields["cutoff"].widget.attrs |= {"placeholder": settings.CUTOFF, "step": "0.1"}
        fields["weight"].widget.attrs |= {"placeholder": _("by class"), "step": "0.05"}

    @property
    def facets(self) -> Sequence[Facet]:
        """None: lanes are compared without filters, and a facet may be called as a field here, such as "weight"."""
        return ()

    @property
    def says_something(self) -> bool:
        """Is anything asked for? Without, there is nothing to explain."""
        return any(self.cleaned_data.get(name) for name in QUERY_FIELDS)

    @property
    def can_be_judged(self) -> bool:
        """Judgements are of words: is this a query in words alone?"""
        return [name for name in QUERY_FIELDS if self.cleaned_data.get(name)] == ["q"]

    def comparison(self, request: HttpRequest) -> list[Column]:
        """Search as a visitor would, then by each lane alone."""
        cleaned = self.cleaned_data
        options = self.visible_options(request, facets={}, page=1, page_size=SHOWN, sort=None) | {
            "generation": cleaned.get("generation"),
            "vector_weight": cleaned.get("weight"),
            "facet_counts": False,
            "request": request,
        }
        if cleaned.get("cutoff") is not None:
            options["cutoff"] = cleaned["cutoff"]
        lanes = cleaned.get("lanes") or LANES
        together = search(self.index, lanes=lanes, explain=bool(cleaned.get("explain")), **options)
        alone = options | {"rerank": False, "rewrite": [*steps.rewriting(), _admit_nothing], "arrange": ()}
        columns = [Column("together", _("Together"), together)]
        for lane in lanes:
            columns.append(Column(lane, LANE_TITLES[lane], search(self.index, lanes=[lane], **alone)))
        return columns

    @property
    def query_class(self) -> str:
        """The class of the query, which decides the weights of the lanes."""
        return self.query_of(self.options()).query_class


def _admit_nothing(scope: Scope, ask: Ask) -> Ask:
    """Leave out what rules pin: a lane shows what it finds by itself."""
    return replace(ask, admitted=())


class PlaygroundAdmin(PagesAdmin):
    """A ModelAdmin with the playground beside it, where single products are graded too."""

    pages = {"playground/": "playground", "playground/picture/<str:token>/": "picture"}

    def playground(self, request: HttpRequest) -> HttpResponseBase:
        """Search in every way at once, and explain what is found."""
        demand(request, "use_playground")
        index = index_of(request)
        if request.method == "POST" and "grade" in request.POST:
            return self._grade_one(request, index)
        if request.method == "POST":
            return self._address(request, index)
        form = PlaygroundForm(index, request.GET)
        context: dict[str, Any] = {"form": form, "index": index, "indexes": list(registry)}
        if form.is_valid() and form.says_something:
            try:
                columns = form.comparison(request)
            except CatalogSearchError as error:
                form.add_error(None, str(error))
            else:
                together = columns[0].results
                places = {hit.unit: place for place, hit in enumerate(together.hits, start=1)}
                language = query_language(index, form.cleaned_data["language"])
                grades = grades_of(index, language, form.cleaned_data["q"]) if form.can_be_judged else {}
                context |= {
                    "results": together,
                    "columns": [(column, column.rows(grades, places)) for column in columns],
                    "may_judge": form.can_be_judged and may(request, "add_judgement"),
                    "grade_choices": Judgement.Grade.choices,
                }
        detailed = any(request.GET.get(name) for name in DETAILS)
        given = [key for name in ("like", "unlike") for key in form.cleaned_data.get(name) or ()]
        resembled = map(str, form.visible(given, request).values_list("pk", flat=True)) if given else ()
        context |= {
            "picture": request.GET.get("picture", ""),
            "without_picture": Address.of(request.path, request.GET).without("picture"),
            "resembled": names_of(index.label, resembled),
            "detailed": detailed,
        }
        return self.render(request, "playground.html", _("Playground"), **context)

    def picture(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show the picture that is searched with."""
        demand(request, "use_playground")
        return endpoints.picture(request, token)

    def _address(self, request: HttpRequest, index: SearchIndex) -> HttpResponseBase:
        """Keep an uploaded picture, and go on to the address of the search."""
        form = PlaygroundForm(index, request.POST, request.FILES)
        address = Address.of(request.path, request.POST)
        form.is_valid()
        if "image" in form.errors:
            self.message_user(request, " ".join(map(str, form.errors["image"])), messages.ERROR)
        elif form.cleaned_data.get("image"):
            if token := cache.keep_picture(form.cleaned_data["image"]):
                address = address.with_("picture", token)
            else:
                text = _("Pictures cannot be taken at the moment; please search by words.")
                self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(str(address))

    def _grade_one(self, request: HttpRequest, index: SearchIndex) -> HttpResponseBase:
        """Keep one grade, sent as "key:grade" to the address of the search that showed it."""
        demand(request, "add_judgement")
        form = PlaygroundForm(index, request.GET)
        key, _colon, grade = str(request.POST["grade"]).rpartition(":")
        kept = 0
        if form.is_valid() and form.can_be_judged:
            language = query_language(index, form.cleaned_data["language"])
            kept = keep_grades(request, index, language, form.cleaned_data["q"], {key: grade})
        if "application/json" in request.headers.get("Accept", ""):
            return HttpResponse(status=204 if kept else 400)
        return HttpResponseRedirect(request.get_full_path())


@dataclass(frozen=True, slots=True)
class Column:
    """What one way to search found."""

    name: str
    title: Any
    results: Results

    def rows(self, grades: Mapping[str, int], places: Mapping[str, int]) -> list[Row]:
        """Return its hits; ``places`` are those of the families when all lanes work together."""
        return [
            Row(place, hit, grades.get(hit.key), places.get(hit.unit))
            for place, hit in enumerate(self.results.hits, start=1)
        ]

    @property
    def stages(self) -> dict[str, float]:
        """Milliseconds by stage, without those that took no time worth drawing."""
        return {name: spent for name, spent in self.results.timings.items() if name not in NO_STAGES and spent >= 0.05}

    @property
    def milliseconds(self) -> float:
        """How long it took a visitor, whom nobody explains anything to."""
        return self.results.timings.get("total", 0.0) - self.results.timings.get("explain", 0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One hit of a column."""

    place: int
    hit: Hit
    grade: int | None
    together: int | None
    """The place of it, or of a variant, when all lanes work together, where that is among the first."""

    @property
    def like(self) -> str:
        """What asks for products that resemble it."""
        return urlencode({"like": write_keys([self.hit.key])})

    @property
    def lanes(self) -> list[tuple[Any, int, float]]:
        """What each lane says of it: (name, rank, score)."""
        return [(LANE_TITLES[lane], *self.hit.why.lanes[lane]) for lane in LANES if lane in self.hit.why.lanes]
