"""The search endpoint: the storefront's form and results, as JSON."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, QueryDict
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..exceptions import IndexNotFound
from ..forms import SearchForm
from ..indexes import SearchIndex, registry
from ..navigation import Address
from ..responses import describe
from ..searching import Results, cache
from .serializers import FacetSerializer, serialize_hits
from .throttling import SearchThrottle


class InvalidSearch(APIException):
    """The parameters of a search are not valid."""

    status_code = status.HTTP_400_BAD_REQUEST


class SearchView(APIView):
    """Searches one index by words, by a picture, or by both.

    GET takes the parameters of the storefront's address; POST takes them as a form, with a picture as ``image``.
    The picture is kept for a while: ``query.picture`` is its token for later requests. Only indexes with
    ``api = True`` answer, and only with what ``queryset(request)`` lets this user see.
    """

    parser_classes = [MultiPartParser, FormParser]
    throttle_classes = [SearchThrottle]
    form_class: type[SearchForm] = SearchForm

    def get(self, request: Request, index: str) -> Response:
        """Answer a search given by its parameters."""
        return self.answer(request, self.form_class(self.get_index(index), request.query_params))

    def post(self, request: Request, index: str) -> Response:
        """Answer a search given as a form, with or without a picture."""
        return self.answer(request, self.form_class(self.get_index(index), request.data, request.FILES))

    def get_index(self, name: str) -> SearchIndex:
        """Return the index to search; Http404 where there is none, or none that is open to the API."""
        try:
            index = registry.get(name)
        except IndexNotFound as error:
            raise Http404("There is no such search.") from error
        if not index.api:
            raise Http404("There is no such search.")
        return index

    def answer(self, request: Request, form: SearchForm) -> Response:
        """Search, or say at each field what is wrong with it."""
        if not form.is_valid():
            errors = {name: [str(message) for message in messages] for name, messages in form.errors.items()}
            raise InvalidSearch({"errors": errors})
        results = form.search(request)
        response = Response(self.represent(request, form, results))
        describe(response, results)
        return response

    def represent(self, request: Request, form: SearchForm, results: Results) -> dict[str, Any]:
        """Return the whole answer; a shop adds its own here."""
        cleaned = form.cleaned_data
        explain = cleaned["explain"] and bool(getattr(request.user, "is_staff", False))
        address = Address.of(request.build_absolute_uri(request.path), cast(QueryDict, form.data))
        if cleaned["image"]:
            address = address.with_("picture", cache.keep_picture(cleaned["image"]))
        token = address.parameters.get("picture", "")
        # A picture that could not be kept has no next page: that would be the page of another search.
        lost = bool(cleaned["image"]) and not token
        following, preceding = (None, None) if lost else (address.next_page(results), address.previous_page(results))
        return {
            "query": {"q": cleaned["q"], "picture": token or None, "like": [str(key) for key in cleaned["like"]]},
            "hits": serialize_hits(form.index, results.hits, {"request": request, "view": self, "explain": explain}),
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
