"""The storefront's search page: a form in, a page of results out; a picture search has an address of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from .conf import settings
from .exceptions import ImageError, IndexNotFound
from .facets import HierarchyFacet
from .forms import QUERY_FIELDS, SearchForm
from .indexes import SearchIndex, registry
from .navigation import Address, Chip
from .panels import panels
from .querylog import note_event
from .responses import describe
from .searching import Results, cache
from .suggesting import suggest
from .throttling import seconds_to_wait

NOT_INDEXED = "noindex, follow"
NOT_CARRIED = ("sort", "page", "more", "within")
"""Parameters of an address that its forms leave out, or have fields for."""


# A search changes nothing and answers everybody alike, so its form needs no token, and pages that hold a search box
# can be cached for all visitors.
@method_decorator(csrf_exempt, name="dispatch")
class SearchView(View):
    """Searches one index: the one named in the address, else ``index_name``, else the first declared.

    GET answers with a page of results. POST takes a picture too: it is kept for a while, and the visitor is sent to
    the address of that search, which can be paged, filtered, shared and gone back to.
    """

    index_name = ""
    template_name = "catalog_search/search.html"
    form_class: type[SearchForm] = SearchForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask a visitor who searches without end to wait."""
        if request.method in ("GET", "POST") and (seconds := seconds_to_wait(request)):
            form = self.form_class(self.get_index(kwargs.get("index", "")), request.GET)
            form.is_valid()
            context = {"search_form": form, "address": Address.of(request.path, request.GET), "seconds": seconds}
            headers = {"Retry-After": str(seconds), "X-Robots-Tag": NOT_INDEXED}
            return TemplateResponse(request, self.template_name, context, status=429, headers=headers)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, index: str = "") -> HttpResponseBase:
        """Show the results that the address asks for."""
        declared = self.get_index(index)
        return self.render(self.form_class(declared, request.GET), Address.of(request.path, request.GET))

    def post(self, request: HttpRequest, index: str = "") -> HttpResponseBase:
        """Keep an uploaded picture and go on to the address of the search."""
        form = self.form_class(self.get_index(index), request.POST, request.FILES)
        address = Address.of(request.path, request.POST).without()
        if form.is_valid() and form.cleaned_data["image"]:
            address = address.with_("picture", token := cache.keep_picture(form.cleaned_data["image"]))
            if not token:
                form.add_error("image", _("Pictures cannot be taken at the moment; please search by words."))
        if form.is_valid():
            return HttpResponseRedirect(str(address))
        return self.render(form, address)

    def get_index(self, name: str) -> SearchIndex:
        """Return the index to search; Http404 where there is none."""
        try:
            name = name or self.index_name
            return registry.get(name) if name else next(iter(registry))
        except (IndexNotFound, StopIteration) as error:
            raise Http404("There is no such search.") from error

    def render(self, form: SearchForm, address: Address) -> HttpResponseBase:
        """Search for what is valid and say at its field what is not."""
        status = 200 if form.is_valid() else 400
        # Without the part of the query that could not be read, results would answer a question nobody asked.
        results = form.search(self.request, mark=True) if form.asks_clearly else None
        target = results.guidance.redirect if results is not None and status == 200 else ""
        if target and not self._leads_here(target, address):
            return HttpResponseRedirect(target)
        if results is not None and results.page > results.pages:
            status = 404
        context = self.get_context(form, results, address)
        response = TemplateResponse(self.request, self.template_name, context, status=status)
        if not context["is_canonical"]:
            response.headers["X-Robots-Tag"] = NOT_INDEXED
        if results is not None:
            describe(response, results)
        return response

    def _leads_here(self, target: str, address: Address) -> bool:
        """Is it the address of this very page? To go there would mean to go there for ever."""
        parts = urlsplit(target)
        here = parts.netloc in ("", self.request.get_host()) and parts.path == address.path
        return here and QueryDict(parts.query) == address.parameters

    def get_context(self, form: SearchForm, results: Results | None, address: Address) -> dict[str, Any]:
        """Return what the template shows; a shop adds its own here."""
        context: dict[str, Any] = {"search_form": form, "index": form.index, "results": results, "address": address}
        canonical = self.get_canonical(form, address)
        context |= {
            "all_products": Address(address.path, QueryDict()),
            "canonical": self.request.build_absolute_uri(str(canonical)),
            "is_canonical": str(canonical) == str(address) and results is not None and results.total > 0,
        }
        if results is None:
            return context | {"words_alone": address.without("picture", "like", "unlike", "terms")}
        similar = [*self._product_chips(form, address, "like"), *self._product_chips(form, address, "unlike")]
        similar += _term_chips(form, address)
        filters = list(address.chips(results))
        names = [name for facet in form.index.facets for name in facet.parameters]
        return context | {
            "as_typed": address.without().with_("exact", 1),
            "meant": address.without("exact").with_("q", results.did_you_mean),
            "browsing": not any(form.options()[part] for part in ("text", "image", "like", "terms")),
            "browsed": _place(form, filters),
            "elsewhere": form.without_filters(self.request) if filters and not results.total else (),
            "chips": [*similar, *filters],
            "filter_count": len(filters),
            "without_filters": address.without(*names),
            "facets": panels(form, results, address),
            "unusable_filters": [str(form.fields[name].label) for name in names if name in form.errors],
            "carried": [(name, value) for name, value in _pairs(address) if name not in (*names, *NOT_CARRIED)],
            "filtered": [(name, value) for name, value in _pairs(address) if name in names],
            "pages": list(address.pages(results)) if results.pages > 1 else [],
            "previous": address.previous_page(results),
            "next": address.next_page(results),
        }

    def get_canonical(self, form: SearchForm, address: Address) -> Address:
        """Return the address that search engines should know this page by: all products or one category, by page.

        What is searched for, filtered or sorted is not for them; where the visitor's choice lies in a category, its
        page stands for it.
        """
        plain = Address(address.path, QueryDict())
        if form.errors or any(address.parameters.get(name) for name in QUERY_FIELDS):
            return plain
        trees = [facet.name for facet in form.index.facets if isinstance(facet, HierarchyFacet)]
        for name in [name for name in trees if len(address.parameters.getlist(name)) == 1][:1]:
            plain = plain.with_(name, address.parameters[name])
        return plain.page(form.cleaned_data["page"] or 1) if str(plain) == str(address.without()) else plain

    def _product_chips(self, form: SearchForm, address: Address, name: str) -> list[Chip]:
        keys = form.cleaned_data.get(name) or []
        if not keys:
            return []
        # A product that this visitor may not see is not named to them either.
        seen = {product.pk: str(product) for product in form.index.queryset(self.request).filter(pk__in=keys)}
        rest = {key: ",".join(str(other) for other in keys if other != key) for key in keys}
        without = address.without(name)
        label = str(form.fields[name].label)
        return [
            Chip(label, seen.get(key, ""), str(without.with_(name, rest[key]) if rest[key] else without))
            for key in keys
        ]


