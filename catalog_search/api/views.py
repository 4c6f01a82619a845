"""The endpoints: the storefront's form and results, as JSON."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urljoin

from django import forms
from django.core.exceptions import ValidationError as InvalidValue
from django.http import HttpResponse, QueryDict
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from ..conf import settings
from ..forms import SearchForm
from ..health import health_of
from ..navigation import Address
from ..querylog import note_event
from ..registry import registry
from ..searching import Results, cache
from ..searching.similar import resembling
from ..searching.visibility import visible
from ..suggesting import suggest
from .base import IndexView, SearchAPIView, valid
from .hits import open_indexes
from .parsing import MAX_SEARCHES, BeaconParser, JSONParser, parameters
from .serializers import (
    AnswerSerializer,
    EventSerializer,
    FacetSerializer,
    HealthSerializer,
    SimilarSerializer,
    SuggestionsSerializer,
)
from .throttling import EventsThrottle, HealthThrottle, SuggestThrottle


class SimilarForm(forms.Form):
    """How many similar products are wanted."""

    size = forms.IntegerField(required=False, min_value=1, max_value=50)


class SuggestForm(forms.Form):
    """What somebody has typed so far, and how many suggestions of each kind are wanted."""

    q = forms.CharField(required=False)
    size = forms.IntegerField(required=False, min_value=1, max_value=20)


class HealthView(SearchAPIView):
    """Tells operators and load balancers how each index is."""

    operation = "health"
    answer_class = HealthSerializer
    throttle_classes = [HealthThrottle]
    permission_classes = [AllowAny]

    def get(self, request: Request, **address: Any) -> Response:
        """Answer with the status of the worst index, and for staff with all that is known of each; 503 where one
        cannot be searched.
        """
        states = [health_of(index) for index in registry]
        worst = max((state.status for state in states), key=["ok", "degraded", "down"].index, default="down")
        told: dict[str, Any] = {"status": worst}
        if getattr(request.user, "is_staff", False):
            told["indexes"] = [state.as_dict() for state in states]
        code = status.HTTP_503_SERVICE_UNAVAILABLE if worst == "down" else status.HTTP_200_OK
        return Response(HealthSerializer(told).data, status=code, headers={"Cache-Control": "no-store"})


class EventView(SearchAPIView):
    """Notes clicks and orders for the query log."""

    operation = "note_event"
    throttle_classes = [EventsThrottle]
    # Plain text is what a beacon sends.
    parser_classes = [JSONParser, FormParser, MultiPartParser, BeaconParser]
    body_class = EventSerializer

    def post(self, request: Request, **address: Any) -> HttpResponse:
        """Note an event; an id that no search had counts for nothing, and the same event counts once."""
        event = EventSerializer(data=request.data)
        event.is_valid(raise_exception=True)
        sent = event.validated_data
        try:
            note_event(sent["query_id"].hex, sent["product"], sent["kind"], sent.get("position"))
        except InvalidValue as error:
            raise ValidationError(error.message_dict) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class SimilarView(IndexView):
    """Names products similar to one, without its variants: what a product's page shows below."""

    operation = "similar"
    answer_class = SimilarSerializer
    form_class = SimilarForm

    def get(self, request: Request, product: str, index: str = "", **address: Any) -> Response:
        """Answer with `size` products, 10 by default; 404 where this user may not see the product."""
        declared = self.get_index(index)
        size = valid(SimilarForm(request.query_params))["size"] or 10
        found = visible(declared, request).filter(pk=declared.keys([product]).get(product)).first()
        if found is None:
            raise NotFound({"product": ["There is no such product."]})
        results = resembling(declared, found, size=size, request=request)
        context = {"request": request, "view": self, "index": declared}
        return Response(SimilarSerializer(results, context=context).data, headers=results.headers)


class SuggestView(IndexView):
    """Suggests products, queries and values of facets for what somebody is still typing."""

    operation = "suggest"
    answer_class = SuggestionsSerializer
    throttle_classes = [SuggestThrottle]
    form_class = SuggestForm

    def get(self, request: Request, index: str = "", **address: Any) -> Response:
        """Answer for `q`, with `size` of each kind at most, 5 by default."""
        declared = self.get_index(index)
        asked = valid(SuggestForm(request.query_params))
        text = asked["q"][: settings.QUERY_MAX_LENGTH]
        found = suggest(declared, text, limit=asked["size"] or 5, request=request)
        return Response(SuggestionsSerializer(found, context={"request": request, "view": self}).data)


class _FormView(IndexView):
    """Takes what the storefront's form takes."""

    form_class: type[SearchForm] = SearchForm

    def form(self) -> forms.Form | None:
        """Return the empty form; of no index in particular, without facets."""
        index = next((one for one in open_indexes() if self.index_name in (one.name, "")), None)
        return self.form_class(index) if index else None


