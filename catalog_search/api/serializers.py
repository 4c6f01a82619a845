"""Serializers: how results read as JSON, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string
from rest_framework import serializers
from rest_framework.request import Request

from ..facets import FacetRange, FacetValue
from ..indexes import SearchIndex
from ..searching import Hit
from ..searching.results import FacetResult


class HitSerializer(serializers.Serializer):
    """One product found. A shop's own serializer, ``SearchIndex.serializer``, adds and replaces fields."""

    id = serializers.ReadOnlyField(source="object.pk")
    title = serializers.CharField(source="object.__str__")
    url = serializers.SerializerMethodField(help_text="Address of the product's page, or null.")
    thumbnail = serializers.SerializerMethodField(help_text="Address of its picture, or null.")
    variants = serializers.IntegerField(help_text="Products of its family that were found; 1 where none are grouped.")
    score = serializers.FloatField(help_text="Comparable within one answer only.")
    why = serializers.DictField(source="why.as_dict", help_text="Rank and score in each lane; for staff who ask.")

    def get_fields(self) -> dict[str, serializers.Field]:
        """Leave out the explanation unless it is asked for and allowed."""
        fields = super().get_fields()
        if not self.context.get("explain"):
            del fields["why"]
        return fields

    def get_url(self, hit: Hit) -> str | None:
        """Return the absolute address of a product that has a page."""
        has_page = hasattr(hit.object, "get_absolute_url")
        return self._absolute(hit.object.get_absolute_url()) if has_page else None

    def get_thumbnail(self, hit: Hit) -> str | None:
        """Return the absolute address of the thumbnail."""
        return self._absolute(hit.thumbnail_url) if hit.thumbnail_url else None

    def _absolute(self, url: str) -> str:
        request: Request = self.context["request"]
        return request.build_absolute_uri(url)


class BannerSerializer(serializers.Serializer):
    """A message above the hits."""

    text = serializers.CharField(help_text="Plain text.")
    url = serializers.CharField(help_text="Where it leads, or empty.")
    picture = serializers.CharField(help_text="Address of its picture, or empty.")


class FacetValueSerializer(serializers.Serializer):
    """One choice of a facet."""

    value = serializers.CharField(help_text="What the parameter takes.")
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="Products found that have it.")
    chosen = serializers.BooleanField()
    children = serializers.SerializerMethodField(help_text="In a hierarchy: the next level, where it is open.")

    def get_children(self, value: FacetValue) -> list[dict[str, Any]]:
        """Return the choices below."""
        return list(FacetValueSerializer(value.children, many=True).data)


class FacetRangeSerializer(serializers.Serializer):
    """The bounds of the products found, and the bounds chosen."""

    low = serializers.ReadOnlyField()
    high = serializers.ReadOnlyField()
    chosen_low = serializers.ReadOnlyField()
    chosen_high = serializers.ReadOnlyField()
    steps = FacetValueSerializer(many=True, help_text="Ranges between the steps that the index declares.")


class FacetSerializer(serializers.Serializer):
    """A filter: either ``values`` or ``range`` says what can be chosen, the other is null."""

    label = serializers.CharField()  # type: ignore[assignment]
    parameters = serializers.ListField(child=serializers.CharField(), source="facet.parameters")
    values = serializers.SerializerMethodField()
    range = serializers.SerializerMethodField()
    hidden = serializers.IntegerField(help_text="Values besides those listed; api/search/facets/ lists them.")
    exact = serializers.BooleanField(help_text="False: choosing a value may find more than its count.")

    def get_values(self, result: FacetResult) -> list[dict[str, Any]] | None:
        """Return the choices, most frequent first."""
        return (
            None if isinstance(result.found, FacetRange) else list(FacetValueSerializer(result.found, many=True).data)
        )

    def get_range(self, result: FacetResult) -> dict[str, Any] | None:
        """Return the bounds."""
        return dict(FacetRangeSerializer(result.found).data) if isinstance(result.found, FacetRange) else None


class SuggestedProductSerializer(serializers.Serializer):
    """A product whose words begin so."""

    id = serializers.ReadOnlyField(source="object.pk")
    title = serializers.CharField(source="object.__str__")
    url = serializers.SerializerMethodField(help_text="Address of the product's page, or null.")
    thumbnail = serializers.SerializerMethodField(help_text="Address of its picture, or null.")

    get_url, get_thumbnail, _absolute = HitSerializer.get_url, HitSerializer.get_thumbnail, HitSerializer._absolute


class SuggestedValueSerializer(serializers.Serializer):
    """A value of a facet: a category, a brand."""

    facet = serializers.CharField(help_text="The parameter that takes the value.")
    facet_label = serializers.CharField()
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="Products that have it.")


class SuggestionsSerializer(serializers.Serializer):
    """What to offer to somebody who is still typing."""

    queries = serializers.ListField(child=serializers.CharField(), help_text="What others asked and found.")
    values = SuggestedValueSerializer(many=True)
    products = SuggestedProductSerializer(many=True)


def serialize_hits(index: SearchIndex, hits: tuple[Hit, ...], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hits as JSON takes them, each product by the shop's own serializer too where it names one."""
    serialized = [dict(HitSerializer(hit, context=context).data) for hit in hits]
    own = index.serializer
    if own is None:
        return serialized
    serializer_class = import_string(own) if isinstance(own, str) else own
    products = serializer_class([hit.object for hit in hits], many=True, context=context).data
    # The score is the search's to tell, whatever a product may call its own.
    kept = ("score", "why")
    return [
        {**hit, **product, **{name: hit[name] for name in kept if name in hit}}
        for hit, product in zip(serialized, products, strict=True)
    ]
