"""Previews: what a draft would change on the pages that people ask for most, told beside its form as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import Media
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..comparison import Asked, Comparison, Options, asked_most, compare
from ..indexes import SearchIndex
from ..merchandising import rulebook, steps_with
from ..merchandising.rulings import Occasion, Ruling, in_order, ruling_of, without_effect
from ..models import Rule, RuleAction, Synonym
from ..patterns import literal
from ..registry import registry
from ..searching.query import Query, query_language
from ..searching.steps import exchanged
from ..sql import read_alias
from ..wording import correct, expand
from ..wording.synonyms import enabled, expanded, grouped
from .pages import PagesAdmin

DAYS = 30
LOOKED_AT = 1000
"""Queries of the log that are looked through for those that a draft concerns; that costs no search."""
COMPARED = 24
"""Pages that are compared and shown."""
LIVE = "live"
"""The parameter of a preview beside the form, which shows fewer pages."""
LIVE_PAGES = 3
ASSETS = Media(js=["catalog_search/preview.js"], css={"all": ["catalog_search/admin.css"]})


class PreviewAdmin(PagesAdmin):
    """A ModelAdmin that compares before saving; it says in ``preview`` what a draft would change."""

    change_form_template = "admin/catalog_search/preview_form.html"
    pages = {"preview/": "preview_view", "<path:object_id>/preview/": "preview_view"}

    def preview(self, draft: Any, formsets: Sequence[Any], pages: int) -> dict[str, Any]:
        """Return the context of the template of a preview."""
        raise NotImplementedError

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        found = kwargs.get("obj")
        context["preview_url"] = self.address(f"{self.opts.model_name}_preview", *([found.pk] if found else []))
        context["media"] = context.get("media", Media()) + ASSETS
        return super().render_change_form(request, context, *args, **kwargs)

    def preview_view(self, request: HttpRequest, object_id: str = "") -> Any:
        """Show what the draft in the form would change, without saving it; its mistakes where it has any."""
        found: Model | None = self.get_object(request, object_id) if object_id else None
        if not (self.has_change_permission(request, found) if found else self.has_add_permission(request)):
            raise PermissionDenied
        place = f"{self.opts.model_name}_{'change' if object_id else 'add'}"
        form_url = self.address(place, *([object_id] if object_id else []))
        if request.method != "POST":
            return HttpResponseRedirect(form_url)
        form = self.get_form(request, found, change=found is not None)(request.POST, instance=found)
        valid = form.is_valid()
        formsets, _inlines = self._create_formsets(request, form.instance, change=found is not None)  # type: ignore[attr-defined]
        valid = all(one.is_valid() for one in formsets) and valid
        live = LIVE in request.POST
        if not valid:
            # A form with mistakes shows them, and saves nothing.
            if not live:
                return self.changeform_view(request, object_id or None, form_url)
            context = {"mistakes": list(mistakes(form, formsets))}
            return TemplateResponse(request, "admin/catalog_search/_incomplete.html", context)
        context = self.preview(form.instance, formsets, LIVE_PAGES if live else COMPARED)
        if live:
            return TemplateResponse(request, "admin/catalog_search/_preview.html", context)
        title = _("What %(name)s would change") % {"name": form.instance}
        return self.render(request, "preview.html", title, **context)


def mistakes(form: Any, formsets: Sequence[Any]) -> Iterator[str]:
    """Yield in words what must be mended before a draft can be read, and where."""
    yield from _mistakes(form)
    for formset in formsets:
        name = capfirst(formset.model._meta.verbose_name)
        for number, one in enumerate(formset.forms, start=1):
            yield from (f"{name} #{number}, {text}" for text in _mistakes(one))


def _mistakes(form: Any) -> Iterator[str]:
    for name, texts in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        yield from (f"{capfirst(label)}: {text}" if label else str(text) for text in texts)


def preview_rule(rule: Rule, actions: Sequence[RuleAction], pages: int) -> dict[str, Any]:
    """Compare the pages that a rule concerns, as it is in force and as it is drafted: the context of a template.

    The draft is taken as enabled and its time as come. At most ``pages`` are searched and shown.
    """
    index = rule.declared
    present = rulebook.rulings(index)
    draft, problems = ruling_of(rule, actions)
    if draft is None:
        return {"problems": problems, "comparison": Comparison([])}
    problems += filter(None, without_effect(index.label, actions))
    old = [one for one in present if one.pk == rule.pk and rule.pk is not None]
    after = in_order([*(one for one in present if one not in old), draft.undated()])
    logged = asked_most(index, DAYS, LOOKED_AT)
    concerned = [one for one in logged if _concerns([draft, *old], one, rule.language)]
    sides = ({**steps_with(rulings), "language": rule.language} for rulings in (present, after))
    return {"problems": problems, **_compared(index, own_pages(draft), concerned, logged, pages, *sides)}


def preview_synonym(synonym: Synonym, pages: int) -> dict[str, Any]:
    """Compare the pages that a group of synonyms concerns, without it or as it is, and as it is drafted.

    The draft is taken as enabled; one for every index is shown on the first.
    """
    index = registry.chosen(synonym.index)
    language, alias = query_language(index, synonym.language), read_alias(index.model)
    present = enabled(index, language)
    others = [one for one in present if one.pk != synonym.pk]
    before, after = (grouped(rows, alias, language) for rows in (present, [*others, synonym]))

    def differs(text: str) -> bool:
        query = Query(text, language=language)
        return expanded(query, before, alias, language) != expanded(query, after, alias, language)

    logged = asked_most(index, DAYS, LOOKED_AT)
    drafts = [synonym, *(one for one in present if one.pk == synonym.pk)]
    named = dict.fromkeys(phrase for one in drafts for phrase in ([one.typed] if one.typed else one.phrases))
    own = [Asked(phrase, count=0) for phrase in named]
    sides = (
        exchanged({step: partial(step, groups=groups) for step in (correct, expand)}) | {"language": language}
        for groups in (before, after)
    )
    return _compared(index, own, [one for one in logged if differs(one.text)], logged, pages, *sides)


def _compared(
    index: SearchIndex,
    own: Sequence[Asked],
    concerned: Sequence[Asked],
    logged: Sequence[Asked],
    pages: int,
    *sides: Options,
) -> dict[str, Any]:
    """Compare the pages that a draft names itself and those of the log that it concerns: the context of a template.

    Pages that it does not concern are not searched: they stay as they are.
    """
    known = {one.text for one in concerned}
    own = [one for one in own if one.text not in known or one.facets]
    compared = [*own, *concerned][:pages]
    found = compare(index, compared, *sides)
    untouched = [one for one in logged if one not in concerned]
    return {
        "comparison": Comparison(found.pages, untouched),
        "rows": [(one, list(one.sides)) for one in found.pages],
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
    occasion = Occasion((asked.text,), asked.facets, language, browsing=False)
    return any(one.undated().acts(occasion, timezone.now()) for one in rulings)


def _share(some: Sequence[Asked], all_of_them: Sequence[Asked]) -> float:
    total = sum(one.count for one in all_of_them)
    return 100 * sum(one.count for one in some) / total if total else 0.0
