"""Previewing: an editor whose form tells what a draft would change, beside it and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import Media
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from .pages import PagesAdmin
from .previews import COMPARED

LIVE = "live"
"""The parameter of a preview beside the form, which shows fewer pages."""
LIVE_PAGES = 3
MEDIA = Media(js=["catalog_search/preview.js"], css={"all": ["catalog_search/admin.css"]})


class PreviewAdmin(PagesAdmin):
    """A ModelAdmin that compares before saving; it says in ``preview`` what a draft would change."""

    change_form_template = "admin/catalog_search/preview_form.html"
    pages = {"preview/": "preview_view", "<path:object_id>/preview/": "preview_view"}

    def preview(self, draft: Any, formsets: Sequence[Any], pages: int) -> dict[str, Any]:
        """Return the context of the template of a preview."""
        raise NotImplementedError

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        found = kwargs.get("obj")
        context["preview_url"] = reverse(f"admin:{self.url_name('preview')}", args=[found.pk] if found else [])
        context["media"] = context.get("media", Media()) + MEDIA
        return super().render_change_form(request, context, *args, **kwargs)

    def preview_view(self, request: HttpRequest, object_id: str = "") -> Any:
        """Show what the draft in the form would change, without saving it; its mistakes where it has any."""
        found: Model | None = self.get_object(request, object_id) if object_id else None
        if not (self.has_change_permission(request, found) if found else self.has_add_permission(request)):
            raise PermissionDenied
        place = self.url_name("change" if object_id else "add")
        form_url = reverse(f"admin:{place}", args=[object_id] if object_id else [])
        if request.method != "POST":
            return HttpResponseRedirect(form_url)
        form = self.get_form(request, found, change=found is not None)(request.POST, instance=found)
        valid = form.is_valid()
        formsets, _inlines = self._create_formsets(request, form.instance, change=found is not None)  # type: ignore[attr-defined]
        valid = all(one.is_valid() for one in formsets) and valid
        live = LIVE in request.POST
        if not valid:
            # A form with mistakes shows them, and saves nothing.
            if not live:
                return self.changeform_view(request, object_id or None, form_url)
            told = {"mistakes": list(mistakes(form, formsets))}
            return TemplateResponse(request, "admin/catalog_search/_incomplete.html", told)
        context = self.preview(form.instance, formsets, LIVE_PAGES if live else COMPARED)
        if live:
            return TemplateResponse(request, "admin/catalog_search/_preview.html", context)
        title = _("What %(name)s would change") % {"name": form.instance}
        return self.render(request, "preview.html", title, **context)


def mistakes(form: Any, formsets: Sequence[Any]) -> Iterator[str]:
    """Yield in words what must be mended before a draft can be read, and where."""
    yield from _mistakes(form)
    for formset in formsets:
        name = capfirst(formset.model._meta.verbose_name)
        for number, one in enumerate(formset.forms, start=1):
            yield from (f"{name} #{number}, {text}" for text in _mistakes(one))


def _mistakes(form: Any) -> Iterator[str]:
    for name, texts in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        yield from (f"{capfirst(label)}: {text}" if label else str(text) for text in texts)
