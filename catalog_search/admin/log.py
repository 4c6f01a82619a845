"""The query log in the admin, read-only: what was asked, what was found, how long it took."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from ..models import QueryLog
from ..querylog import reports
from .pages import ReadOnlyAdmin

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

    change_list_template = "admin/catalog_search/querylog/change_list.html"
    list_display = ["__str__", "kind", "index", "total", "clicks", "milliseconds", "degraded", "page", "created_at"]
    list_filter = ["kind", "index", "counted", "created_at"]
    search_fields = ["text"]
    show_full_result_count = False
    ordering = ["-created_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A search can be erased by who may: somebody may have typed what nobody should read."""
        return request.user.has_perm("catalog_search.delete_querylog")

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryLog]:
        """Count clicks and orders in the same query."""
        return super().get_queryset(request).annotate(event_count=Count("events"))

    @admin.display(description=_("clicks"), ordering="event_count")
    def clicks(self, obj: Any) -> int:
        """Count what was clicked or bought."""
        return int(obj.event_count)

    def get_urls(self) -> list[URLPattern]:
        """Add the report."""
        view = self.admin_site.admin_view(self.report)
        return [path("report/", view, name="catalog_search_querylog_report"), *super().get_urls()]

    def report(self, request: HttpRequest) -> TemplateResponse:
        """Show the four reports over the last days."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        days = {"1": 1, "30": 30}.get(request.GET.get("days", ""), 7)
        tables = [(TITLES[name], report("", days, LIMIT)) for name, report in reports.REPORTS.items()]
        context = {
            **self.admin_site.each_context(request),
            "title": _("What people search for"),
            "opts": self.model._meta,
            "tables": tables,
            "days": days,
            "choices": [1, 7, 30],
        }
        return TemplateResponse(request, "admin/catalog_search/querylog/report.html", context)
