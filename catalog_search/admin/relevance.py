"""Relevance in the admin: what was measured on judged queries, and measuring on those that were judged here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from ..evaluation import NDCG, RECALL, random_floor
from ..exceptions import CatalogSearchError
from ..management.reports import Report
from ..measuring import KEPT, chosen_ways, judged_products, measured, serving
from ..models import Measurement
from ..registry import registry
from .pages import ReadOnlyAdmin, demand, may

AT_ONCE = 50
"""Judged queries that are measured while somebody waits; ``evaluate_search admin`` takes them all."""
TREND = 30


@admin.register(Measurement)
class MeasurementAdmin(ReadOnlyAdmin):
    """What ``evaluate_search`` measured, the newest first; each opens as a page with plots."""

    change_list_template = "admin/catalog_search/measurement/change_list.html"
    list_display = ["created_at", "generation", "way", "ndcg", "recall", "queries", "source"]
    list_filter = ["generation__index", "generation"]
    list_select_related = ["generation"]
    ordering = ["-created_at", "-pk"]
    pages = {"measure/": "measure"}
    deletable = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Measurement]:
        # All that was measured of each query is long.
        return super().get_queryset(request).defer("content").annotate(headline=F("content__headline"))

    @admin.display(description=_("way"))
    def way(self, obj: Any) -> str:
        """Name the way to search that the figures are of: the most complete one."""
        return str(obj.headline["way"])

    @admin.display(description=NDCG)
    def ndcg(self, obj: Any) -> str:
        return f"{obj.headline.get(NDCG, 0.0):.3f}"

    @admin.display(description=RECALL)
    def recall(self, obj: Any) -> str:
        return f"{obj.headline.get(RECALL, 0.0):.3f}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list and, for each index, how nDCG went."""
        context = {
            "title": _("Relevance"),
            "trends": [(index, _trend(index.label)) for index in registry],
            "may_measure": may(request, "add_measurement"),
            "at_once": AT_ONCE,
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what was measured, with plots."""
        demand(request, "view_measurement")
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404("There is no such measurement.")
        report = Report.of(found)
        title = _("Relevance of %s") % found.generation
        return self.render(request, "relevance.html", title, measurement=found, report=report, **report.plots)

    @method_decorator(require_POST)
    def measure(self, request: HttpRequest) -> HttpResponse:
        """Measure on what was judged in the admin, and show it."""
        demand(request, "add_measurement")
        address = self.address("measurement_changelist")
        try:
            found = _measured(request.POST.get("index", ""))
        except CatalogSearchError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            address = self.address("measurement_change", found.pk)
        return HttpResponseRedirect(address)


def _measured(name: str) -> Measurement:
    """Measure every way to search on queries judged in the admin."""
    index = registry.get(name)
    generation = serving(index)
    judgements, _missing = judged_products(index, Path(KEPT), "pk", AT_ONCE)
    found = [measured(index, way, judgements) for way in chosen_ways()]
    if lost := {what for _evaluation, degraded in found for what in degraded}:
        raise CatalogSearchError(f"Not measured: searches went without {', '.join(sorted(lost))}.")
    return Report(index.label, [one for one, _lost in found], random_floor(judgements)).keep(generation, KEPT)


def _trend(label: str) -> list[float]:
    """Return the nDCG of the latest measurements of an index, the oldest first."""
    rows = Measurement.objects.filter(generation__index=label).order_by("-created_at", "-pk")
    found = rows.values_list("content__headline", flat=True)[:TREND]
    return [float(one.get(NDCG, 0.0)) for one in found][::-1]
