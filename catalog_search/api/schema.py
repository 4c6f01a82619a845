"""The OpenAPI schema: parameters come from the search form of each index, answers from the serializers.

For one path for each index, with its facets and sorts, name the hook in the settings of drf-spectacular:
``SPECTACULAR_SETTINGS = {"PREPROCESSING_HOOKS": ["catalog_search.api.schema.each_index"]}``.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from django import forms
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse

from ..facets.base import AnyValues
from ..fields import KeysField, PictureField, TermsField
from ..indexes import SearchIndex
from .hits import KEPT, HitSerializer, HitsField, open_indexes, own_serializer
from .parsing import MAX_SEARCHES
from .serializers import AnswerSerializer, ErrorsSerializer

WHAT_FOR = {
    "q": 'Words; "quotes" ask for a phrase, a minus excludes.',
    "image": "A picture to search by: JPEG, PNG, WebP and others.",
    "picture": "Token of a picture sent before: `query.picture` of its answer.",
    "like": 'Keys of products to resemble; one that holds a comma in "quotes".',
    "unlike": "Keys of products not to resemble.",
    "terms": "Weighted words, `words^weight`; below zero they are not wanted.",
    "sort": "The order; without it the best first.",
    "page": "The page, from 1.",
    "page_size": "Hits on a page.",
    "more": "A facet whose values are all wanted, beyond its limit.",
    "within": "With `more`: only values that hold this text.",
    "language": "The language of the words, for indexes with several.",
    "rerank": "False spares the time of the reranker.",
    "exact": "True searches for the words as they are typed, however they are spelt.",
    "explain": "True tells why each hit stands where it does; staff only.",
    "size": "How many at most.",
}
"""What each parameter is for; a facet's is its label."""
EXAMPLES: dict[str, Any] = {"q": "red mug", "terms": ["summer dress", "floral^-0.5"], "page_size": 12}
HEADERS = {
    "Server-Timing": "Milliseconds by stage.",
    "X-Search-Degraded": "What failed on the way, where anything did: embedder, reranker, index, ...",
}
NOT_FOUND: dict[int | str, str] = {404: "There is no such search, product or facet."}
ERRORS: dict[int | str, str] = {
    400: "A parameter is wrong.",
    429: "Too many requests: wait as long as `Retry-After` says.",
    "default": "Any other error.",
}


