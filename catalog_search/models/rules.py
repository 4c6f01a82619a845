"""Rules of merchandising: when one acts, what it does, and what it was before each change."""

from __future__ import annotations

import math
from typing import Any, Self
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..conditions import read_conditions
from ..exceptions import IndexNotFound
from ..indexes import SearchIndex
from ..patterns import read_patterns
from ..registry import registry


def validate_target(url: str) -> None:
    """Let through a path of this site ("/sale/") or an address with http or https; raises ValidationError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("broken:")
    own = url.startswith("/") and not url.startswith("//")
    web = parts.scheme in ("http", "https") and parts.hostname
    # Browsers read a backslash as a slash: "/\example.org" would leave the site.
    if not (own or web) or "\\" in url or not url.isprintable() or " " in url:
        raise ValidationError(_("Give a path of this site (/sale/) or an address with http:// or https://."))


class RuleQuerySet(models.QuerySet["Rule"]):
    """Chainable questions about rules."""

    def of(self, label: str) -> Self:
        """Keep those of one index, in the order in which they act, with their actions."""
        return self.filter(index=label).prefetch_related("actions")


class Rule(models.Model):
    """What a merchandiser wants of some searches or pages. Its actions are rows of their own."""

    class When(models.TextChoices):
        SEARCHES = "searches", _("On the searches named below")
        BROWSING = "browsing", _("On pages without a search")
        ALWAYS = "always", _("Always")

    index = models.CharField(_("index"), max_length=100)
    name = models.CharField(_("name"), max_length=200, help_text=_("Results name it where it acted."))
    enabled = models.BooleanField(_("enabled"), default=True)
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("Where rules disagree, the one with the higher priority wins.")
    )
    final = models.BooleanField(
        _("final"), default=False, help_text=_("Where it acts, rules of lower priority do not.")
    )
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    language = models.CharField(
        _("language"), max_length=15, blank=True, help_text=_("Only for visitors of this language; empty: for all.")
    )
    when = models.CharField(_("when"), max_length=10, choices=When, default=When.SEARCHES)
    searches = models.TextField(
        _("searches"),
        blank=True,
        help_text=_(
            "One a line. red mug: exactly these words. * mug *: wherever the word stands. mug *: at the beginning. "
            "lap*: words that begin so. Case, accents and punctuation do not matter."
        ),
    )
    conditions = models.TextField(
        _("chosen filters"),
        blank=True,
        help_text=_("Only where a visitor chose these, one a line, as in the page's address: category=Home > Kitchen."),
    )
    note = models.TextField(_("note"), blank=True, help_text=_("For your colleagues."))

    objects = RuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["-priority", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["index", "name"], name="catalog_search_rule_name"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at")),
                name="catalog_search_rule_dates",
                violation_error_message=_("It ends before it begins."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def declared(self) -> SearchIndex:
        """The index it is for. Raises IndexNotFound."""
        return registry.get(self.index)

    def clean(self) -> None:
        """Refuse what could never act."""
        errors: dict[str, Any] = {}
        try:
            self.index = self.declared.label
            if self.language and not self.declared.has_language(self.language):
                there = ", ".join(self.declared.language_codes)
                errors["language"] = _("Nobody searches in this language; there are: %s.") % there
            read_conditions(self.declared, self.conditions)
        except IndexNotFound as error:
            errors["index"] = str(error)
        except ValidationError as error:
            errors["conditions"] = error
        if self.when == self.When.SEARCHES and not self.searches.strip():
            errors["searches"] = _("Name the searches that it is for.")
        if self.when != self.When.SEARCHES and self.searches.strip():
            errors["searches"] = _("Leave this empty: the rule does not ask for the search.")
        for line in filter(str.strip, self.searches.splitlines()):
            if any("*" in word.strip("*") for word in line.split()):
                errors["searches"] = _("A star stands for words, or at the beginning or end of a word.")
            elif not read_patterns(line):
                errors["searches"] = _('There is no word in "%s": signs alone are not compared.') % line
        if errors:
            raise ValidationError(errors)


class RuleAction(models.Model):
    """One thing that a rule does."""

    class Kind(models.TextChoices):
        PIN = "pin", _("Pin a product to a place")
        HIDE = "hide", _("Hide")
        BOOST = "boost", _("Boost")
        BURY = "bury", _("Bury")
        FILTER = "filter", _("Show only")
        REPLACE = "replace", _("Search for other words")
        REDIRECT = "redirect", _("Go to another page")
        BANNER = "banner", _("Show a banner")

    NEEDS = {
        Kind.PIN: (["product", "position"], []),
        Kind.HIDE: ([], ["product", "having"]),
        Kind.BOOST: (["strength"], ["product", "having"]),
        Kind.BURY: (["strength"], ["product", "having"]),
        Kind.FILTER: (["having"], []),
        Kind.REPLACE: (["text"], []),
        Kind.REDIRECT: (["url"], []),
        Kind.BANNER: (["text"], ["url", "picture"]),
    }
    """By kind the fields that it must have, and those that it may have; of product and having exactly one."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="actions", verbose_name=_("rule"))
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    product = models.CharField(_("product"), max_length=200, blank=True)
    having = models.TextField(
        _("products with"), blank=True, help_text=_("One a line, as in the page's address: brand=Acme, price_max=20.")
    )
    position = models.PositiveIntegerField(
        _("place"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("1 is the first.")
    )
    strength = models.FloatField(
        _("strength"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1.0), MaxValueValidator(1000.0)],
        help_text=_("3 boosts from place 30 to 10, or buries from 10 to 30."),
    )
    text = models.TextField(_("text"), blank=True, help_text=_("Of the banner, or the words to search for."))
    url = models.CharField(_("address"), max_length=2000, blank=True, validators=[validate_target])
    picture = models.CharField(_("picture"), max_length=2000, blank=True, validators=[validate_target])
    product_name = ""
    """What people read for its product, where somebody looked it up."""

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        ordering = ["pk"]

    def __str__(self) -> str:
        how = f" ({self.position})" if self.position else f" (× {self.strength:g})" if self.strength else ""  # noqa: RUF001
        what = [self.product_name or self.product, "; ".join(self.having.splitlines()), self.text, self.url]
        return f"{self.get_kind_display()}{how}: {', '.join(filter(None, what))}"

    def clean(self) -> None:
        """Refuse what is missing for its kind, and what would be ignored."""
        if self.kind not in self.NEEDS:
            return
        needed, allowed = self.NEEDS[self.Kind(self.kind)]
        errors: dict[str, Any] = {}
        for name in ("product", "having", "position", "strength", "text", "url", "picture"):
            given = getattr(self, name) not in (None, "")
            if name in needed and not given:
                errors[name] = _("This is needed here.")
            elif given and name not in (*needed, *allowed):
                errors[name] = _("Leave this empty here.")
        if self.strength is not None and not math.isfinite(self.strength):
            errors["strength"] = _("Give a number.")
        if "product" in allowed and bool(self.product) == bool(self.having):
            errors["product"] = _("Give a product, or what the products have; not both.")
        try:
            index = self.rule.declared
            read_conditions(index, self.having)
            if self.product:
                index.model._meta.pk.to_python(self.product)
                if self.product not in index.keys([self.product]):
                    errors["product"] = _("This is not the key of a product.")
        except IndexNotFound:
            pass  # said of the rule
        except ValidationError as error:
            errors.setdefault("product" if self.product else "having", error)
        if errors:
            raise ValidationError(errors)


class RuleVersion(models.Model):
    """One change of a rule, with what it was and what it became; for a rule made anew or deleted, one is null."""

    rule_key = models.BigIntegerField(_("rule"))
    name = models.CharField(_("name"), max_length=200)
    index = models.CharField(_("index"), max_length=100)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    editor = models.CharField(_("by"), max_length=200, blank=True)
    occasion = models.CharField(_("occasion"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("changed"), auto_now_add=True)

    class Meta:
        verbose_name = _("change of a rule")
        verbose_name_plural = _("changes of rules")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["rule_key", "-id"], name="catalog_search_rule_versions")]

    def __str__(self) -> str:
        what = _("made") if self.before is None else _("deleted") if self.after is None else _("changed")
        return f"{self.name}: {what}"
