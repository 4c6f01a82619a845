"""Merchandising in the admin: rules with their actions, drafts previewed, tables in and out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..merchandising import editing
from ..merchandising.exchange import write_table
from ..merchandising.rulings import problems_of
from ..models import Rule, RuleAction
from ..moments import local
from ..registry import registry
from . import picking
from .importing import ImportAdmin, RulesForm
from .pages import LanguageFilter
from .previews import PreviewAdmin, preview_rule
from .products import names_of
from .trying import TryForm

SHOWN_LINES = 5
"""Of what a rule acts on and does, in the list."""


class RuleActionForm(forms.ModelForm):
    """One action."""

    class Meta:
        model = RuleAction
        fields = ["kind", "product", "having", "position", "strength", "text", "url", "picture"]
        widgets = {
            "having": forms.Textarea(attrs={"rows": 2, "cols": 60}),
            "text": forms.Textarea(attrs={"rows": 2, "cols": 60}),
            "url": forms.TextInput(attrs={"size": 60}),
            "picture": forms.TextInput(attrs={"size": 60}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        used = {kind: [*needed, *allowed] for kind, (needed, allowed) in RuleAction.NEEDS.items()}
        self.fields["kind"].widget.attrs["data-fields"] = json.dumps(used)


class RuleActionFormSet(BaseInlineFormSet):
    """The actions of a rule; their products are fetched at once."""

    @property
    def index(self) -> str:
        """The index that products are picked from: as chosen in the form, or the rule's, or the first."""
        first = next((index.label for index in registry), "")
        return str(self.data.get("index") or self.instance.index or first)

    @cached_property
    def picked(self) -> picking.Picked:
        """Names and pictures of all products that the actions name."""
        keys = {action.product for action in self.get_queryset()}
        keys |= {str(value) for name, value in self.data.items() if name.endswith("-product")}
        return picking.picked(self.index, filter(None, keys))

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["product"].widget.index = self.index
        form.fields["product"].widget.picked = self.picked
        form.instance.product_name = self.picked.get(form.instance.product, ("", ""))[0]


class RuleActionInline(admin.StackedInline):
    """The actions below their rule, a part of it: who may write it may write them."""

    model = RuleAction
    form = RuleActionForm
    formset = RuleActionFormSet
    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "product":
            kwargs["widget"] = picking.ProductSelect(self.admin_site)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        return self._rules.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        return self._rules.has_change_permission(request, obj) if obj else self._rules.has_add_permission(request)

    has_change_permission = has_delete_permission = has_add_permission

    @property
    def _rules(self) -> admin.ModelAdmin[Rule]:
        return self.admin_site.get_model_admin(Rule)


@admin.register(Rule)
class RuleAdmin(PreviewAdmin, ImportAdmin):
    """What merchandisers want of some searches and pages."""

    change_list_template = "admin/catalog_search/rule/change_list.html"
    list_display = ["name", "in_force", "faults", "acts_on", "does", "priority", "period"]
    list_filter = ["enabled", "index", "when", "actions__kind", ("language", LanguageFilter)]
    search_fields = ["name", "searches", "conditions", "note", "actions__text"]
    actions = ["enable", "disable", "export"]
    inlines = [RuleActionInline]
    save_as = True
    pages = {**PreviewAdmin.pages, **ImportAdmin.pages, "products/": "products_view", "try/": "try_view"}
    import_form, import_title = RulesForm, _("Import rules")
    fieldsets = [
        (None, {"fields": ["name", "index", "enabled", "note"]}),
        (_("When"), {"fields": ["when", "searches", "conditions", "language", ("starts_at", "ends_at")]}),
        (_("Among other rules"), {"fields": ["priority", "final"]}),
    ]

    class Media:
        js = ["catalog_search/rules.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        return super().get_queryset(request).prefetch_related("actions")

    def complete(self, rows: list[Any]) -> None:
        """Find out what is wrong with the rules on the page, and what people read for their products."""
        problems = problems_of(rows)
        names = {}
        for label in {rule.index for rule in rows}:
            own = {action.product for rule in rows if rule.index == label for action in rule.actions.all()}
            names[label] = names_of(label, filter(None, own))
        for rule in rows:
            rule.problems = problems[rule.pk]
            for action in rule.actions.all():
                action.product_name = names[rule.index].get(action.product, "")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("searches", "conditions", "note"):
            kwargs["widget"] = forms.Textarea(attrs={"rows": 3, "cols": 60})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description=_("acts on"))
    def acts_on(self, obj: Rule) -> str:
        said = obj.searches.splitlines() or [str(obj.get_when_display())]
        return format_html_join(
            " ", "{}<br>", ((line,) for line in [*said, *obj.conditions.splitlines()][:SHOWN_LINES])
        )

    @admin.display(description=_("does"))
    def does(self, obj: Any) -> str:
        actions = list(obj.actions.all())[:SHOWN_LINES]
        return format_html_join(" ", "{}<br>", ((Truncator(action).chars(80),) for action in actions))

    @admin.display(boolean=True, description=_("in force"))
    def in_force(self, obj: Rule) -> bool:
        """Is it enabled, and is its time now?"""
        now = timezone.now()
        return obj.enabled and (obj.starts_at or now) <= now and (obj.ends_at is None or now < obj.ends_at)

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, obj: Rule) -> str:
        moments = [localize(local(one)) if one else "" for one in (obj.starts_at, obj.ends_at)]
        return " – ".join(moments) if any(moments) else "–"  # noqa: RUF001

    @admin.display(description=_("what is wrong"))
    def faults(self, obj: Any) -> str:
        return format_html_join("", '<span class="cs-fault">{}</span><br>', ((text,) for text in obj.problems)) or "–"  # noqa: RUF001

    @admin.action(description=_("Enable the chosen rules"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, True)

    @admin.action(description=_("Disable the chosen rules"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Rule], enabled: bool) -> None:
        rules = list(queryset.exclude(enabled=enabled))
        for rule in rules:
            rule.enabled = enabled
            rule.save(update_fields=["enabled"])
        text = ngettext("%d rule was changed.", "%d rules were changed.", len(rules)) % len(rules)
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Export the chosen rules as a table"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Rule]) -> HttpResponse:
        response = HttpResponse(write_table(queryset).encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="rules.csv"'
        return response

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Keep what is saved as one change by this user."""
        with editing(request.user):
            return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Keep what an action does as changes by this user."""
        with editing(request.user):
            return super().changelist_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with editing(request.user):
            return super().delete_view(request, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Show the changes of a rule, where they can be taken back."""
        return HttpResponseRedirect(f"{self.address('ruleversion_changelist')}?rule_key={object_id}")

    def products_view(self, request: HttpRequest) -> JsonResponse:
        return picking.offer(request, self.has_change_permission(request) or self.has_add_permission(request))

    def preview(self, draft: Rule, formsets: Sequence[Any], pages: int) -> dict[str, Any]:
        return preview_rule(draft, drafted(formsets[0]), pages)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Show what other weights or another model would change on the pages asked for most."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.GET or None)
        found = form.compared() if form.is_valid() else {}
        return self.render(request, "rule/try.html", _("What a change would do"), form=form, **found)


def drafted(formset: Any) -> list[RuleAction]:
    """Return the actions as the form has them, unsaved."""
    kept = [form for form in formset.forms if form not in formset.deleted_forms]
    return [form.instance for form in kept if form.instance.pk or form.has_changed()]
