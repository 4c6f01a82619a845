"""Previews: what a draft would change on the pages that people ask for most, before it is published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from ..comparison import Asked, Comparison, Options, compare
from ..indexes import SearchIndex, registry
from ..merchandising import rulebook, steps_with
from ..merchandising.patterns import literal
from ..merchandising.rulings import Asked as Occasion
from ..merchandising.rulings import Ruling, in_order, ruling_of
from ..models import Rule, RuleAction, Synonym
from ..querylog.reports import top
from ..wording import synonyms

DAYS = 30
LOOKED_AT = 1000
"""Queries of the log that are looked through for those that a rule concerns; that costs no search."""
COMPARED = 24
"""Pages that are compared and shown."""


def preview_rule(rule: Rule, actions: Sequence[RuleAction], pages: int = COMPARED) -> dict[str, Any]:
    """Compare the pages that a rule concerns, as it is in force and as it is drafted: the context of a template.

    The draft is taken as enabled and its time as come. Pages that neither it nor its present form concerns are not
    searched: they stay as they are. At most ``pages`` are.
    """
    index = rule.declared
    present = rulebook.rulings(index)
    draft, problems = ruling_of(rule, actions)
    if draft is None:
        return {"problems": problems, "comparison": Comparison([])}
    old = [one for one in present if one.pk == rule.pk and rule.pk is not None]
    after = in_order([*(one for one in present if one not in old), draft.undated()])
    logged = [Asked(line.text, count=line.count) for line in top(index.label, DAYS, LOOKED_AT)]
    concerned = [one for one in logged if _concerns([draft, *old], one, rule.language)]
    own = [one for one in own_pages(draft) if one.text not in {other.text for other in concerned} or one.facets]
    before_and_after = ({**steps_with(rules), "language": rule.language} for rules in (present, after))
    return {"problems": problems, **_compared(index, logged, concerned, own, pages, *before_and_after)}


def preview_synonym(row: Synonym, pages: int = COMPARED) -> dict[str, Any]:
    """Compare the pages whose queries hold words of a group, as it is in force and as it is drafted, likewise."""
    index = registry.get(row.index) if row.index else next(iter(registry))
    present = list(Synonym.objects.filter(enabled=True))
    after = [*(one for one in present if one.pk != row.pk), row]
    old = [one for one in present if one.pk == row.pk]
    said = {phrase.casefold() for one in [row, *old] for phrase in ([one.typed] if one.typed else one.phrases)}
    logged = [Asked(line.text, count=line.count) for line in top(index.label, DAYS, LOOKED_AT)]
    concerned = [one for one in logged if any(f" {phrase} " in f" {one.text} " for phrase in said)]
    own = [Asked(phrase, count=0) for phrase in sorted(said) if phrase not in {one.text for one in concerned}]
    options = ({**synonyms.steps_with(rows), "language": row.language} for rows in (present, after))
    return _compared(index, logged, concerned, own, pages, *options)


def _compared(
    index: SearchIndex,
    logged: Sequence[Asked],
    concerned: Sequence[Asked],
    own: Sequence[Asked],
    pages: int,
    before: Options,
    after: Options,
) -> dict[str, Any]:
    compared = [*own, *concerned][:pages]
    found = compare(index, compared, before, after)
    untouched = [one for one in logged if one not in concerned]
    return {
        "comparison": Comparison(found.differences, untouched),
        "rows": [(one, list(one.sides)) for one in found.differences],
        "logged": len(logged),
        "concerned": len(concerned),
        "concerned_share": _share(concerned, logged),
        "left_out": len(own) + len(concerned) - len(compared),
        "days": DAYS,
    }


def own_pages(ruling: Ruling) -> list[Asked]:
    """Return pages that a rule names itself: its searches without stars, or the page of its filters."""
    if ruling.when != Rule.When.SEARCHES:
        return [Asked("", ruling.chosen, count=0)]
    texts = dict.fromkeys(filter(None, map(literal, ruling.patterns)))
    return [Asked(text, ruling.chosen, count=0) for text in texts]


def _concerns(rulings: Iterable[Ruling], asked: Asked, language: str) -> bool:
    occasion = Occasion(asked.text, asked.facets, language, browsing=False)
    return any(one.undated().acts(occasion, timezone.now()) for one in rulings)


def _share(some: Sequence[Asked], all_of_them: Sequence[Asked]) -> float:
    total = sum(one.count for one in all_of_them)
    return 100 * sum(one.count for one in some) / total if total else 0.0
