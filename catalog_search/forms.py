"""SearchForm: the one validator of storefront, admin and API, built from an index declaration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .conf import settings
from .exceptions import ImageError
from .facets import Facet, RangeFacet, read_as
from .fields import KeysField, PictureField, TermsField
from .images import Picture
from .indexes import SearchIndex
from .languages import legible
from .metrics import observe
from .querylog import note_search
from .searching import FacetResult, Hit, Results, cache, search
from .searching.query import Query, query_language
from .searching.visibility import visible

MAX_PAGE = 10_000
MAX_PAGE_SIZE = 100
OFFERED = 8
"""Hits that are shown without the filters where those leave nothing."""
QUERY_FIELDS = ("q", "image", "picture", "like", "unlike", "terms")
"""The fields that say what is looked for; the others only arrange what is found."""
REDIRECTED = "redirected"
"""The parameter of a search that a rule sent the visitor to."""
RESERVED = (
    *(*QUERY_FIELDS, "sort", "page", "page_size", "more", "within"),
    *("rerank", "language", "exact", "explain", REDIRECTED),
)
"""Parameters that every search has; no facet can take their names."""


class SearchForm(forms.Form):
    """What can be asked of an index; an empty form browses.

    ``picture`` is the token of a picture uploaded before, ``like`` a list of product keys. What is wrong is said at
    its field; ``options`` holds what is right.
    """

    q = forms.CharField(required=False, label=_("Search"))
    image = PictureField(required=False, label=_("Picture"))
    picture = forms.CharField(required=False, max_length=64, label=_("Picture"), widget=forms.HiddenInput)
    like = KeysField(required=False, max_length=2000, label=_("Similar to"))
    unlike = KeysField(required=False, max_length=2000, label=_("Not similar to"))
    terms = TermsField(required=False, max_length=200, label=_("Weighted words"))
    sort = forms.ChoiceField(required=False, label=_("Sort by"))
    page = forms.IntegerField(required=False, min_value=1, max_value=MAX_PAGE, label=_("Page"))
    page_size = forms.IntegerField(required=False, min_value=1, max_value=MAX_PAGE_SIZE, label=_("Page size"))
    more = forms.ChoiceField(required=False, label=_("All values of"))
    within = forms.CharField(required=False, max_length=100, label=_("Find among them"))
    language = forms.CharField(required=False, max_length=15, label=_("Language"))
    # Plain inputs, since the usual widgets read "0" as true.
    rerank = forms.NullBooleanField(required=False, label=_("Rerank"), widget=forms.HiddenInput)
    exact = forms.BooleanField(required=False, label=_("As typed"), widget=forms.HiddenInput)
    explain = forms.BooleanField(required=False, label=_("Explain"), widget=forms.HiddenInput)

    def __init__(self, index: SearchIndex, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.index = index
        fields: dict[str, Any] = self.fields
        fields["q"].widget.attrs["maxlength"] = settings.QUERY_MAX_LENGTH
        fields["image"].widget.attrs["accept"] = "image/*"
        fields["sort"].choices = [("", _("Relevance")), *((name, read_as(name)) for name in index.sorts)]
        fields["more"].choices = [("", ""), *((facet.name, facet.label) for facet in index.facets)]
        fields["like"].key = fields["unlike"].key = index.model._meta.pk
        for facet in self.facets:
            fields |= facet.form_fields()

    @property
    def facets(self) -> Sequence[Facet]:
        """The facets that can be chosen."""
        return self.index.facets

    def clean_q(self) -> str:
        text = legible(str(self.cleaned_data["q"])).strip()
        if len(text) > settings.QUERY_MAX_LENGTH:
            raise ValidationError(
                _("Please search for fewer words: at most %(limit)d characters."),
                code="max_length",
                params={"limit": settings.QUERY_MAX_LENGTH},
            )
        return text

    def clean_picture(self) -> Picture | None:
        token = self.cleaned_data["picture"]
        # A new picture takes the place of the old one, expired or not.
        if not token or self.cleaned_data.get("image"):
            return None
        try:
            return cache.kept_picture(token)
        except ImageError as error:
            raise ValidationError(str(error), code="expired") from error

    def clean(self) -> dict[str, Any]:
        """Refuse bounds that no product can meet, and a query that only takes away."""
        if not self.query_of(self.options()):
            for name in ("unlike", "terms"):
                if self.cleaned_data.get(name):
                    self.add_error(name, ValidationError(_("Say what is wanted too."), code="nothing_wanted"))
        for facet in self.facets:
            if isinstance(facet, RangeFacet):
                low, high = (self.cleaned_data.get(name) for name in facet.bounds)
                if low is not None and high is not None and low > high:
                    error = ValidationError(_("The upper bound is below the lower one."), code="bounds")
                    self.add_error(facet.bounds[1], error)
        return self.cleaned_data

    @property
    def asks_clearly(self) -> bool:
        """Is what it looks for valid, even where a filter or the page is not?"""
        return not any(name in self.errors for name in QUERY_FIELDS)

    def options(self) -> dict[str, Any]:
        """Return the valid data as the options of ``search``."""
        cleaned = self.cleaned_data
        return {
            "text": cleaned.get("q", ""),
            "image": cleaned.get("image") or cleaned.get("picture"),
            "like": cleaned.get("like") or (),
            "unlike": cleaned.get("unlike") or (),
            "terms": cleaned.get("terms") or (),
            "facets": {facet.name: chosen for facet in self.facets if (chosen := facet.chosen(cleaned))},
            "sort": cleaned.get("sort") or None,
            "page": cleaned.get("page") or 1,
            "page_size": cleaned.get("page_size"),
            "more": cleaned.get("more", ""),
            "within": cleaned.get("within", ""),
            "rerank": cleaned.get("rerank") is not False,
            "language": cleaned.get("language", ""),
            "exact": bool(cleaned.get("exact")),
        }

    def search(self, request: HttpRequest | None = None, **overrides: Any) -> Results:
        """Run the search that the valid part of the form asks for.

        Only products that this visitor may see can be resembled or avoided: the likeness of a hidden one would tell
        about it.
        """
        options = self.visible_options(request, **overrides)
        results = self._found(request, options)
        if results is None:
            return Results()
        results = replace(results, query_id=note_search(self.index, options, results, request))
        observe(self.index, results)
        return results

    def counted(self, name: str, request: HttpRequest | None = None) -> Results:
        """Search for the values of one facet alone, none where what the form resembles is not this visitor's to see.

        The query log does not hear of it.
        """
        options = self.visible_options(
            request, facet_counts=(name,), more=name, page=1, page_size=1, rerank=False, arrange=()
        )
        facet = next(one for one in self.index.facets if one.name == name)
        nothing = FacetResult(facet, *facet.read((), options["facets"].get(name, ()), self.index.model))
        found = self._found(request, options)
        return Results(facets={name: nothing}) if found is None else found

    def without_filters(self, request: HttpRequest) -> tuple[Hit, ...]:
        """Return the first hits that the form finds without its filters, to offer where those leave nothing.

        The query log does not hear of it.
        """
        options = self.visible_options(
            request, facets={}, facet_counts=False, page=1, page_size=OFFERED, more="", within=""
        )
        found = self._found(request, options)
        return found.hits if found else ()

    def visible_options(self, request: HttpRequest | None, **overrides: Any) -> dict[str, Any]:
        """Return the options, or others, without products that this visitor may not see."""
        options = {**self.options(), **overrides}
        for name in ("like", "unlike"):
            if keys := options[name]:
                options[name] = list(self.visible(keys, request).values_list("pk", flat=True))
        return options

    def visible(self, keys: Iterable[Any], request: HttpRequest | None) -> QuerySet[Any]:
        """Return those products of some keys that this visitor may see."""
        known = self.index.keys(map(str, keys))
        return visible(self.index, request).filter(pk__in=known.values())

    def _found(self, request: HttpRequest | None, options: dict[str, Any]) -> Results | None:
        if self.cleaned_data.get("like") and not self.query_of(options):
            return None
        return search(self.index, **options, request=request)

    def query_of(self, options: dict[str, Any]) -> Query:
        """Return what these options look for; false where that is nothing, or only what is not wanted."""
        language = query_language(self.index, options["language"])
        liked, terms = tuple(map(str, options["like"])), tuple(options["terms"])
        return Query(options["text"], options["image"], liked, language, terms=terms)
