"""Judging: the playground, the queue of what people ask most, and the grades that come of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import Form
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..exceptions import CatalogSearchError
from ..indexes import SearchIndex, registry
from ..models import Judgement, judged_text
from ..navigation import Address, index_at
from ..querylog import reports
from ..searching import Hit, cache, search
from ..searching.lanes import LANES
from ..searching.query import query_language
from .pages import PagesAdmin, demand, may, product_link
from .playground import DETAILS, PlaygroundForm

QUEUE_DAYS, QUEUE_LENGTH = 30, 50
POOL = 10
"""The first so many of each way to search are judged together: grades that only one of them earned would flatter it."""
WAYS: tuple[Mapping[str, Any], ...] = ({}, {"lanes": ("identifiers", "words")}, {"lanes": ("vectors",)})
LONGEST = Judgement._meta.get_field("query").max_length or 0
"""Characters of a query that can be judged."""


@admin.register(Judgement)
class JudgementAdmin(PagesAdmin):
    """The grades; they are given in the playground and in the queue, and can be changed here."""

    change_list_template = "admin/catalog_search/judgement/change_list.html"
    list_display = ["query", "product", "grade", "language", "judged_by", "judged_at"]
    list_filter = ["index", "language", "grade"]
    search_fields = ["query", "object_key__exact"]
    ordering = ["query", "-grade"]
    fields = ["query", "product", "grade", "index", "language", "judged_by", "judged_at"]
    readonly_fields = ["query", "product", "index", "language", "judged_by", "judged_at"]
    pages = {"playground/": "playground", "queue/": "queue", "judge/": "judge", "export/": "export"}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a grade belongs to a product that was looked at

    def save_model(self, request: HttpRequest, obj: Judgement, form: Form, change: bool) -> None:
        obj.judged_by = request.user.get_username()
        super().save_model(request, obj, form, change)

    @admin.display(description=_("product"))
    def product(self, obj: Judgement) -> str:
        return product_link(obj.index, obj.object_key)

    def playground(self, request: HttpRequest) -> HttpResponseBase:
        """Search in every way at once, and explain what is found."""
        demand(request, "use_playground")
        index = _index(request)
        if request.method == "POST" and "grade" in request.POST:
            return self._grade_one(request, index)
        if request.method == "POST":
            return self._address(request, index)
        form = PlaygroundForm(index, request.GET)
        context: dict[str, Any] = {"form": form, "index": index, "indexes": list(registry)}
        if form.is_valid() and form.says_something:
            try:
                columns = form.comparison(request)
            except CatalogSearchError as error:
                form.add_error(None, str(error))
            else:
                together = columns[0].results
                places = {str(hit.object.pk): place for place, hit in enumerate(together.hits, start=1)}
                language = query_language(index, form.cleaned_data["language"])
                grades = _grades(index, language, form.cleaned_data["q"]) if form.can_be_judged else {}
                context |= {
                    "results": together,
                    "columns": [(column, column.rows(grades, places)) for column in columns],
                    "may_judge": form.can_be_judged and may(request, "add_judgement"),
                    "grade_choices": Judgement.Grade.choices,
                }
        detailed = any(request.GET.get(name) for name in DETAILS)
        context |= {"picture": request.GET.get("picture", ""), "detailed": detailed}
        return self.render(request, "playground.html", _("Playground"), **context)

    def _address(self, request: HttpRequest, index: SearchIndex) -> HttpResponseBase:
        """Keep an uploaded picture, and go on to the address of the search."""
        form = PlaygroundForm(index, request.POST, request.FILES)
        address = Address.of(request.path, request.POST)
        form.is_valid()
        if "image" in form.errors:
            self.message_user(request, " ".join(map(str, form.errors["image"])), messages.ERROR)
        elif form.cleaned_data.get("image"):
            address = address.with_("picture", cache.keep_picture(form.cleaned_data["image"]))
        return HttpResponseRedirect(str(address))

    def _grade_one(self, request: HttpRequest, index: SearchIndex) -> HttpResponseBase:
        """Keep one grade, sent as "key:grade" to the address of the search that showed it."""
        demand(request, "add_judgement")
        form = PlaygroundForm(index, request.GET)
        key, _colon, grade = str(request.POST["grade"]).rpartition(":")
        kept = 0
        if form.is_valid() and form.can_be_judged:
            language = query_language(index, form.cleaned_data["language"])
            kept = keep_grades(request, index, language, form.cleaned_data["q"], {key: grade})
        if "application/json" in request.headers.get("Accept", ""):
            return HttpResponse(status=204 if kept else 400)
        return HttpResponseRedirect(request.get_full_path())

    def queue(self, request: HttpRequest) -> HttpResponse:
        """Show what people ask most, and how much of it was judged."""
        demand(request, "add_judgement")
        index = _index(request)
        context = {"queue": _queue(index), "index": index, "indexes": list(registry), "days": QUEUE_DAYS}
        return self.render(request, "queue.html", _("Judging"), **context)

    def judge(self, request: HttpRequest) -> HttpResponseBase:
        """Show what every way to search finds for one query, in no order that tells which, and take grades."""
        demand(request, "add_judgement")
        index = _index(request)
        text = judged_text(request.GET.get("q", ""))
        if not text or len(text) > LONGEST:
            raise Http404("There is no such query to judge.")
        language = query_language(index)
        if request.method == "POST":
            chosen = {
                name.removeprefix("grade-"): str(value)
                for name, value in request.POST.items()
                if name.startswith("grade-")
            }
            count = keep_grades(request, index, language, text, chosen)
            done = ngettext("%d grade kept.", "%d grades kept.", count) % count
            self.message_user(request, done, messages.SUCCESS if count else messages.WARNING)
            return HttpResponseRedirect(_next(index, text))
        grades = _grades(index, language, text)
        pool = [(hit, str(hit.object.pk), grades.get(str(hit.object.pk))) for hit in _pool(request, index, text)]
        context = {"pool": pool, "query": text, "index": index, "grade_choices": Judgement.Grade.choices}
        return self.render(request, "judge.html", f"“{text}”", **context)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send the grades of an index as lines of JSON, as ``evaluate_search`` reads them."""
        demand(request, "view_judgement")
        index = _index(request)
        rows = Judgement.objects.filter(index=index.label).order_by("query", "object_key")
        response = StreamingHttpResponse(_lines(rows), content_type="application/jsonl")
        response["Content-Disposition"] = f'attachment; filename="judgements-{index.name}.jsonl"'
        return response


