"""Parsing: bodies in JSON become the parameters that an address would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

from ..facets.base import as_parameter
from ..languages import writable

MAX_SEARCHES = 10
"""Searches of one request to ``multi/``; each counts for the throttle."""
_ONE = (str, int, float, bool)


class JSONParser(parsers.JSONParser):
    """Reads JSON that is nested as deep as somebody likes, or says that this is too deep."""

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deep") from error


class BeaconParser(JSONParser):
    """Reads JSON that ``navigator.sendBeacon`` sends as plain text."""

    media_type = "text/plain"


def parameters(data: Any) -> QueryDict:
    """Return a form as it is, and a JSON object as if it had been sent as a form: lists give several values.

    Raises ValidationError with the names of values that no form can hold.
    """
    if isinstance(data, QueryDict):
        return data
    if not isinstance(data, Mapping):
        raise ValidationError({"__all__": ["Send a JSON object."]})
    found, wrong = QueryDict(mutable=True), {}
    for name, value in data.items():
        values = [one for one in (value if isinstance(value, list) else [value]) if one is not None]
        if all(isinstance(one, _ONE) for one in values):
            found.setlist(writable(name), [writable(as_parameter(one)) for one in values])
        else:
            wrong[writable(name)] = ["Give a text, a number, true or false, or a list of these."]
    if wrong:
        raise ValidationError(wrong)
    return found
