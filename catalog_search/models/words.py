"""Words: those of the catalogue, those that mean the same, and what people ask again and again."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..languages import folded
from ..registry import registry
from .generations import Generation


class Vocabulary(models.Model):
    """The words of one generation in one language, read as a whole and never row by row: so it is one row.

    ``words`` has a line for each: the word in lower case, a space, and in how many documents it stands.
    """

    generation = models.ForeignKey(Generation, models.CASCADE, related_name="+", verbose_name=_("generation"))
    language = models.CharField(_("language"), max_length=15)
    words = models.TextField(_("words"))
    size = models.PositiveIntegerField(_("number of words"))
    counted_at = models.DateTimeField(_("counted"))
    checked_at = models.DateTimeField(_("checked"), db_default=Now())
    """When somebody last looked whether documents changed since."""

    class Meta:
        verbose_name = _("vocabulary")
        verbose_name_plural = _("vocabularies")
        constraints = [
            models.UniqueConstraint(fields=["generation", "language"], name="catalog_search_vocabulary_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} ({self.language})"


class Synonym(models.Model):
    """Words that are found by each other; where ``typed`` is filled, that finds ``words`` but not the other way."""

    index = models.CharField(_("index"), max_length=100, blank=True, help_text=_("Empty: every index."))
    language = models.CharField(_("language"), max_length=15, blank=True, help_text=_("Empty: every language."))
    typed = models.CharField(
        _("only when typed"),
        max_length=200,
        blank=True,
        help_text=_("One way: who types this finds the words below too. Empty: each of them finds the others."),
    )
    words = models.TextField(_("words"), help_text=_("Separated by commas or on lines of their own: couch, sofa."))
    enabled = models.BooleanField(_("enabled"), default=True)
    notes = models.TextField(_("notes"), blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("synonym")
        verbose_name_plural = _("synonyms")
        ordering = ["typed", "words"]

    def __str__(self) -> str:
        words = ", ".join(self.phrases)
        return f"{self.typed} → {words}" if self.typed else words

    def clean(self) -> None:
        """Refuse a group that ties nothing to anything, or that nobody meets."""
        declared = [index for index in registry if self.index in ("", index.label)]
        if self.language and not any(index.has_language(self.language) for index in declared):
            there = ", ".join(dict.fromkeys(code for index in declared for code in index.language_codes)) or "-"
            raise ValidationError({"language": _("Nobody searches in this language; there are: %s.") % there})
        if not self.phrases or len({folded(one) for one in (self.typed or self.phrases[0], *self.phrases)}) < 2:
            raise ValidationError({"words": _("Give at least two words that mean the same, or say what is typed.")})

    @property
    def phrases(self) -> list[str]:
        """The words or short phrases, each once."""
        found = (" ".join(part.split()) for part in self.words.replace("\n", ",").split(","))
        return list(dict.fromkeys(part for part in found if part))


class PopularQuery(models.Model):
    """A query that many searches asked and that found something, to be suggested; drawn from the log now and then."""

    index = models.CharField(_("index"), max_length=100)
    language = models.CharField(_("language"), max_length=15, blank=True)
    text = models.CharField(_("text"), max_length=200)
    count = models.PositiveIntegerField(_("searches"))

    class Meta:
        verbose_name = _("popular query")
        verbose_name_plural = _("popular queries")
        ordering = ["-count"]
        indexes = [
            models.Index(
                fields=["index", "text"],
                opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
                name="catalog_search_popular_text",
            )
        ]

    def __str__(self) -> str:
        return self.text
