"""What the index keeps: generations, documents, changes waiting for them, and thumbnails."""

from __future__ import annotations

from typing import Self

import numpy as np
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from pgvector.django import HalfVectorField

from .fusion import Vector
from .quantization import HALF, QUANTIZATIONS, Quantization


class GenerationQuerySet(models.QuerySet["Generation"]):
    """Chainable questions about generations."""

    def of(self, label: str) -> Self:
        """Keep those of one index, by its model label ("shop.product")."""
        return self.filter(index=label)

    def live(self) -> Self:
        """Keep those that receive changes: being built, active, or kept ready for a rollback."""
        return self.exclude(state=Generation.State.RETIRED)

    def active(self, label: str) -> Generation | None:
        """Return the generation that serves searches: the ready one that was activated last.

        Its background sample stays in the database until asked for: it is larger than all the rest.
        """
        ready = self.of(label).filter(state=Generation.State.READY, activated_at__isnull=False)
        return ready.defer("background").order_by("-activated_at").first()


class Generation(models.Model):
    """A complete snapshot of one index definition; a change of model or fields builds a new one beside it.

    Activation is one row update (``activated_at``), and so is a rollback to an older one.
    """

    class State(models.TextChoices):
        PREPARING = "preparing", _("Preparing")
        BUILDING = "building", _("Building")
        PAUSED = "paused", _("Paused")
        READY = "ready", _("Ready")
        RETIRED = "retired", _("Retired")

    index = models.CharField(_("index"), max_length=100)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PREPARING)
    fingerprint = models.CharField(_("fingerprint"), max_length=40)
    model_fingerprint = models.CharField(_("model fingerprint"), max_length=40)
    definition = models.JSONField(_("definition"))
    dimensions = models.PositiveIntegerField(_("dimensions"), null=True)
    means = models.BinaryField(_("modality means"), null=True)
    background = models.BinaryField(_("background sample"), null=True)
    statistics = models.JSONField(_("statistics"), default=dict)
    ann_index = models.CharField(_("HNSW index"), max_length=63, blank=True)
    error = models.TextField(_("error"), blank=True)
    measured = models.JSONField(_("measured"), default=dict, blank=True)
    """What was measured: the rate and the pictures of a sample, later the scores that decided about its switch."""
    created_at = models.DateTimeField(_("created"), db_default=Now())
    built_at = models.DateTimeField(_("built"), null=True)
    activated_at = models.DateTimeField(_("activated"), null=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        indexes = [models.Index(fields=["index", "state"], name="catalog_search_gen_index")]

    def __str__(self) -> str:
        return f"{self.index} #{self.pk}"

    @property
    def alias(self) -> str:
        """The database that it lives in."""
        return self._state.db or DEFAULT_DB_ALIAS

    @property
    def quantization(self) -> Quantization:
        """How its HNSW index keeps vectors."""
        return QUANTIZATIONS.get(self.definition.get("quantization", ""), HALF)

    @property
    def verdict(self) -> str:
        """What judgements said of it: "passed" (so where nobody asked them), "refused" or "undecided"."""
        return str(self.measured.get("gate", {}).get("verdict", "passed"))

    @property
    def mean_vectors(self) -> dict[str, Vector]:
        """The mean vector of each modality, or nothing where the model fuses by itself."""
        if not self.means:
            return {}
        kinds = self.definition["means"]
        table = np.frombuffer(self.means, dtype="<f4").reshape(len(kinds), -1)
        return dict(zip(kinds, table, strict=True))

    @mean_vectors.setter
    def mean_vectors(self, means: dict[str, Vector]) -> None:
        self.definition["means"] = sorted(means)
        self.means = np.stack([means[kind] for kind in sorted(means)]).astype("<f4").tobytes() if means else None

    @property
    def average_lengths(self) -> list[float]:
        """How many words its documents have on average in the fields of weight A, B, C and D."""
        return list(self.statistics.get("lengths") or [0.0] * 4)

    @property
    def size(self) -> int:
        """How many documents it had when it was measured."""
        return int(self.statistics.get("documents", 0))

    @property
    def nearness(self) -> float | None:
        """The similarity that a text query reaches with what it means in this catalogue; None where unknown."""
        found: float | None = self.statistics.get("nearness")
        return found

    @property
    def background_matrix(self) -> NDArray[np.float32]:
        """The sample that a query's similarities are compared with, shape (sample, dimensions)."""
        sample = np.frombuffer(self.background or b"", dtype="<f2")
        return sample.reshape(-1, self.dimensions or 1).astype(np.float32)


def no_lengths() -> list[int]:
    """Return the lengths of a document that has no words."""
    return [0, 0, 0, 0]


class Document(models.Model):
    """One product in one generation and language, as it is searched."""

    class Pictures(models.TextChoices):
        NONE = "none", _("No picture")
        OK = "ok", _("Embedded")
        FAILED = "failed", _("Missing or unreadable")

    generation = models.ForeignKey(Generation, models.CASCADE, verbose_name=_("generation"))
    object_key = models.CharField(_("object key"), max_length=200)
    object_id = models.BigIntegerField(_("object id"), null=True)
    language = models.CharField(_("language"), max_length=15)
    text = models.TextField(_("text"))
    search_vector = SearchVectorField(_("words"))
    lengths = ArrayField(models.SmallIntegerField(), verbose_name=_("words of each weight"), default=no_lengths)
    identifiers = SearchVectorField(_("identifiers"))
    embedding = HalfVectorField(_("embedding"))
    thumbnail = models.CharField(_("thumbnail"), max_length=200, blank=True)
    pictures = models.CharField(_("pictures"), max_length=10, choices=Pictures, default=Pictures.NONE)
    picture_error = models.TextField(_("picture error"), blank=True)
    stamp = models.CharField(_("stamp"), max_length=40)
    digest = models.CharField(_("digest"), max_length=40)
    embedded_at = models.DateTimeField(_("embedded"), db_default=Now())

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "object_key", "language"], name="catalog_search_document_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["generation", "object_id"], name="catalog_search_doc_object"),
            models.Index(fields=["digest"], name="catalog_search_doc_digest"),
            GinIndex(fields=["search_vector"], name="catalog_search_doc_words"),
            GinIndex(fields=["identifiers"], name="catalog_search_doc_ids"),
        ]

    def __str__(self) -> str:
        return f"{self.object_key} ({self.language})"


