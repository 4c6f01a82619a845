"""Generations in the admin: the overview, what an operator does there, and the list of them all, read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from ..exceptions import CatalogSearchError
from ..models import Change, Document, Generation
from .operations import OPERATIONS, Operation, expected
from .overview import index_states
from .pages import ReadOnlyAdmin, demand, may, outside_transactions

REFRESH_SECONDS = 4
"""How often the overview looks again while something is being built."""


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """The snapshots of each index: which one serves, how full it is, what waits and what failed."""

    list_display = ["__str__", "serves", "state", "model_name", "documents", "waiting", "failed", "activated_at"]
    list_filter = ["index", "state"]
    ordering = ["-pk"]
    fields = [
        *["index", "state", "serves", "documents", "waiting", "failed", "error"],
        *["model_name", "dimensions", "ann_index", "created_at", "built_at", "activated_at", "definition", "measured"],
    ]
    pages = {"overview/": "overview", "overview/<slug:name>/<str:target>/": "operate"}

    def overview(self, request: HttpRequest) -> HttpResponse:
        """Show how each index is, and what can be done about it."""
        demand(request, "view_generation")
        probe = "probe" in request.GET
        states = index_states(probe)
        return self.render(
            request,
            "overview.html",
            _("Search indexes"),
            states=states,
            probed=probe,
            refresh=REFRESH_SECONDS if any(state.is_under_way for state in states) else 0,
            allowed={name for name, one in OPERATIONS.items() if may(request, one.permission)},
        )

    @outside_transactions
    def operate(self, request: HttpRequest, name: str, target: str) -> HttpResponse:
        """Ask before something is done, then do it."""
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Http404
        demand(request, operation.permission)
        try:
            found = operation.target(target)
        except LookupError as error:
            raise Http404(str(error)) from error
        if request.method == "POST":
            self._act(request, operation, found)
            return HttpResponseRedirect(self.address("generation_overview"))
        about = found.label if operation.on == "index" else found
        title = f"{operation.title}: {about}"
        context = {"operation": operation, "options": _options(operation, found), "facts": []}
        if name == "rebuild":
            context["facts"] = _plan(found)
        return self.render(request, "confirm.html", title, **context)

    def _act(self, request: HttpRequest, operation: Operation, target: Any) -> None:
        try:
            done = operation.act(target, request.POST)
        except CatalogSearchError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        of = Generation.objects.serving(target) if operation.on == "index" else target
        if of:
            self.log_change(request, of, done)
        self.message_user(request, done, messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        later = Generation.objects.filter(
            index=OuterRef("index"), state=Generation.State.READY, activated_at__gt=OuterRef("activated_at")
        )
        return (
            super()
            .get_queryset(request)
            .defer("means")
            .annotate(
                superseded=Exists(later),
                documents=_count_of(Document.objects.all()),
                waiting=_count_of(Change.objects.filter(set_aside=False)),
                failed=_count_of(Change.objects.filter(set_aside=True)),
            )
        )

    @admin.display(boolean=True, description=_("serves"))
    def serves(self, obj: Any) -> bool:
        return obj.state == Generation.State.READY and obj.activated_at is not None and not obj.superseded

    @admin.display(description=_("model"))
    def model_name(self, obj: Generation) -> str:
        return obj.model_name

    @admin.display(description=_("documents"), ordering="documents")
    def documents(self, obj: Any) -> int:
        return int(obj.documents)

    @admin.display(description=_("waiting"), ordering="waiting")
    def waiting(self, obj: Any) -> int:
        return int(obj.waiting)

    @admin.display(description=_("set aside"), ordering="failed")
    def failed(self, obj: Any) -> int:
        return int(obj.failed)


def _count_of(rows: QuerySet[Any]) -> Coalesce:
    counts = rows.filter(generation=OuterRef("pk")).order_by().values("generation").annotate(n=Count("pk"))
    return Coalesce(Subquery(counts.values("n")), 0)


def _options(operation: Operation, target: Any) -> list[tuple[str, Any, bool]]:
    """Return the boxes to tick; where nothing serves yet, what is built should."""
    first = operation.on == "index" and Generation.objects.serving(target) is None
    return [(name, label, name == "serve" and first) for name, label in operation.options]


def _plan(index: Any) -> list[tuple[Any, str]]:
    """Say what a rebuild takes."""
    plan = expected(index)
    facts = [
        (_("Products"), f"{plan.products}"),
        (_("With a vector on record"), f"{plan.known}"),
        (_("To embed"), f"{plan.new}"),
        (_("Pictures to read, about"), f"{plan.pictures}"),
    ]
    if (seconds := plan.seconds(1)) is not None:
        facts.append((_("Minutes with one worker, about"), f"{seconds / 60:.1f}"))
    if plan.cost:
        facts.append((_("Cost, about"), f"{plan.cost:.2f}"))
    return facts
