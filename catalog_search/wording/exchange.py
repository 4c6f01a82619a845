"""Exchange: synonyms as Algolia and Typesense export them, as ours, and what of them has no counterpart.

Formats: https://www.algolia.com/doc/guides/managing-results/optimize-search-results/adding-synonyms and
https://typesense.org/docs/latest/api/synonyms.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ..exceptions import CatalogSearchError
from ..languages import storable
from ..merchandising.foreign import unwrapped
from ..models import Synonym
from ..registry import registry
from ..sql import write_alias


class NoSynonyms(CatalogSearchError, ValueError):
    """The file holds no synonyms in a form that is known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The groups that an import made, how many were there already, and what is left out and why."""

    made: list[Synonym] = field(default_factory=list)
    same: int = 0
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return _("Groups of synonyms: %(made)d made, %(same)d were there") % {"made": len(self.made), "same": self.same}


def bring_in_synonyms(text: str, index: str = "", dry_run: bool = False) -> Outcome:
    """Save the synonyms of an export for an index, or for all; what is there stays, and the same is not made twice.

    Raises NoSynonyms on another kind of file, and IndexNotFound.
    """
    label = registry.get(index).label if index else ""
    alias = write_alias(Synonym)
    outcome = _sorted_out(
        storable(text), label, {_tie(row) for row in Synonym.objects.using(alias).filter(index=label)}
    )
    if not dry_run:
        with transaction.atomic(using=alias):
            for row in outcome.made:
                row.save(using=alias)
    return outcome


def _sorted_out(text: str, label: str, there: set[Any]) -> Outcome:
    made: list[Synonym] = []
    remarks: list[str] = []
    same = 0
    try:
        exported = json.loads(text.lstrip("\ufeff"))
        groups = unwrapped(exported, "hits", "synonyms", "items", "synonym_sets")
        for number, row in enumerate(groups, start=1):
            name = str(row.get("objectID") or row.get("id") or number)
            try:
                synonym = _translated(row, label)
                synonym.full_clean()
            except ValidationError as error:
                remarks += [f"{name}: {message}" for message in error.messages]
                continue
            if (tie := _tie(synonym)) in there:
                same += 1
            else:
                there.add(tie)
                made.append(synonym)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NoSynonyms(_("This is no export of synonyms: %s") % error) from error
    return Outcome(made, same, remarks)


def _translated(row: Mapping[str, Any], label: str) -> Synonym:
    """Return a group as ours. Raises ValidationError where it has no counterpart."""
    kind = str(row.get("type") or "synonym").lower()
    if kind not in ("synonym", "onewaysynonym", "altcorrection1", "altcorrection2"):
        raise ValidationError(_('"%s" has no counterpart') % row["type"])
    typed = row.get("input") or row.get("word") or row.get("root") or ""
    words = row.get("corrections") or row.get("synonyms") or ()
    if isinstance(words, str):  # its letters are no words
        raise TypeError(f"{words!r} is no list")
    phrases = [" ".join(str(one).replace(",", " ").split()) for one in words]
    return Synonym(index=label, language=row.get("locale") or "", typed=str(typed).strip(), words=", ".join(phrases))


def _tie(synonym: Synonym) -> tuple[str, str, frozenset[str]]:
    """What makes two groups the same, whatever their case and order."""
    return synonym.language, synonym.typed.casefold(), frozenset(phrase.casefold() for phrase in synonym.phrases)
