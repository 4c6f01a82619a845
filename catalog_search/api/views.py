"""The search endpoint: the storefront's form and results, as JSON."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..conf import settings
from ..exceptions import IndexNotFound
from ..forms import SearchForm
from ..health import health_of
from ..indexes import SearchIndex, registry
from ..navigation import Address
from ..responses import describe
from ..searching import Results, cache, similar
from ..suggesting import suggest
from .serializers import BannerSerializer, FacetSerializer, SuggestionsSerializer, serialize_hits
from .throttling import SearchThrottle


class HealthView(APIView):
    """Tells operators and load balancers how each index is; staff also read why. 503 where one cannot be searched."""

    throttle_classes = [SearchThrottle]

    def get(self, request: Request) -> Response:
        """Answer with the status of the worst index, and for staff with all that is known of each."""
        states = [health_of(index) for index in registry]
        worst = max((state.status for state in states), key=["ok", "degraded", "down"].index, default="down")
        told: dict[str, Any] = {"status": worst}
        if getattr(request.user, "is_staff", False):
            told["indexes"] = [state.as_dict() for state in states]
        code = status.HTTP_503_SERVICE_UNAVAILABLE if worst == "down" else status.HTTP_200_OK
        return Response(told, status=code, headers={"Cache-Control": "no-store"})


class InvalidSearch(APIException):
    """The parameters of a search are not valid."""

    status_code = status.HTTP_400_BAD_REQUEST


class IndexView(APIView):
    """Answers for one index, where it is open to the API."""

    throttle_classes = [SearchThrottle]
    max_size = 50

    def get_index(self, name: str) -> SearchIndex:
        """Return the index to search; Http404 where there is none, or none that is open to the API."""
        try:
            index = registry.get(name)
        except IndexNotFound as error:
            raise Http404("There is no such search.") from error
        if not index.api:
            raise Http404("There is no such search.")
        return index

    def get_size(self, request: Request, usual: int) -> int:
        """Return how many are asked for by ``size``; raises InvalidSearch with what is allowed."""
        try:
            size = int(request.query_params.get("size", usual))
        except ValueError:
            size = 0
        if not 1 <= size <= self.max_size:
            raise InvalidSearch({"errors": {"size": [f"Give a whole number from 1 to {self.max_size}."]}})
        return size


def valid(form: SearchForm) -> SearchForm:
    """Return a form that is valid. Raises InvalidSearch, which says at each field what is wrong."""
    if not form.is_valid():
        errors = {name: [str(message) for message in messages] for name, messages in form.errors.items()}
        raise InvalidSearch({"errors": errors})
    return form


class SimilarView(IndexView):
    """Names products similar to one, without its variants: what a product's page shows below."""

    def get(self, request: Request, index: str, pk: str) -> Response:
        """Answer with ``size`` products (10 by default); Http404 where this user may not see the product."""
        declared = self.get_index(index)
        try:
            product = declared.queryset(request).filter(pk=declared.model._meta.pk.to_python(pk)).first()
        except ValidationError as error:
            raise Http404("There is no such product.") from error
        if product is None:
            raise Http404("There is no such product.")
        hits = similar(declared, product, size=self.get_size(request, 10), request=request)
        return Response({"hits": serialize_hits(declared, hits, {"request": request, "view": self})})


class FacetView(IndexView):
    """Names all values of one facet among what a search finds: its parameters, and ``within`` for what they hold."""

    form_class: type[SearchForm] = SearchForm

    def get(self, request: Request, index: str, facet: str) -> Response:
        """Answer with the facet as a search shows it, but for its limit."""
        form = self.form_class(self.get_index(index), request.query_params)
        if facet not in [one.name for one in form.index.facets]:
            raise Http404("There is no such facet.")
        found = valid(form).facet(facet, request)
        return Response(None if found is None else FacetSerializer(found).data)


