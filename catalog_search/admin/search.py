"""SearchAdminMixin: the changelist of a shop's own ModelAdmin finds by meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied
from django.db.models import F, Func, IntegerField, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.forms import Media
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..conf import settings
from ..exceptions import ImageError
from ..images import Picture, read_picture
from ..merchandising import steps_with
from ..models import Generation
from ..registry import registry
from ..searching import cache, search
from ..searching.documents import Documents
from ..searching.hydration import thumbnails
from ..searching.query import query_language
from ..sql import read_alias
from .products import thumbnail

PLAIN_PREFIX = "="
"""Begins a search that Django is to answer itself, by ``search_fields``."""
PICTURE = "picture"
"""The parameter that names a picture to search with by its token."""
PICTURE_PATH = "search-picture/"
CHOOSE = _("Search by picture")
MEDIA = Media(js=["catalog_search/admin_search.js"], css={"all": ["catalog_search/admin.css"]})
RANK = "catalog_search_rank"
"""Marks a queryset that a search by meaning has narrowed and ordered."""


class SearchChangeList(ChangeList):
    """A changelist that takes a picture, and fetches the thumbnails of its rows at once."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave the picture out: it is no filter."""
        return {name: value for name, value in super().get_filters_params(params).items() if name != PICTURE}

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if registry.for_model(self.model):
            self.search_help_text = self._help(request.GET.get(PICTURE, ""))
        if "search_thumbnail" in self.list_display:
            found = thumbnails_of(self.model, [row.pk for row in self.result_list])
            for row in self.result_list:
                row._search_thumbnail = found.get(str(row.pk), "")

    def _help(self, token: str) -> str:
        """Show the picture that is searched with, and tell the script what it needs.

        It offers to take one and, after a search by meaning, no "select all": the tail was seen by nobody.
        """
        shown: Any = ""
        if token:
            shown = format_html(
                '<img src="{}?token={}" alt="{}" height="48"> <a href="{}">{}</a>',
                PICTURE_PATH,
                token,
                _("The picture searched with"),
                self.get_query_string(remove=[PICTURE]),
                _("Remove the picture"),
            )
        return format_html(
            '{} <span data-search-picture="{}" data-label="{}" data-refused="{}"{}>{}</span>',
            self.search_help_text or "",
            PICTURE_PATH,
            CHOOSE,
            _("This file is not a picture."),
            " data-fuzzy" if _is_semantic(self.queryset) else "",
            shown,
        )


class SearchAdminMixin(admin.ModelAdmin):
    """Makes the search box of a ModelAdmin find by meaning: ``class ProductAdmin(SearchAdminMixin, ModelAdmin)``.

    It searches what ``get_queryset(request)`` and the chosen filters leave, so drafts are found and permissions hold,
    and keeps the order of relevance until a column is clicked. It takes a picture too, dropped or pasted. Django's own
    search answers where the index is missing, and where a search begins with "=". Put "search_thumbnail" into
    ``list_display`` to show pictures.
    """

    search_help_text = _('Finds by meaning, words and article number. Begin with "=" to search for exact letters.')
    search_limit = 200
    """The rows that a search by meaning finds at most: the tail of a fuzzy set helps nobody."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SearchChangeList

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the fields for "=", the primary key where none are declared: without any, Django shows no box."""
        return super().get_search_fields(request) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Narrow a queryset to what a search finds; the bool tells whether rows may occur twice."""
        index = registry.for_model(self.model)
        term = search_term.strip()
        image = self._picture(request)
        if index is None or not (term or image) or term.startswith(PLAIN_PREFIX):
            return super().get_search_results(request, queryset, term.removeprefix(PLAIN_PREFIX).strip())
        results = search(
            index,
            term[: settings.QUERY_MAX_LENGTH],
            image=image,
            visible=queryset,
            page_size=self.search_limit,
            facet_counts=False,
            group_by=False,
            request=request,
            **steps_with([]) | {"arrange": []},  # staff look for what rules hide, and their rows lack annotations
        )
        if "index" in results.degraded:
            return super().get_search_results(request, queryset, term)
        if results.degraded and _is_changelist(request):
            self.message_user(request, _("A search model does not answer: results are rougher."), messages.WARNING)
        keys = [hit.key for hit in results]
        found = queryset.filter(pk__in=[hit.object.pk for hit in results]).alias(**{RANK: _position(keys)})
        return (found if ORDER_VAR in request.GET else found.order_by(RANK)), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the rows, with the script that takes pictures."""
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data:
            response.context_data["media"] = response.context_data.get("media", Media()) + MEDIA
        return response

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Refuse an action on all rows of a search by meaning, ticked or not."""
        if _is_semantic(queryset) and request.POST.get("select_across") == "1":
            text = _("A search by meaning also finds what is merely similar: tick the rows that you mean.")
            self.message_user(request, text, messages.WARNING)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """Add the place that takes pictures."""
        options = self.model._meta
        view = self.admin_site.admin_view(self.search_picture)
        name = f"{options.app_label}_{options.model_name}_search_picture"
        return [path(PICTURE_PATH, view, name=name), *super().get_urls()]

    def search_picture(self, request: HttpRequest) -> HttpResponse:
        """Keep a picture to search with and return its token, or show the one of a token."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        try:
            if request.method != "POST":
                kept = cache.kept_picture(request.GET.get("token", ""))
                return HttpResponse(kept.jpeg, content_type="image/jpeg", headers={"Cache-Control": "private"})
            token = cache.keep_picture(read_picture(cast(IO[bytes], request.FILES["image"])))
        except KeyError:
            return JsonResponse({"error": _("Send the picture as a file.")}, status=400)
        except ImageError as error:
            return JsonResponse({"error": str(error)}, status=400 if request.method == "POST" else 404)
        if not token:
            text = _("Pictures cannot be taken at the moment; please search by words.")
            return JsonResponse({"error": text}, status=503)
        return JsonResponse({"token": token})

    def _picture(self, request: HttpRequest) -> Picture | None:
        token = request.GET.get(PICTURE, "")
        try:
            return cache.kept_picture(token) if token else None
        except ImageError as error:
            self.message_user(request, str(error), messages.WARNING)
            return None

    @admin.display(description=_("picture"))
    def search_thumbnail(self, obj: Model) -> str:
        """Show the picture that the index holds of a row."""
        url = getattr(obj, "_search_thumbnail", None)
        return thumbnail(thumbnails_of(type(obj), [obj.pk]).get(str(obj.pk), "") if url is None else url, str(obj))


def _position(keys: list[str]) -> Func:
    """The place of a row in a list of keys; as text, so that it serves every kind of key."""
    listed = Value(keys, output_field=ArrayField(TextField()))
    return Func(listed, Cast(F("pk"), TextField()), function="ARRAY_POSITION", output_field=IntegerField())


def _is_semantic(queryset: QuerySet[Any]) -> bool:
    return RANK in queryset.query.annotations


def _is_changelist(request: HttpRequest) -> bool:
    match = request.resolver_match
    return bool(match and (match.url_name or "").endswith("_changelist") and request.method == "GET")


def thumbnails_of(model: type[Model], keys: Iterable[Any]) -> dict[str, str]:
    """Return the addresses of the thumbnails that the serving generation has of some rows."""
    index = registry.for_model(model)
    generation = Generation.objects.serving(index) if index else None
    if index is None or generation is None:
        return {}
    documents = Documents(read_alias(model), generation.pk, generation.language_for(query_language(index)))
    return thumbnails(documents, [str(key) for key in keys])
