"""The query log: searches, and what was chosen from them."""

from __future__ import annotations

from django.db import models
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _


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
    redirected = models.BooleanField(_("sent on"), default=False, db_default=False)
    """By a rule, to a page that stands for the results: whether some were found or chosen says nothing then."""
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
        return Truncator(self.text).chars(80) or self.kind


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