@csrf_exempt  # a beacon carries no token, and what it says counts little
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Note a click or an order: ``query_id``, ``product``, ``kind`` and ``position`` as JSON or as a form.

    Made for ``navigator.sendBeacon``, which sends JSON as plain text.
    """
    try:
        if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
            sent = request.POST.dict()
        else:
            sent = json.loads(request.body)
        position = sent.get("position")
        note_event(
            sent.get("query_id", ""),
            sent.get("product", ""),
            sent.get("kind", "click"),
            int(position) if position not in (None, "") else None,
        )
    except ValidationError as error:
        return JsonResponse({"errors": error.message_dict}, status=400)
    except (ValueError, TypeError, AttributeError):
        text = _("Send a JSON object with query_id and product, and kind and position if you like.")
        return JsonResponse({"errors": {"__all__": [text]}}, status=400)
    return HttpResponse(status=204)


def _place(form: SearchForm, filters: Sequence[Chip]) -> str:
    """Name the place in the shop that is browsed: the innermost category, or the one thing that is filtered by."""
    trees = {str(facet.label) for facet in form.index.facets if isinstance(facet, HierarchyFacet)}
    places = [chip.value for chip in filters if str(chip.label) in trees]
    return places[-1] if places else filters[0].value if len(filters) == 1 else ""


def _term_chips(form: SearchForm, address: Address) -> list[Chip]:
    """Name each weighted term, under the address of the search without it."""
    written = address.parameters.getlist("terms")
    terms = form.cleaned_data.get("terms") or []
    return [
        Chip(_("More of") if weight > 0 else _("Less of"), words, str(address.without_value("terms", raw)))
        for (words, weight), raw in zip(terms, written, strict=False)
    ]


@require_safe
def facet_values(request: HttpRequest, index: str, facet: str) -> JsonResponse:
    """Answer with all values of a facet among what a search finds, those that hold ``within``; for long lists."""
    if seconds := seconds_to_wait(request, "typing"):
        return JsonResponse({"errors": {"__all__": [_("Too many requests.")]}}, status=429, headers=_later(seconds))
    form = SearchForm(SearchView().get_index(index), request.GET)
    if facet not in [one.name for one in form.index.facets]:
        raise Http404("There is no such facet.")
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    found = form.counted(facet, request).facets[facet]
    values = [] if found.is_range else [asdict(value) for value in found.found]  # type: ignore[union-attr]
    return JsonResponse({"values": values, "hidden": found.hidden})


@require_safe
def suggestions(request: HttpRequest, index: str = "") -> JsonResponse:
    """Answer a search box while somebody types: queries, values of facets and products, each with its address."""
    if seconds := seconds_to_wait(request, "typing"):
        return JsonResponse({"queries": [], "values": [], "products": []}, status=429, headers=_later(seconds))
    declared = SearchView().get_index(index)
    text = request.GET.get("q", "")[: settings.QUERY_MAX_LENGTH]
    found = suggest(declared, text, request=request)
    page = Address(reverse("catalog_search:search", args=[index] if index else []), QueryDict())
    answer = {
        "queries": [{"label": text, "url": str(page.with_("q", text))} for text in found.queries],
        "values": [
            {"label": one.label, "detail": one.facet_label, "url": str(page.with_(one.facet, one.value))}
            for one in found.values
        ],
        "products": [
            {"label": str(one.object), "url": product_url(one.object), "picture": one.thumbnail_url}
            for one in found.products
        ],
    }
    return JsonResponse(answer, headers={"Cache-Control": "private, max-age=60", "X-Robots-Tag": "noindex"})


def product_url(product: Any) -> str:
    """Return the address of a product's page, or an empty text where it has none."""
    return product.get_absolute_url() if hasattr(product, "get_absolute_url") else ""


@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    """Show a visitor the picture they search with."""
    try:
        kept = cache.kept_picture(token)
    except ImageError as error:
        raise Http404(str(error)) from error
    headers = {"Cache-Control": f"private, max-age={settings.PICTURE_SECONDS}", "X-Robots-Tag": "noindex"}
    return HttpResponse(kept.jpeg, content_type="image/jpeg", headers=headers)


def _later(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _pairs(address: Address) -> list[tuple[str, str]]:
    return [(name, value) for name, values in address.parameters.lists() for value in values]
