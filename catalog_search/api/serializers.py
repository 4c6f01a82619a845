"""Serializers: how answers read as JSON, field by field, and what events must hold."""

from __future__ import annotations

from typing import Any

from drf_spectacular.helpers import lazy_serializer
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import QueryEvent
from ..searching import Results
from .hits import HitsField, ProductSerializer, Texts


class TextOrNull(serializers.CharField):
    """A text that is null where there is nothing to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override]
        return super().to_representation(value) or None


class Rounded(serializers.FloatField):
    """A number of which the first decimal is enough."""

    def to_representation(self, value: Any) -> float:  # type: ignore[override]
        return round(float(value), 1)


class BannerSerializer(serializers.Serializer):
    """A message above the hits."""

    text = serializers.CharField(help_text="Plain text.")
    url = serializers.CharField(help_text="Where it leads, or empty.")
    picture = serializers.CharField(help_text="Address of its picture, or empty.")


@extend_schema_field(lazy_serializer(f"{__name__}.FacetValueSerializer")(many=True))
class LevelField(serializers.Field):
    """More of what the serializer around it writes."""

    def to_representation(self, value: Any) -> list[dict[str, Any]]:
        return [self.parent.to_representation(one) for one in value]


class FacetValueSerializer(serializers.Serializer):
    """One choice of a facet."""

    value = serializers.CharField(help_text="What the parameter takes.")
    label = serializers.CharField(help_text="What people read.")  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="Products found that have it.")
    chosen = serializers.BooleanField(help_text="Is it chosen?")
    children = LevelField(read_only=True, help_text="In a hierarchy: the next level, where it is open.")


class FacetRangeSerializer(serializers.Serializer):
    """The bounds of the products found, and the bounds chosen."""

    low = serializers.CharField(allow_null=True, help_text="The least among the products found, or null.")
    high = serializers.CharField(allow_null=True, help_text="The greatest.")
    chosen_low = serializers.CharField(allow_null=True, help_text="The lower bound chosen, or null.")
    chosen_high = serializers.CharField(allow_null=True, help_text="The upper one.")
    steps = FacetValueSerializer(many=True, help_text="Ranges between the steps that the index declares.")


class FacetSerializer(serializers.Serializer):
    """A filter: either ``values`` or ``range`` says what can be chosen, the other is null."""

    label = serializers.CharField(help_text="What people read above it.")  # type: ignore[assignment]
    parameters = Texts(source="facet.parameters", help_text="The parameters that choose.")
    values = FacetValueSerializer(
        many=True, read_only=True, allow_null=True, help_text="The choices, most frequent first."
    )
    range = FacetRangeSerializer(read_only=True, allow_null=True, help_text="The bounds.")
    hidden = serializers.IntegerField(help_text="Values besides those listed; `facets/` lists them.")
    exact = serializers.BooleanField(help_text="False: choosing a value may find more than its count.")


class TermSerializer(serializers.Serializer):
    """Words that count more or less, or against."""

    words = serializers.CharField(help_text="The words.")
    weight = serializers.FloatField(help_text="Their weight; below zero they are not wanted.")


class QuerySerializer(serializers.Serializer):
    """What was asked, as it was understood."""

    q = serializers.CharField(help_text="The words.")
    picture = TextOrNull(help_text="Token of the picture, for `picture` of later requests.")
    like = Texts(help_text="Keys of products to resemble.")
    unlike = Texts(help_text="Keys of products not to resemble.")
    terms = TermSerializer(many=True, help_text="Weighted words.")


class AnswerSerializer(serializers.Serializer):
    """One page of a search. A shop adds its own fields in a subclass: ``SearchView.answer_class``."""

    query = serializers.SerializerMethodField(help_text="What was asked, as it was understood.")
    did_you_mean = TextOrNull(source="guidance.did_you_mean", help_text="Words that would most likely find more.")
    instead_of = TextOrNull(source="guidance.instead_of", help_text="What was typed, where other words were searched.")
    searched = TextOrNull(source="guidance.searched", help_text="The words that were searched then.")
    query_id = TextOrNull(help_text="For `events/` to refer to; null where no log is kept.")
    kind = serializers.CharField(help_text="What was asked by: text, photo, photo+text, like, ... or browse.")
    hits = HitsField(help_text="The products of this page, best first.")
    near = HitsField(help_text="Where nothing matches, what comes nearest; counted nowhere.")
    total = serializers.IntegerField(help_text="Products found on all pages: what DRF's pagination calls `count`.")
    total_is_exact = serializers.BooleanField(help_text="False: there are at least as many, counting stopped there.")
    page = serializers.IntegerField(help_text="The page, from 1.")
    pages = serializers.IntegerField(help_text="How many pages there are, at least 1.")
    page_size = serializers.IntegerField(help_text="Hits on a page.")
    next = serializers.SerializerMethodField(help_text="Address of the next page, or null.")
    previous = serializers.SerializerMethodField(help_text="Address of the page before, or null.")
    facets = serializers.DictField(child=FacetSerializer(), help_text="The filters, by name.")
    sort = TextOrNull(help_text="The order chosen; null: the best first.")
    sorts = serializers.SerializerMethodField(help_text="The orders there are.")
    redirect = TextOrNull(source="guidance.redirect", help_text="An address to go to rather than to show hits.")
    banners = BannerSerializer(many=True, source="guidance.banners", help_text="Messages to show above the hits.")
    rules = Texts(source="guidance.rules", help_text="The merchandising rules that acted.")
    reranked = serializers.IntegerField(help_text="How many candidates the reranker scored.")
    degraded = Texts(help_text="What failed on the way; usually empty.")
    timings = serializers.DictField(child=Rounded(), help_text="Milliseconds by stage.")

    @extend_schema_field(QuerySerializer)
    def get_query(self, results: Results) -> dict[str, Any]:
        cleaned = self.context["form"].cleaned_data
        terms = [{"words": words, "weight": weight} for words, weight in cleaned["terms"]]
        asked = {name: cleaned[name] for name in ("q", "like", "unlike")}
        return dict(QuerySerializer({**asked, "terms": terms, "picture": self.context["picture"]}).data)

    def get_next(self, results: Results) -> str | None:
        address = self.context["address"]
        return str(address.next_page(results) or "") or None if address else None

    def get_previous(self, results: Results) -> str | None:
        address = self.context["address"]
        return str(address.previous_page(results) or "") or None if address else None

    def get_sorts(self, results: Results) -> list[str]:
        return list(self.context["index"].sorts)


class SimilarSerializer(serializers.Serializer):
    """Products that resemble one."""

    hits = HitsField(help_text="The nearest first, without the product itself and its variants.")


class SuggestedProductSerializer(ProductSerializer):
    """A product whose words begin so."""


class SuggestedValueSerializer(serializers.Serializer):
    """A value of a facet: a category, a brand."""

    facet = serializers.CharField(help_text="The parameter that takes the value.")
    facet_label = serializers.CharField(help_text="What people read above the facet.")
    value = serializers.CharField(help_text="What the parameter takes.")
    label = serializers.CharField(help_text="What people read.")  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="Products that have it.")


class SuggestionsSerializer(serializers.Serializer):
    """What to offer to somebody who is still typing."""

    queries = Texts(help_text="What others asked and found.")
    values = SuggestedValueSerializer(many=True, help_text="Categories, brands and the like.")
    products = SuggestedProductSerializer(many=True, help_text="Products whose words begin so.")


class EventSerializer(serializers.Serializer):
    """A click or an order."""

    query_id = serializers.UUIDField(help_text="The `query_id` of the search.")
    product = serializers.CharField(max_length=200, help_text="The `id` of the product.")
    kind = serializers.ChoiceField(
        QueryEvent.Kind.choices, default=QueryEvent.Kind.CLICK.value, help_text="What was done with it."
    )
    position = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, allow_null=True, help_text="Its place in the list, from 1."
    )


class IndexHealthSerializer(serializers.Serializer):
    """The state of one index."""

    index = serializers.CharField(help_text="The model that it finds.")
    status = serializers.CharField(help_text="ok, degraded or down.")
    problems = Texts(help_text="What an operator should look at.")
    generation = serializers.IntegerField(allow_null=True, help_text="The one that serves.")
    outdated = serializers.BooleanField(help_text="Was it built from other settings than today's?")
    products = serializers.IntegerField(help_text="Products to be indexed.")
    documents = serializers.IntegerField(help_text="Products that can be found.")
    pictures_failed = serializers.IntegerField(help_text="Products with a picture that could not be read.")
    waiting = serializers.IntegerField(help_text="Products with changes that no worker has taken yet.")
    waiting_minutes = serializers.FloatField(help_text="The age of the oldest of them.")
    set_aside = serializers.IntegerField(help_text="Products whose changes failed too often.")
    searches = serializers.IntegerField(help_text="Searches of the last 15 minutes, by the query log.")
    degraded = serializers.IntegerField(help_text="How many of them something failed in.")
    unreachable = Texts(help_text="Models that do not answer, or the `database`.")
    milliseconds = serializers.FloatField(help_text="What a search by vector took just now.")


class HealthSerializer(serializers.Serializer):
    """How the search is."""

    status = serializers.ChoiceField(["ok", "degraded", "down"], help_text="That of the worst index.")
    indexes = IndexHealthSerializer(many=True, required=False, help_text="For staff: all that is known of each.")


class ErrorsSerializer(serializers.Serializer):
    """What is wrong, by the name of the parameter; `__all__` where no single one is to blame."""

    errors = serializers.DictField(child=Texts(), help_text="By parameter: what to do.")  # type: ignore[assignment]