def keep_grades(request: HttpRequest, index: SearchIndex, language: str, text: str, chosen: Mapping[str, str]) -> int:
    """Keep what somebody says of products, by their keys; returns how many. What is no grade or product is left out."""
    known = set(map(str, Judgement.Grade.values))
    visible = index.queryset(request).filter(pk__in=index.keys(chosen).values())
    there = set(map(str, visible.values_list("pk", flat=True)))
    text = judged_text(text)
    if len(text) > LONGEST:
        return 0
    rows = [
        Judgement(
            index=index.label,
            language=language,
            query=text,
            object_key=key,
            grade=int(grade),
            judged_by=request.user.get_username(),
        )
        for key, grade in chosen.items()
        if key in there and grade in known
    ]
    Judgement.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["index", "language", "query", "object_key"],
        update_fields=["grade", "judged_by", "judged_at"],
    )
    return len(rows)


def _index(request: HttpRequest) -> SearchIndex:
    return index_at(request.GET.get("index") or request.POST.get("index") or "")


def _grades(index: SearchIndex, language: str, text: str) -> dict[str, int]:
    rows = Judgement.objects.filter(index=index.label, language=language, query=judged_text(text))
    return dict(rows.values_list("object_key", "grade"))


def _queue(index: SearchIndex) -> list[tuple[reports.Line, int]]:
    """Return what is asked most and how many products are judged for it, what nobody judged first."""
    lines = [line for line in reports.top(index.label, QUEUE_DAYS, QUEUE_LENGTH) if len(line.text) <= LONGEST]
    judged = Judgement.objects.filter(
        index=index.label, language=query_language(index), query__in=[line.text for line in lines]
    )
    counts = dict(judged.order_by().values_list("query").annotate(Count("pk")))
    return sorted(((line, counts.get(line.text, 0)) for line in lines), key=lambda pair: bool(pair[1]))


def _next(index: SearchIndex, text: str) -> str:
    """Return the address of the next query that nobody judged, or of the queue where there is none."""
    named = QueryDict(f"index={index.name}")
    for line, judged in _queue(index):
        if not judged and line.text != text:
            return str(Address(reverse("admin:catalog_search_judgement_judge"), named).with_("q", line.text))
    return str(Address(reverse("admin:catalog_search_judgement_queue"), named))


def _pool(request: HttpRequest, index: SearchIndex, text: str) -> list[Hit]:
    """Return the first hits of each way to search, each product once, in an order that has nothing to do with rank."""
    found: dict[str, Hit] = {}
    for way in WAYS:
        results = search(index, text, page_size=POOL, facet_counts=False, request=request, **{"lanes": LANES, **way})
        found |= {str(hit.object.pk): hit for hit in results}
    shuffled = sorted(found, key=lambda key: hashlib.blake2b(f"{text} {key}".encode()).digest())
    return [found[key] for key in shuffled]


def _lines(rows: QuerySet[Judgement]) -> Iterator[str]:
    for query, product, grade in rows.values_list("query", "object_key", "grade").iterator():
        yield json.dumps({"query": query, "product": product, "grade": grade}, ensure_ascii=False) + "\n"