class FacetView(_FormView):
    """Names all values of one facet among what a search finds."""

    operation = "facet"
    answer_class = FacetSerializer

    def get(self, request: Request, facet: str, index: str = "", **address: Any) -> Response:
        """Answer with the facet as a search shows it, but for its limit; `within` keeps values that hold a text."""
        form = self.form_class(self.get_index(index), request.query_params)
        if facet not in [one.name for one in form.index.facets]:
            raise NotFound({"facet": ["There is no such facet."]})
        valid(form)
        results = form.counted(facet, request)
        return Response(FacetSerializer(results.facets[facet]).data, headers=results.headers)


class SearchView(_FormView):
    """Searches one index by words, by a picture, or by both.

    Only an index that is open to the API answers, and only with what this user may see.
    """

    operation = "search"
    answer_class = AnswerSerializer
    parser_classes = [JSONParser, MultiPartParser, FormParser]

    def get(self, request: Request, index: str = "", **address: Any) -> Response:
        """Answer a search given by its parameters."""
        return self.answer(request, self.form_class(self.get_index(index), request.query_params))

    def post(self, request: Request, index: str = "", **address: Any) -> Response:
        """Answer a search given as JSON or as a form; a form may hold a picture, whose token later requests give."""
        declared, sent = self.get_index(index), parameters(request.data)
        if "image" in sent and "image" not in request.FILES:
            raise ValidationError({"image": ["Send the picture as a file, in a multipart form."]})
        return self.answer(request, self.form_class(declared, sent, request.FILES))

    def answer(self, request: Request, form: SearchForm) -> Response:
        """Search, or say at each field what is wrong with it."""
        valid(form)
        results = form.search(request, explain=self.explains(request, form))
        return Response(self.represent(request, form, results), headers=results.headers)

    @staticmethod
    def explains(request: Request, form: SearchForm) -> bool:
        """Is an explanation asked for, by one of the staff?"""
        return bool(form.cleaned_data["explain"] and getattr(request.user, "is_staff", False))

    def represent(self, request: Request, form: SearchForm, results: Results, path: str = "") -> dict[str, Any]:
        """Return the whole answer; ``path`` is where this very search has its address."""
        picture = form.cleaned_data["image"]
        address = Address.of(request.build_absolute_uri(path or request.path), cast(QueryDict, form.data))
        if picture:
            address = address.with_("picture", cache.keep_picture(picture))
        token = address.parameters.get("picture", "")
        context = {
            "request": request,
            "view": self,
            "index": form.index,
            "form": form,
            "explain": self.explains(request, form),
            "picture": token,
            # A picture that could not be kept has no next page: that would be the page of another search.
            "address": None if picture and not token else address,
        }
        return dict(self.answer_class(results, context=context).data)


class MultiView(SearchView):
    """Answers several searches at once, of one index or of several: the parts of a page, in one request."""

    operation = "search_several"
    parser_classes = [JSONParser]
    http_method_names = ["post", "options"]

    def post(self, request: Request, index: str = "", **address: Any) -> Response:
        """Answer up to 10 searches in their order. Where one of them is wrong, none is made."""
        asked = request.data.get("searches") if isinstance(request.data, dict) else None
        if not isinstance(asked, list) or not 1 <= len(asked) <= MAX_SEARCHES:
            raise ValidationError({"searches": [f"Give a list of 1 to {MAX_SEARCHES} searches."]})
        several = self.forms(asked)
        for _further in several[1:]:  # the first is counted already
            self.check_throttles(request)
        found = [form.search(request, explain=self.explains(request, form)) for form in several]
        answers = [
            self.represent(request, form, results, urljoin(request.path, f"../{form.index.name}/"))
            for form, results in zip(several, found, strict=True)
        ]
        degraded = dict.fromkeys(what for results in found for what in results.degraded)
        timings: dict[str, float] = {}
        for results in found:
            for stage, spent in results.timings.items():
                timings[stage] = timings.get(stage, 0.0) + spent
        together = Results(degraded=tuple(degraded), timings=timings)
        return Response({"results": answers}, headers=together.headers)

    def forms(self, asked: list[Any]) -> list[SearchForm]:
        """Return the form of each search; raises ValidationError with the place of each that is wrong."""
        found, errors = [], dict[str, Any]()
        for place, one in enumerate(asked):
            try:
                sent = parameters(one)
                index = self.get_index(sent.get("index", ""))
                sent.pop("index", None)  # no parameter of a search by itself
                form = self.form_class(index, sent)
                valid(form)
                found.append(form)
            except (ValidationError, NotFound) as error:
                told = cast(dict[str, Any], error.detail)
                errors |= {f"searches.{place}.{name}": texts for name, texts in told.items()}
        if errors:
            raise ValidationError(errors)
        return found
