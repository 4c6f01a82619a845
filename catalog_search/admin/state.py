"""The state of the index, read-only: generations, documents, changes that wait or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..exceptions import CatalogSearchError, IndexNotFound
from ..images import thumbnail_storage
from ..indexes import registry
from ..indexing import activate, changes, is_outdated, switching
from ..models import Change, Document, Generation
from .pictures import preview


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows what the indexing writes; nobody else writes it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """The snapshots of each index: which one serves, how full it is, what waits and what failed."""

    list_display = ["__str__", "serves", "state", "model_name", "documents", "waiting", "failed", "activated_at"]
    list_filter = ["index", "state"]
    ordering = ["-pk"]
    actions = ["activate", "pause", "resume"]
    fields = [
        *["index", "state", "serves", "documents", "waiting", "failed", "error"],
        *["model_name", "dimensions", "ann_index", "created_at", "built_at", "activated_at", "definition", "measured"],
    ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say which indexes are out of date."""
        for index in registry if request.method == "GET" else ():
            if is_outdated(index):
                text = _("%s: index out of date, build a new generation: manage.py rebuild_search_index --index %s")
                self.message_user(request, text % (index.label, index.name), messages.WARNING)
        return super().changelist_view(request, extra_context)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May this user decide which generation serves?"""
        return request.user.has_perm("catalog_search.change_generation")

    @admin.action(description=_("Let the chosen generation serve (again)"), permissions=["operate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Switch to one ready generation; to go back, choose the one before."""
        chosen = list(queryset.defer("background")[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Choose one generation."), messages.ERROR)
        elif chosen[0].verdict != "passed":
            self.message_user(request, _("Judgements spoke against it; use manage.py."), messages.ERROR)
        else:
            self._operate(request, chosen, activate, _("%s serves."))

    @admin.action(description=_("Pause the chosen builds"), permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Let workers leave them."""
        self._operate(request, queryset, switching.pause, _("%s is paused."))

    @admin.action(description=_("Go on with the chosen builds"), permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Let workers go on."""
        self._operate(request, queryset, switching.resume, _("%s goes on."))

    def _operate(
        self, request: HttpRequest, chosen: Iterable[Generation], act: Callable[[Generation], None], done: Any
    ) -> None:
        for generation in chosen:
            try:
                act(generation)
            except CatalogSearchError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.log_change(request, generation, str(done % generation))
                self.message_user(request, done % generation, messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        """Count documents and changes in the same query."""
        later = Generation.objects.filter(
            index=OuterRef("index"), state=Generation.State.READY, activated_at__gt=OuterRef("activated_at")
        )
        return (
            super()
            .get_queryset(request)
            .defer("means", "background")
            .annotate(
                superseded=Exists(later),
                documents=_counted(Document.objects.all()),
                waiting=_counted(Change.objects.filter(set_aside=False)),
                failed=_counted(Change.objects.filter(set_aside=True)),
            )
        )

    @admin.display(boolean=True, description=_("serves"))
    def serves(self, obj: Any) -> bool:
        """Is it this generation that answers searches?"""
        return obj.state == Generation.State.READY and obj.activated_at is not None and not obj.superseded

    @admin.display(description=_("model"))
    def model_name(self, obj: Generation) -> str:
        """Name the model that embedded it."""
        embedder = obj.definition.get("embedder", {})
        options = embedder.get("options") or {}
        return options.get("model") or options.get("factory") or str(embedder.get("backend", "")).rpartition(".")[2]

    @admin.display(description=_("documents"), ordering="documents")
    def documents(self, obj: Any) -> int:
        """Count its documents."""
        return int(obj.documents)

    @admin.display(description=_("waiting"), ordering="waiting")
    def waiting(self, obj: Any) -> int:
        """Count the changes that workers still have to take."""
        return int(obj.waiting)

    @admin.display(description=_("set aside"), ordering="failed")
    def failed(self, obj: Any) -> int:
        """Count the changes that failed too often."""
        return int(obj.failed)


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    """The products as they are searched: text, picture and how well it could be read."""

    list_display = ["object_key", "preview", "product", "language", "pictures", "generation", "embedded_at"]
    list_filter = ["pictures", "generation", "language"]
    list_select_related = ["generation"]
    search_fields = ["object_key__exact"]
    search_help_text = _("Finds by the key of the product.")
    show_full_result_count = False
    ordering = ["-pk"]
    fields = [
        *["product", "preview", "pictures", "picture_error", "text"],
        *["language", "generation", "embedded_at", "stamp", "digest"],
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """Leave vectors where they are: nobody reads them."""
        return super().get_queryset(request).defer("embedding", "search_vector", "identifiers")

    @admin.display(description=_("picture"))
    def preview(self, obj: Document) -> str:
        """Show the thumbnail."""
        return preview(thumbnail_storage().url(obj.thumbnail) if obj.thumbnail else "")

    @admin.display(description=_("product"))
    def product(self, obj: Document) -> str:
        """Link to the product's own page in the admin."""
        return _product_link(obj.generation.index, obj.object_key)


class ChangeState(admin.SimpleListFilter):
    """Filters changes by what becomes of them."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("waiting", _("Waiting")), ("failing", _("Failing")), ("set_aside", _("Set aside"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the chosen state."""
        if self.value() == "failing":
            return queryset.failing()  # type: ignore[attr-defined]
        if self.value() in ("waiting", "set_aside"):
            return queryset.filter(set_aside=self.value() == "set_aside")
        return queryset


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """What waits for a worker, and what failed with its reason."""

    list_display = ["object_key", "product", "generation", "standing", "attempts", "reason", "due_at"]
    list_filter = [ChangeState, "generation"]
    list_select_related = ["generation"]
    search_fields = ["object_key__exact"]
    search_help_text = _("Finds by the key of the product.")
    show_full_result_count = False
    ordering = ["-set_aside", "-attempts", "pk"]
    actions = ["retry"]
    fields = ["product", "generation", "standing", "attempts", "error", "created_at", "due_at", "leased_until"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """May this user let workers try again?"""
        return request.user.has_perm("catalog_search.change_change")

    @admin.action(description=_("Try the chosen changes again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Change]) -> None:
        """Hand changes back to the workers at once, however often they failed."""
        count = changes.retry(queryset)
        text = ngettext("%d change is tried again.", "%d changes are tried again.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.display(description=_("state"))
    def standing(self, obj: Change) -> Any:
        """Say what becomes of it."""
        if obj.set_aside:
            return _("Set aside")
        if obj.claim:
            return _("In work")
        return _("Waiting to be tried again") if obj.error and obj.attempts else _("Waiting")

    @admin.display(description=_("reason"))
    def reason(self, obj: Change) -> str:
        """Show the beginning of the error."""
        return Truncator(obj.error).chars(120)

    @admin.display(description=_("product"))
    def product(self, obj: Change) -> str:
        """Link to the product's own page in the admin."""
        return _product_link(obj.generation.index, obj.object_key)


def _counted(rows: QuerySet[Any]) -> Coalesce:
    counts = rows.filter(generation=OuterRef("pk")).order_by().values("generation").annotate(n=Count("pk"))
    return Coalesce(Subquery(counts.values("n")), 0)


def _product_link(label: str, key: str) -> str:
    try:
        options = registry.get(label).model._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[key])
    except (IndexNotFound, NoReverseMatch):
        return key
    return format_html('<a href="{}">{} {}</a>', url, str(options.verbose_name).capitalize(), key)
