"""The state of the index, read-only: documents, and changes that wait or failed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..images import thumbnail_url
from ..indexing import changes
from ..models import Change, Document
from ..models.changes import WAITING
from .pages import ReadOnlyAdmin, may
from .products import ProductColumn, thumbnail


@admin.register(Document)
class DocumentAdmin(ProductColumn, ReadOnlyAdmin):
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
        # Nobody reads vectors.
        return super().get_queryset(request).defer("embedding", "search_vector", "identifiers")

    @admin.display(description=_("picture"))
    def preview(self, obj: Document) -> str:
        return thumbnail(thumbnail_url(obj.thumbnail))


class ChangeState(admin.SimpleListFilter):
    """Filters changes by what becomes of them."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("Waiting")), ("failing", _("Failing")), ("set_aside", _("Set aside"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failing":
            return queryset.exclude(WAITING)
        if self.value() in ("waiting", "set_aside"):
            return queryset.filter(set_aside=self.value() == "set_aside")
        return queryset


@admin.register(Change)
class ChangeAdmin(ProductColumn, ReadOnlyAdmin):
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
        return may(request, "change_change")

    @admin.action(description=_("Try the chosen changes again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Change]) -> None:
        """Hand changes back to the workers at once, however often they failed."""
        count = changes.retry(queryset)
        text = ngettext("%d change is tried again.", "%d changes are tried again.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.display(description=_("state"))
    def standing(self, obj: Change) -> Any:
        if obj.set_aside:
            return _("Set aside")
        if obj.claim:
            return _("In work")
        return _("Waiting to be tried again") if obj.error and obj.attempts else _("Waiting")

    @admin.display(description=_("reason"))
    def reason(self, obj: Change) -> str:
        return Truncator(obj.error).chars(120)
