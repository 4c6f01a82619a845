"""Judging: what people say of results, and what was measured by it."""

from __future__ import annotations

from collections import defaultdict

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .generations import Generation


class JudgementQuerySet(models.QuerySet["Judgement"]):
    """Chainable questions about judgements."""

    def by_query(self, index: str, language: str) -> dict[str, dict[str, int]]:
        """Return the grades of an index and language by query and product key, as ``evaluation`` takes them."""
        rows = self.filter(index=index, language=language).order_by("query", "object_key")
        grades: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for query, key, grade in rows.values_list("query", "object_key", "grade"):
            grades[query][key] = grade
        return dict(grades)


class Judgement(models.Model):
    """How well a product answers a query, by a person who looked at both. The last word on a pair counts."""

    class Grade(models.IntegerChoices):
        WRONG = 0, _("Wrong")
        RELATED = 1, _("Related")
        GOOD = 2, _("Good")
        EXACT = 3, _("Exactly right")

    index = models.CharField(_("index"), max_length=100)
    language = models.CharField(_("language"), max_length=15)
    query = models.CharField(_("query"), max_length=500)
    object_key = models.CharField(_("object key"), max_length=200)
    grade = models.PositiveSmallIntegerField(_("grade"), choices=Grade)
    judged_by = models.CharField(_("judged by"), max_length=150, blank=True)
    judged_at = models.DateTimeField(_("judged"), auto_now=True)

    objects = JudgementQuerySet.as_manager()

    class Meta:
        verbose_name = _("judgement")
        verbose_name_plural = _("judgements")
        permissions = [("use_playground", _("Can search in the playground"))]
        constraints = [
            models.UniqueConstraint(
                fields=["index", "language", "query", "object_key"], name="catalog_search_judgement_unique"
            ),
            models.CheckConstraint(condition=models.Q(grade__lte=3), name="catalog_search_judgement_grade"),
        ]

    def __str__(self) -> str:
        return f"{self.query}: {self.object_key}"


class Measurement(models.Model):
    """What ``evaluate_search`` found of a generation on judged queries, kept to be looked at and compared."""

    generation = models.ForeignKey(Generation, models.CASCADE, verbose_name=_("generation"))
    source = models.CharField(_("judgements"), max_length=200)
    queries = models.PositiveIntegerField(_("queries"))
    content = models.JSONField(_("measured"))
    created_at = models.DateTimeField(_("measured at"), db_default=Now())

    class Meta:
        verbose_name = _("measurement")
        verbose_name_plural = _("measurements")
        indexes = [models.Index(fields=["created_at"], name="catalog_search_measured_at")]

    def __str__(self) -> str:
        return f"{self.generation_id}: {self.source}"
