"""Hits: how products found read as JSON, with what the shop's own serializer says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.request import Request

from ..indexes import SearchIndex
from ..navigation import product_url
from ..registry import registry
from ..searching import Hit

KEPT = ("score", "why")
"""The search's to tell, whatever a product of the shop may call its own."""


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class KeyField(serializers.Field):
    """The primary key of a product, as JSON writes its type."""

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, int) else str(value)


class HitsField(serializers.Field):
    """Hits, each with the fields of the shop's own serializer."""

    def to_representation(self, value: Sequence[Hit]) -> list[dict[str, Any]]:
        return serialize_hits(self.context["index"], value, self.context)


class Texts(serializers.ListField):
    """A list of texts."""

    child = serializers.CharField()


class RankSerializer(serializers.Serializer):
    """Where a lane put a product."""

    rank = serializers.IntegerField(help_text="Its place in the lane, from 1.")
    score = serializers.FloatField(help_text="By the lane's own measure.")


class WhySerializer(serializers.Serializer):
    """Why a product stands where it does."""

    lanes = serializers.DictField(child=RankSerializer(), help_text="By lane: identifiers, words, vectors.")
    fused = serializers.FloatField(help_text="The score of all lanes together.")
    rerank = serializers.FloatField(allow_null=True, help_text="The reranker's score; null where it gave none.")
    matched = serializers.CharField(help_text="How an identifier was met: exact, prefix, word, or empty.")
    penalty = serializers.FloatField(help_text="Share of its score lost by being near to something unwanted.")
    boost = serializers.FloatField(help_text="Share of its score that boosts gave, or took.")
    rules = Texts(help_text="The rules that put it there.")
    shares = serializers.DictField(child=serializers.FloatField(), help_text="How much came from text and image.")

    def get_attribute(self, instance: Hit) -> Any:
        """Leave it out unless it is asked for and allowed."""
        if not self.context.get("explain"):
            raise SkipField
        return super().get_attribute(instance)


class ProductSerializer(serializers.Serializer):
    """What every product found says about itself."""

    id = KeyField(source="object.pk", help_text="The product's key.")
    title = serializers.CharField(source="object.__str__", help_text="The product as text.")
    url = serializers.SerializerMethodField(help_text="Address of the product's page, or null.")
    thumbnail = serializers.SerializerMethodField(help_text="Address of its picture, or null.")

    def get_url(self, found: Any) -> str | None:
        return self._absolute(product_url(found.object))

    def get_thumbnail(self, found: Any) -> str | None:
        return self._absolute(found.thumbnail_url)

    def _absolute(self, url: str) -> str | None:
        request: Request = self.context["request"]
        return request.build_absolute_uri(url) if url else None


class HitSerializer(ProductSerializer):
    """One product found. A shop's own serializer, ``SearchIndex.serializer``, adds and replaces fields."""

    variants = serializers.IntegerField(help_text="Products of its family that were found; 1 where none are grouped.")
    score = serializers.FloatField(help_text="Comparable within one answer only.")
    why = WhySerializer(source="why.as_dict", required=False, help_text="For staff who ask by `explain`.")


def open_indexes() -> list[SearchIndex]:
    """Return the indexes that the API answers for."""
    return [index for index in registry if index.api]


def own_serializer(index: SearchIndex) -> type[serializers.BaseSerializer] | None:
    """Return the shop's own serializer of a product, if it names one."""
    return import_string(index.serializer) if isinstance(index.serializer, str) else index.serializer


def serialize_hits(index: SearchIndex, hits: Sequence[Hit], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hits as JSON takes them, each product by the shop's own serializer too where it names one."""
    serialized = [dict(one) for one in HitSerializer(hits, many=True, context=context).data]
    own = own_serializer(index)
    if own is None:
        return serialized
    products = own([hit.object for hit in hits], many=True, context=context).data
    return [
        {**hit, **product, **{name: hit[name] for name in KEPT if name in hit}}
        for hit, product in zip(serialized, products, strict=True)
    ]
