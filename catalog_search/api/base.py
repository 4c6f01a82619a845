"""What all endpoints share: errors in one shape, who may ask, and what the headers tell."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.utils.module_loading import import_string
from rest_framework import views
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ..conf import settings
from ..indexes import SearchIndex
from ..registry import registry
from ..sql import DATABASE_DOWN
from .schema import SearchSchema
from .throttling import SearchThrottle

logger = logging.getLogger(__name__)


UNREADABLE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
"""What Django says of a body that is more than its settings allow; it names the setting."""


class DatabaseDown(APIException):
    """The database does not answer: nobody can search, and it is nobody's mistake who asks."""

    status_code = 503
    default_detail = "The search is out of order at the moment; please try again later."


class Negotiation(DefaultContentNegotiation):
    """Chooses the form of an answer by the Accept header, and by the parameter ``format`` where it names a renderer.

    Any other ``format`` may be a facet, of books for one.
    """

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:
        """Return the renderers of this format, all where there is none."""
        return [one for one in renderers if one.format == format] or list(renderers)


def answered(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer whatever went wrong with ``{"errors": {name: [text, ...]}}``; "__all__" names what no field is to blame
    for. None where it is a bug, which Django answers and reports.
    """
    if isinstance(exc, DATABASE_DOWN):
        logger.error("The database does not answer: %s", exc)
        exc = DatabaseDown()
    if isinstance(exc, UNREADABLE):
        exc = ParseError(str(exc))
    response = views.exception_handler(exc, dict(context))
    if response is not None:
        told = response.data if isinstance(response.data, dict) else {"__all__": response.data}
        names = {"detail": "__all__", "non_field_errors": "__all__"}
        response.data = {"errors": {names.get(name, name): _messages(value) for name, value in told.items()}}
    return response


def _messages(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}: {text}" for name, inner in value.items() for text in _messages(inner)]
    return [text for one in value for text in _messages(one)] if isinstance(value, list | tuple) else [str(value)]


class SearchAPIView(views.APIView):
    """An endpoint of the search.

    Nothing here changes the shop, and no other site can read an answer, so that a POST wants no CSRF token, whoever is
    logged in. What else an address names, such as a version of the project's API, is taken and passed over.
    """

    schema = SearchSchema()
    content_negotiation_class = Negotiation
    throttle_classes = [SearchThrottle]
    operation = ""
    """Its name in the OpenAPI schema."""
    answer_class: Any = None
    """The serializer of what it answers; None where it answers nothing."""
    form_class: type[forms.Form] | None = None
    """The form that knows its parameters."""
    _began = 0.0

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the project's, sessions without their CSRF check."""
        authenticators = super().get_authenticators()
        for one in authenticators:
            if isinstance(one, SessionAuthentication):
                one.enforce_csrf = lambda request: None  # type: ignore[method-assign]
        return authenticators

    def get_permissions(self) -> Any:
        """Return those that a subclass names, else those of API_PERMISSIONS, else those of the project."""
        paths = settings.API_PERMISSIONS
        if paths and self.permission_classes is views.APIView.permission_classes:
            return [import_string(path)() for path in paths]
        return super().get_permissions()

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        """Answer errors in the API's own shape, whatever the project does elsewhere."""
        return answered

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """Look at the clock before anything else."""
        self._began = time.perf_counter()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell how long it took, where the search has not told in more detail."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Server-Timing", f"total;dur={(time.perf_counter() - self._began) * 1000:.1f}")
        return response

    def form(self) -> forms.Form | None:
        """Return an empty form; for the schema."""
        return self.form_class() if self.form_class else None


class IndexView(SearchAPIView):
    """Answers for one index: the one named in the address, else ``index_name``; where it is open to the API."""

    index_name = ""

    def get_index(self, name: str = "") -> SearchIndex:
        """Return the index to search; NotFound where there is none, or none that is open to the API."""
        index = registry.find(name or self.index_name)
        if index is None or not index.api:
            raise NotFound({"index": ["There is no such search."]})
        return index


def valid(form: forms.Form) -> dict[str, Any]:
    """Return what a form holds. Raises ValidationError, which says at each field what is wrong."""
    if not form.is_valid():
        raise ValidationError({name: list(map(str, messages)) for name, messages in form.errors.items()})
    return form.cleaned_data