class ChangeQuerySet(models.QuerySet["Change"]):
    """Chainable questions about changes."""

    def failing(self) -> Self:
        """Keep those whose last attempt failed."""
        return self.filter(attempts__gt=0).exclude(error="")


class Change(models.Model):
    """A product that may differ from its documents in one generation; written in the product's own transaction."""

    class Priority(models.IntegerChoices):
        CHANGED = 0, _("Changed")
        BACKFILL = 1, _("Backfill")
        PICTURES = 2, _("Pictures missing")

    generation = models.ForeignKey(Generation, models.CASCADE, verbose_name=_("generation"))
    object_key = models.CharField(_("object key"), max_length=200)
    priority = models.SmallIntegerField(_("priority"), choices=Priority, db_default=Priority.CHANGED)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    due_at = models.DateTimeField(_("due"), db_default=Now())
    claim = models.UUIDField(_("claim"), null=True)
    leased_until = models.DateTimeField(_("leased until"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), db_default=0)
    set_aside = models.BooleanField(_("set aside"), db_default=False)
    error = models.TextField(_("error"), db_default="")

    objects = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["priority", "id"]
        indexes = [
            models.Index(F("priority"), F("id"), name="catalog_search_change_queue", condition=Q(set_aside=False)),
            models.Index(fields=["generation", "object_key"], name="catalog_search_change_object"),
            models.Index(fields=["claim"], name="catalog_search_change_claim", condition=Q(claim__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.object_key} in {self.generation_id}"


class Thumbnail(models.Model):
    """The small copy of one picture file: models read it instead of fetching the original again."""

    stamp = models.CharField(_("stamp"), max_length=40, primary_key=True)
    name = models.CharField(_("file"), max_length=200)
    digest = models.CharField(_("digest"), max_length=40)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("thumbnail")
        verbose_name_plural = _("thumbnails")

    def __str__(self) -> str:
        return self.name


class QueryLog(models.Model):
    """One search as it was asked and answered; nothing in it tells who asked."""

    id = models.UUIDField(_("query id"), primary_key=True)
    index = models.CharField(_("index"), max_length=100)
    kind = models.CharField(_("kind"), max_length=30)
    text = models.TextField(_("text"), blank=True)
    language = models.CharField(_("language"), max_length=15, blank=True)
    filters = models.JSONField(_("filters"), default=dict)
    sort = models.CharField(_("sort"), max_length=100, blank=True)
    page = models.PositiveIntegerField(_("page"), default=1)
    total = models.PositiveIntegerField(_("found"))
    shown = models.JSONField(_("shown"), default=list)
    offset = models.PositiveIntegerField(_("shown before"), default=0)
    milliseconds = models.FloatField(_("milliseconds"))
    timings = models.JSONField(_("timings"), default=dict)
    degraded = models.JSONField(_("degraded"), default=list)
    intent = models.UUIDField(_("intent"))
    counted = models.BooleanField(_("counted"))
    created_at = models.DateTimeField(_("searched"))

    class Meta:
        verbose_name = _("search")
        verbose_name_plural = _("searches")
        indexes = [
            models.Index(fields=["created_at"], name="catalog_search_log_time"),
            models.Index(fields=["intent"], name="catalog_search_log_intent"),
        ]

    def __str__(self) -> str:
        return self.text or self.kind


class QueryEvent(models.Model):
    """What somebody did with a product that a search showed. It may arrive before the search is written."""

    class Kind(models.TextChoices):
        CLICK = "click", _("Click")
        CONVERSION = "conversion", _("Conversion")

    query = models.ForeignKey(
        QueryLog, models.CASCADE, related_name="events", db_constraint=False, verbose_name=_("search")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    object_key = models.CharField(_("object key"), max_length=200)
    position = models.PositiveIntegerField(_("position"), null=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("search event")
        verbose_name_plural = _("search events")
        constraints = [
            models.UniqueConstraint(fields=["query", "kind", "object_key"], name="catalog_search_event_unique")
        ]
        indexes = [models.Index(fields=["created_at"], name="catalog_search_event_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_key}"