def each_index(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Give each index that the API answers for paths of its own; a hook for PREPROCESSING_HOOKS."""
    found = []
    for path, regex, method, callback in endpoints:
        if "{index}" not in path or not hasattr(getattr(callback, "cls", None), "index_name"):
            found.append((path, regex, method, callback))
            continue
        for index in open_indexes():
            view = callback.cls.as_view(**{**callback.initkwargs, "index_name": index.name})
            here = path.replace("{index}", index.name), regex.replace("<str:index>", index.name)
            found.append((*here, method, view))
    return found


def properties(form: forms.Form | None) -> dict[str, dict[str, Any]]:
    """Return the fields of a form as JSON Schema."""
    return {name: _property(name, field) for name, field in form.fields.items()} if form else {}


def _property(name: str, field: forms.Field) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    if isinstance(field, forms.BooleanField):
        found = {"type": "boolean"}
    elif isinstance(field, AnyValues | KeysField | TermsField):
        found = {"type": "array", "items": {"type": "string"}}
    elif isinstance(field, forms.ChoiceField):
        choices = [str(value) for value, _ in list(field.choices) if value]  # type: ignore[arg-type]
        found |= {"enum": choices} if choices else {}
    elif isinstance(field, forms.IntegerField):
        bounds = {"minimum": field.min_value, "maximum": field.max_value}
        number = "number" if isinstance(field, forms.DecimalField) else "integer"
        found = {"type": number, **{key: value for key, value in bounds.items() if value is not None}}
    elif isinstance(field, PictureField):
        found |= {"format": "binary"}
    elif limit := getattr(field, "max_length", None) or field.widget.attrs.get("maxlength"):
        found |= {"maxLength": int(limit)}
    if isinstance(field, AnyValues):  # whatever a facet is called
        return {**found, "description": f"{field.label}: any of these values."}
    return {**found, "description": WHAT_FOR.get(name) or f"{field.label}."}


class SearchSchema(AutoSchema):
    """Describes the endpoints of the search."""

    view: Any

    def get_operation_id(self) -> str:
        """Name it by what it does and the index."""
        by_body = self.method == "POST" and "GET" in self.view.allowed_methods
        parts = (self.view.operation, self._index_name, "by_body" if by_body else "")
        return "_".join(filter(None, parts))

    def get_tags(self) -> list[str]:
        return ["search"]

    @property
    def _index_name(self) -> str:
        return getattr(self.view, "index_name", "")

    def get_override_parameters(self) -> list[Any]:
        found = [
            OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text, response=[200])
            for name, text in HEADERS.items()
        ]
        if "{facet}" in self.path:
            names = [
                one.name for index in open_indexes() if self._index_name in (index.name, "") for one in index.facets
            ]
            found.append(OpenApiParameter("facet", str, OpenApiParameter.PATH, enum=list(dict.fromkeys(names)) or None))
        if self.method == "GET":
            for name, schema in properties(self.view.form()).items():
                if schema.get("format") != "binary":
                    text = schema.pop("description")
                    shown = [OpenApiExample(name, EXAMPLES[name])] if name in EXAMPLES else []
                    found.append(OpenApiParameter(name, schema, description=text, examples=shown))
        return found

    def get_request_serializer(self) -> Any:
        if body := getattr(self.view, "body_class", None):
            return body
        if self.view.operation == "search_several":
            return {"application/json": self._several()}
        kinds = {kind: self._search() for kind in self.map_parsers()}
        if "multipart/form-data" in kinds:
            kinds["multipart/form-data"] = {"type": "object", "properties": properties(self.view.form())}
        return kinds

    def get_response_serializers(self) -> Any:
        answer = self.view.answer_class
        found: dict[Any, Any] = {200 if answer else 204: answer}
        if self.view.operation == "search_several":
            answers = [self._of(index).resolve_serializer(AnswerSerializer, "response").ref for index in open_indexes()]
            items = {"anyOf": answers} if answers else {}
            several = {"type": "array", "items": items, "description": "As single searches answer."}
            found = {200: {"type": "object", "properties": {"results": several}, "required": ["results"]}}
        if self.view.operation == "health":
            found[503] = OpenApiResponse(answer, "An index cannot be searched.")
        errors = NOT_FOUND | ERRORS if hasattr(self.view, "index_name") else ERRORS
        return found | {code: OpenApiResponse(ErrorsSerializer, text) for code, text in errors.items()}

    def get_examples(self) -> list[OpenApiExample]:
        one = {"q": "red mug", "page_size": 12}
        bodies = {
            "search": one,
            "search_several": {"searches": [{"index": index.name, **one} for index in open_indexes()]},
            "note_event": {"query_id": "7b6f1d0e9a4c4f0f8e21c0a1b2c3d4e5", "product": "7", "position": 3},
        }
        body = bodies.get(self.view.operation) if self.method == "POST" else None
        return [OpenApiExample("body", body, request_only=True)] if body else []

    def _search(self) -> dict[str, Any]:
        shown = {name: one for name, one in properties(self.view.form()).items() if one.get("format") != "binary"}
        return self._component("Search", {"type": "object", "properties": shown})

    def _several(self) -> dict[str, Any]:
        def one(index: SearchIndex) -> dict[str, Any]:
            named = {"type": "object", "properties": {"index": {"const": index.name}}, "required": ["index"]}
            return {"allOf": [named, self._of(index)._search()]}

        searches = [one(index) for index in open_indexes()]
        listed = {"type": "array", "items": {"oneOf": searches}, "minItems": 1, "maxItems": MAX_SEARCHES}
        return {"type": "object", "properties": {"searches": listed}, "required": ["searches"]}

    def _of(self, index: SearchIndex) -> SearchSchema:
        """Return the schema of the same endpoint for one index."""
        schema = copy(self)
        schema.view = copy(self.view)
        schema.view.index_name = index.name
        return schema

    def _component(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        name = f"{self._prefix}{name}"
        component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, object=name)
        self.registry.register_on_missing(component)
        return component.ref

    @property
    def _prefix(self) -> str:
        return self._index_name.title().replace("_", "").replace(".", "")

    def _get_serializer_name(self, serializer: Any, direction: Direction, bypass_extensions: bool = False) -> str:
        """Tell answers of different indexes apart: their hits have different fields."""
        name = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return f"{self._prefix}{name}" if name in ("Answer", "Similar") else name


class HitsExtension(OpenApiSerializerFieldExtension):
    """Describes hits with the fields of the shop's own serializer."""

    target_class = HitsField

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        own = next((own_serializer(one) for one in open_indexes() if one.name == auto_schema._index_name), None)
        if own is None:
            hit = auto_schema.resolve_serializer(HitSerializer, direction).ref
        else:
            ours, theirs = (auto_schema._map_serializer(one(), direction) for one in (HitSerializer, own))
            added = {name: one for name, one in theirs.get("properties", {}).items() if name not in KEPT}
            required = {*ours["required"], *theirs.get("required", ())} & {*ours["properties"], *added}
            merged = {"type": "object", "properties": {**ours["properties"], **added}, "required": sorted(required)}
            hit = auto_schema._component("Hit", merged)
        return {"type": "array", "items": hit}