class SuggestView(IndexView):
    """Suggests products, queries and values of facets for what somebody is still typing."""

    max_size = 20

    def get(self, request: Request, index: str) -> Response:
        """Answer for ``q``, with ``size`` of each kind at most (5 by default)."""
        declared = self.get_index(index)
        text = request.query_params.get("q", "")[: settings.QUERY_MAX_LENGTH]
        found = suggest(declared, text, limit=self.get_size(request, 5), request=request)
        return Response(SuggestionsSerializer(found, context={"request": request, "view": self}).data)


class SearchView(IndexView):
    """Searches one index by words, by a picture, or by both.

    GET takes the parameters of the storefront's address; POST takes them as a form, with a picture as ``image``.
    The picture is kept for a while: ``query.picture`` is its token for later requests. Only indexes with
    ``api = True`` answer, and only with what ``queryset(request)`` lets this user see.
    """

    parser_classes = [MultiPartParser, FormParser]
    form_class: type[SearchForm] = SearchForm

    def get(self, request: Request, index: str) -> Response:
        """Answer a search given by its parameters."""
        return self.answer(request, self.form_class(self.get_index(index), request.query_params))

    def post(self, request: Request, index: str) -> Response:
        """Answer a search given as a form, with or without a picture."""
        return self.answer(request, self.form_class(self.get_index(index), request.data, request.FILES))

    def answer(self, request: Request, form: SearchForm) -> Response:
        """Search, or say at each field what is wrong with it."""
        results = valid(form).search(request, explain=self.explains(request, form))
        response = Response(self.represent(request, form, results))
        describe(response, results)
        return response

    @staticmethod
    def explains(request: Request, form: SearchForm) -> bool:
        """Is an explanation asked for, by one of the staff?"""
        return bool(form.cleaned_data["explain"] and getattr(request.user, "is_staff", False))

    def represent(self, request: Request, form: SearchForm, results: Results) -> dict[str, Any]:
        """Return the whole answer; a shop adds its own here."""
        cleaned = form.cleaned_data
        address = Address.of(request.build_absolute_uri(request.path), cast(QueryDict, form.data))
        if cleaned["image"]:
            address = address.with_("picture", cache.keep_picture(cleaned["image"]))
        token = address.parameters.get("picture", "")
        context = {"request": request, "view": self, "explain": self.explains(request, form)}
        # A picture that could not be kept has no next page: that would be the page of another search.
        lost = bool(cleaned["image"]) and not token
        following, preceding = (None, None) if lost else (address.next_page(results), address.previous_page(results))
        return {
            "query": {
                "q": cleaned["q"],
                "picture": token or None,
                "like": [str(key) for key in cleaned["like"]],
                "unlike": [str(key) for key in cleaned["unlike"]],
                "terms": [{"words": words, "weight": weight} for words, weight in cleaned["terms"]],
            },
            "did_you_mean": results.guidance.did_you_mean or None,
            "instead_of": results.guidance.instead_of or None,
            "searched": results.guidance.searched or None,
            "query_id": results.query_id or None,
            "kind": results.kind,
            "hits": serialize_hits(form.index, results.hits, context),
            "near": serialize_hits(form.index, results.near, context),
            "total": results.total,
            "total_is_exact": results.total_is_exact,
            "page": results.page,
            "pages": results.pages,
            "page_size": results.page_size,
            "next": str(following) if following else None,
            "previous": str(preceding) if preceding else None,
            "facets": {name: FacetSerializer(result).data for name, result in results.facets.items()},
            "sort": results.sort or None,
            "sorts": list(form.index.sorts),
            "redirect": results.guidance.redirect or None,
            "banners": list(BannerSerializer(results.guidance.banners, many=True).data),
            "rules": list(results.guidance.rules),
            "reranked": results.reranked,
            "degraded": list(results.degraded),
            "timings": {stage: round(spent, 1) for stage, spent in results.timings.items()},
        }

    def handle_exception(self, exc: Exception) -> Response:
        """Give every 400 the same shape, an upload that cannot be parsed included."""
        response = super().handle_exception(exc)
        if response.status_code == status.HTTP_400_BAD_REQUEST and "errors" not in response.data:
            response.data = {"errors": {"__all__": [str(response.data.get("detail", ""))]}}
        return response
