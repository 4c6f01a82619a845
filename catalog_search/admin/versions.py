"""The changes of rules in the admin: who changed what and when, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from ..merchandising.history import changed_fields, restore
from ..models import RuleVersion
from .pages import ReadOnlyAdmin, may


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyAdmin):
    """Every change of a rule, the latest first; who may see rules may see how they came about."""

    list_display = ["__str__", "created_at", "what", "editor", "occasion"]
    list_filter = ["created_at", "index"]
    search_fields = ["name", "editor"]
    actions = ["undo", "bring_back"]
    fields = ["name", "index", "created_at", "editor", "occasion", "what", "before", "after"]

    def has_view_permission(self, request: HttpRequest, obj: RuleVersion | None = None) -> bool:
        return super().has_view_permission(request, obj) or may(request, "view_rule")

    def has_restore_permission(self, request: HttpRequest) -> bool:
        return all(may(request, f"{action}_rule") for action in ("add", "change", "delete"))

    @admin.action(description=_("Take back the chosen changes"), permissions=["restore"])
    def undo(self, request: HttpRequest, queryset: QuerySet[RuleVersion]) -> None:
        """Bring rules back to what they were before, the latest change first."""
        self._restore(request, queryset, "before")

    @admin.action(description=_("Bring back what came of the chosen change"), permissions=["restore"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[RuleVersion]) -> None:
        """Bring rules back to what they were after a change."""
        self._restore(request, queryset, "after")

    def _restore(self, request: HttpRequest, queryset: QuerySet[RuleVersion], to: str) -> None:
        for version in queryset.order_by("-pk"):
            try:
                restore(version, to, request.user)
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
            else:
                self.message_user(request, _("Done: %s") % version, messages.SUCCESS)

    @admin.display(description=_("what changed"))
    def what(self, obj: RuleVersion) -> Any:
        return format_html_join("", "{}: {} → {}<br>", changed_fields(obj))
