"""Generations: complete snapshots of an index, of which one serves."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from ..backends import embedder_of
from ..backends.base import Embedder
from ..backends.configuration import model_name
from ..fusion import Vector
from ..quantization import HALF, QUANTIZATIONS, Quantization
from ..registry import registry
from ..sql import read_alias, write_alias

if TYPE_CHECKING:
    from ..indexes import SearchIndex

Row = TypeVar("Row", bound=models.Model)

UNREAD = ("background",)
"""The sample of a generation is larger than all the rest of it."""


class GenerationQuerySet(models.QuerySet["Generation"]):
    """Chainable questions about generations."""

    def of(self, label: str) -> Self:
        """Keep those of one index, by its model label ("shop.product")."""
        return self.filter(index=label)

    def live(self) -> Self:
        """Keep those that receive changes: being built, active, or kept ready for a rollback."""
        return self.exclude(state=Generation.State.RETIRED)

    def declared(self) -> Self:
        """Keep those of indexes that are declared today; an index may have been taken out, or its model renamed."""
        return self.filter(index__in=[index.label for index in registry])

    def active(self, label: str) -> Generation | None:
        """Return the generation that serves searches: the ready one that was activated last.

        Every search begins with it, and for so short a statement the ORM takes longer to write it than to run it.
        """
        columns = (str(field.column) for field in self.model._meta.concrete_fields if field.name not in UNREAD)
        statement = f"""
            SELECT {", ".join(columns)} FROM {self.model._meta.db_table}
            WHERE index = %s AND state = %s AND activated_at IS NOT NULL ORDER BY activated_at DESC LIMIT 1
        """
        return next(iter(self.raw(statement, [label, Generation.State.READY.value])), None)

    def serving(self, index: SearchIndex, alias: str = "") -> Generation | None:
        """Return the generation that serves an index, from the database that its searches read or the one given."""
        return self.using(alias or read_alias(index.model)).active(index.label)

    def served(self) -> Self:
        """Keep those that could serve at once, the one that was activated last first: the next is the way back."""
        return self.filter(state=Generation.State.READY, activated_at__isnull=False).order_by("-activated_at")


class GenerationManager(models.Manager.from_queryset(GenerationQuerySet)):  # type: ignore[misc]
    """Leaves UNREAD in the database until it is asked for."""

    def get_queryset(self) -> GenerationQuerySet:
        """Return all generations."""
        return super().get_queryset().defer(*UNREAD)


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

    objects = GenerationManager()

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        indexes = [models.Index(fields=["index", "state"], name="catalog_search_gen_index")]

    def __str__(self) -> str:
        return f"{self.index} #{self.pk}"

    @property
    def alias(self) -> str:
        """The database that it is written to, wherever it was read."""
        return write_alias(type(self))

    @property
    def is_serving(self) -> bool:
        """Does it answer searches by now, where it is written?"""
        return type(self).objects.using(self.alias).active(self.index) == self

    def own(self, model: type[Row]) -> models.QuerySet[Row]:
        """Return its documents or changes, where they are written: a replica may lack some."""
        return model._default_manager.using(self.alias).filter(generation=self)

    def move(self, states: Collection[str], **values: Any) -> bool:
        """Write values, a new state as a rule, if it is in one of some states; returns whether it was.

        In one statement: while a worker was busy with it somebody may have paused it, given it up, or been faster.
        """
        found = type(self)._base_manager.using(self.alias).filter(pk=self.pk, state__in=states).update(**values)
        self.refresh_from_db(using=self.alias)
        return bool(found)

    @property
    def embedder(self) -> Embedder:
        """The model that it was built with, loaded once in each process. Raises ModelError where it cannot be."""
        return embedder_of(self.definition["embedder"])

    @property
    def model_name(self) -> str:
        """What the model is called, or else its backend."""
        embedder = self.definition.get("embedder", {})
        return model_name(embedder.get("backend", ""), embedder.get("options") or {})

    @property
    def languages(self) -> list[str]:
        """The languages that its documents are in, the main one first."""
        return list((self.definition or {}).get("languages", ()))

    def language_for(self, wanted: str) -> str:
        """Return a language, or its own main one where it was built before the index had that: it serves on."""
        return wanted if wanted in self.languages or not self.languages else self.languages[0]

    @property
    def quantization(self) -> Quantization:
        """How its HNSW index keeps vectors."""
        return QUANTIZATIONS.get(self.definition.get("quantization", ""), HALF)

    @property
    def verdict(self) -> str:
        """What judgements said of it: "passed" (so where nobody asked them), "refused" or "undecided"."""
        return str(self.measured.get("gate", {}).get("verdict", "passed"))

    @property
    def is_rolled_back(self) -> bool:
        """Did somebody go back from it to the one before? It serves again only where somebody says so."""
        return bool(self.measured.get("rolled_back"))

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
