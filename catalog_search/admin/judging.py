"""Judging: the queue of what people ask most, the page that takes grades, and the grades themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator

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
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..digests import digest_of
from ..indexes import SearchIndex
from ..languages import noted
from ..measuring import WAYS, chosen_ways
from ..models import Judgement
from ..navigation import Address
from ..querylog import reports
from ..registry import registry
from ..searching import Hit, search
from ..searching.query import query_language
from .grading import LONGEST, grades_of, index_of, keep_grades
from .pages import demand
from .playground import PlaygroundAdmin
from .products import ProductColumn

QUEUE_DAYS, QUEUE_LENGTH = 30, 50
POOL = 10
"""The first so many of each way to search are judged together: grades that only one of them earned would flatter it."""


@admin.register(Judgement)
class JudgementAdmin(ProductColumn, PlaygroundAdmin):
    """The grades; they are given in the playground and in the queue, and can be changed here."""

    change_list_template = "admin/catalog_search/judgement/change_list.html"
    list_display = ["query", "product", "grade", "language", "judged_by", "judged_at"]
    list_filter = ["index", "language", "grade"]
    search_fields = ["query", "object_key__exact"]
    ordering = ["query", "-grade"]
    fields = ["query", "product", "grade", "index", "language", "judged_by", "judged_at"]
    readonly_fields = ["query", "product", "index", "language", "judged_by", "judged_at"]
    pages = {**PlaygroundAdmin.pages, "queue/": "queue", "judge/": "judge", "export/": "export"}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a grade belongs to a product that was looked at

    def save_model(self, request: HttpRequest, obj: Judgement, form: Form, change: bool) -> None:
        obj.judged_by = request.user.get_username()
        super().save_model(request, obj, form, change)

    def queue(self, request: HttpRequest) -> HttpResponse:
        """Show what people ask most, and how much of it was judged."""
        demand(request, "add_judgement")
        index = index_of(request)
        context = {"queue": _queue(index), "index": index, "indexes": list(registry), "days": QUEUE_DAYS}
        return self.render(request, "queue.html", _("Judging"), **context)

    def judge(self, request: HttpRequest) -> HttpResponseBase:
        """Show what every way to search finds for one query, in no order that tells which, and take grades."""
        demand(request, "add_judgement")
        index = index_of(request)
        text = noted(request.GET.get("q", ""))
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
            return HttpResponseRedirect(self._next(index, text))
        grades = grades_of(index, language, text)
        pool = [(hit, grades.get(hit.key)) for hit in _pool(request, index, text)]
        context = {"pool": pool, "query": text, "index": index, "grade_choices": Judgement.Grade.choices}
        return self.render(request, "judge.html", f"“{text}”", **context)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send the grades of an index, in the language of this page, as lines of JSON for ``evaluate_search``."""
        demand(request, "view_judgement")
        index = index_of(request)
        rows = Judgement.objects.filter(index=index.label, language=query_language(index))
        response = StreamingHttpResponse(_lines(rows.order_by("query", "object_key")), content_type="application/jsonl")
        response["Content-Disposition"] = f'attachment; filename="judgements-{index.name}.jsonl"'
        return response

    def _next(self, index: SearchIndex, text: str) -> str:
        """Return the address of the next query that nobody judged, or of the queue where there is none."""
        named = QueryDict(f"index={index.name}")
        for line, judged in _queue(index):
            if not judged and line.text != text:
                return str(Address(self.address("judgement_judge"), named).with_("q", line.text))
        return str(Address(self.address("judgement_queue"), named))


def _queue(index: SearchIndex) -> list[tuple[reports.Line, int]]:
    """Return what is asked most and how many products are judged for it, what nobody judged first."""
    lines = [line for line in reports.top(index.label, QUEUE_DAYS, QUEUE_LENGTH) if len(line.text) <= LONGEST]
    judged = Judgement.objects.filter(
        index=index.label, language=query_language(index), query__in=[line.text for line in lines]
    )
    counts = dict(judged.order_by().values_list("query").annotate(Count("pk")))
    return sorted(((line, counts.get(line.text, 0)) for line in lines), key=lambda pair: bool(pair[1]))


def _pool(request: HttpRequest, index: SearchIndex, text: str) -> list[Hit]:
    """Return the first hits of each way to search, each product once, in an order that has nothing to do with rank."""
    found: dict[str, Hit] = {}
    for way in chosen_ways():
        results = search(index, text, page_size=POOL, facet_counts=False, request=request, **WAYS[way])
        found |= {hit.key: hit for hit in results}
    shuffled = sorted(found, key=lambda key: digest_of(f"{text} {key}"))
    return [found[key] for key in shuffled]


def _lines(rows: QuerySet[Judgement]) -> Iterator[str]:
    for query, product, grade in rows.values_list("query", "object_key", "grade").iterator():
        yield json.dumps({"query": query, "product": product, "grade": grade}, ensure_ascii=False) + "\n"
