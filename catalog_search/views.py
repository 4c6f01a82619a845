"""The storefront's search page: a form in, a page of results out; a picture search has an address of its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from .chips import filter_chips, place_of, query_chips
from .facets import HierarchyFacet
from .forms import QUERY_FIELDS, REDIRECTED, SearchForm
from .indexes import SearchIndex
from .navigation import Address, index_at
from .panels import panels
from .searching import Results, cache
from .sql import DATABASE_DOWN
from .throttling import seconds_to_wait

logger = logging.getLogger(__name__)

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
        """Ask a visitor who searches without end to wait, who asks for too much to ask for less, and everybody to come
        back where the database is down.
        """
        try:
            if request.method in ("GET", "HEAD", "POST") and (seconds := seconds_to_wait(request)):
                return self.refuse(429, {"Retry-After": str(seconds)}, seconds=seconds)
            if not Address.of(request.path, self.sent).is_followable:
                return self.refuse(400, {}, is_too_long=True)
            return super().dispatch(request, *args, **kwargs)
        except DATABASE_DOWN as error:
            logger.error("The database does not answer: %s", error)
            return self.refuse(503, {}, is_down=True)

    @property
    def sent(self) -> QueryDict:
        """What is asked, in a form or in the address."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def refuse(self, status: int, headers: Mapping[str, str], **why: Any) -> HttpResponse:
        """Say on the page why there are no results; the box keeps what was asked."""
        form = self.form_class(self.get_index(self.kwargs.get("index", "")), self.sent)
        asked = Address.of(self.request.path, self.sent)
        asked = asked if asked.is_followable else asked.without(*asked.parameters)
        form.is_valid()
        context = {"search_form": form, "address": asked, **why}
        headers = {**headers, "X-Robots-Tag": NOT_INDEXED}
        return TemplateResponse(self.request, self.template_name, context, status=status, headers=headers)

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
        return index_at(name or self.index_name)

    def render(self, form: SearchForm, address: Address) -> HttpResponseBase:
        """Search for what is valid and say at its field what is not."""
        status = 200 if form.is_valid() else 400
        # Without the part of the query that could not be read, results would answer a question nobody asked.
        results = form.search(self.request, mark=True) if form.asks_clearly else None
        told = results.guidance.redirect if results is not None and status == 200 else ""
        if target := self._onward(told, address):
            return HttpResponseRedirect(target)
        if results is not None and results.page > results.pages:
            status = 404
        context = self.get_context(form, results, address)
        headers = {} if context["is_canonical"] else {"X-Robots-Tag": NOT_INDEXED}
        headers |= results.headers if results is not None else {}
        return TemplateResponse(self.request, self.template_name, context, status=status, headers=headers)

    def _onward(self, told: str, address: Address) -> str:
        """Return where rules send the visitor, or "" to stay: at the page itself, and at the second search in a row.

        Rules that lead to each other would lead round and round.
        """
        parts = urlsplit(told)
        if not told or not self._leads_to_search(parts):
            return told
        there = QueryDict(parts.query, mutable=True)
        if REDIRECTED in address.parameters or self._is_here(parts.path, there, address):
            return ""
        there[REDIRECTED] = "1"
        return parts._replace(query=there.urlencode()).geturl()

    def _leads_to_search(self, parts: SplitResult) -> bool:
        """Is it a search page of this site, with its last slash or without?"""
        if parts.netloc not in ("", self.request.get_host()):
            return False
        path = f"/{parts.path.removeprefix(get_script_prefix())}"
        for one in (path, f"{path}/"):
            with suppress(Resolver404):
                view = resolve(one, getattr(self.request, "urlconf", None)).func
                return issubclass(getattr(view, "view_class", View), SearchView)
        return False

    def _is_here(self, path: str, there: QueryDict, address: Address) -> bool:
        """Is it this very page, perhaps narrowed, sorted or paged?"""
        own = address.parameters
        asks_the_same = all(there.getlist(name) == own.getlist(name) for name in QUERY_FIELDS)
        narrowed = all(set(values) <= set(own.getlist(name)) for name, values in there.lists())
        return path == address.path and asks_the_same and narrowed

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
            # The search box marks the others.
            unmarked = [error for name in ("like", "unlike", "terms") for error in form.errors.get(name, [])]
            alone = address.without("picture", "like", "unlike", "terms")
            return context | {"words_alone": alone, "unmarked_errors": unmarked}
        filters = filter_chips(results, address)
        names = [name for facet in form.index.facets for name in facet.parameters]
        return context | {
            "as_typed": address.without().with_("exact", 1),
            "meant": address.without("exact").with_("q", results.did_you_mean),
            "browsing": not any(form.options()[part] for part in ("text", "image", "like", "terms")),
            "browsed": place_of(form, filters),
            "elsewhere": form.without_filters(self.request) if filters and not results.total else (),
            "chips": [*query_chips(form, address, self.request), *filters],
            "filter_count": len(filters),
            "without_filters": address.without(*names),
            "facets": panels(form, results, address),
            "unusable_filters": [str(form.fields[name].label) for name in names if name in form.errors],
            "carried": [(name, value) for name, value in address.pairs if name not in (*names, *NOT_CARRIED)],
            "filtered": [(name, value) for name, value in address.pairs if name in names],
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
