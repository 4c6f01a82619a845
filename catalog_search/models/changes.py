"""Changes: the queue of products that may differ from their documents."""

from __future__ import annotations

from django.db import models
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .generations import Generation

WAITING = Q(error="") | Q(attempts=0)
"""For a worker, or for what does not answer, which is no failure of the product's: then the error says so."""


IN_WORK = Q(leased_until__gte=Now())


def products_with(condition: Q) -> Count:
    """Count the products that have a change of some kind; one may have several."""
    return Count("object_key", distinct=True, filter=condition)


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
