"""Documents: products as they are searched, and the small copies of their pictures."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from .generations import Generation


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
