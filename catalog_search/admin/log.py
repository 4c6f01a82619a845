"""The query log in the admin, read-only: what was asked, what was found, how long it took."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from ..models import QueryEvent, QueryLog
from ..querylog import reports
from ..querylog.popular import redraw
from ..registry import registry
from .pages import ReadOnlyAdmin, demand

TITLES = {
    "top": _("Asked most"),
    "rising": _("Asked more and more"),
    "without-results": _("Found nothing"),
    "low-clicks": _("Nothing was chosen"),
}
LIMIT = 15


@admin.register(QueryLog)
class QueryLogAdmin(ReadOnlyAdmin):
    """The searches one by one, and at "report/" what they come to."""

    list_display = ["__str__", "kind", "index", "total", "clicks", "milliseconds", "degraded", "page", "created_at"]
    list_filter = ["kind", "index", "counted", "created_at"]
    search_fields = ["text"]
    show_full_result_count = False
    ordering = ["-created_at"]
    pages = {"report/": "report"}
    deletable = True  # somebody may have typed what nobody should read

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryLog]:
        return (
            super()
            .get_queryset(request)
            .annotate(click_count=Count("events", filter=Q(events__kind=QueryEvent.Kind.CLICK)))
        )

    def delete_model(self, request: HttpRequest, obj: QueryLog) -> None:
        super().delete_model(request, obj)
        redraw()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[QueryLog]) -> None:
        super().delete_queryset(request, queryset)
        redraw()

    @admin.display(description=_("clicks"), ordering="click_count")
    def clicks(self, obj: Any) -> int:
        return int(obj.click_count)

    def report(self, request: HttpRequest) -> TemplateResponse:
        """Show how searches went, and the four reports, over the last days: of every index, or of one."""
        demand(request, "view_querylog")
        days = {"1": 1, "30": 30}.get(request.GET.get("days", ""), 7)
        index = registry.find(request.GET.get("index", ""))
        label = index.label if index else ""
        found = {name: report(label, days, LIMIT) for name, report in reports.REPORTS.items()}
        went = reports.trends([line.text for lines in found.values() for line in lines], label, days)
        tables = [(TITLES[name], [(line, went.get(line.text, [])) for line in lines]) for name, lines in found.items()]
        trend = reports.trend(label, days)
        sums = {name: sum(getattr(trend, name)) for name in ("asked", "without_results", "degraded")}
        context = {"tables": tables, "trend": trend, "days": days, "choices": [1, 7, 30], **sums}
        context |= {"index": index, "indexes": list(registry)}
        return self.render(request, "querylog/report.html", _("What people search for"), **context)
