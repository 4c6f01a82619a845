"""Endpoints: what the storefront's script asks for by itself, and the picture that a visitor searches with."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from .conf import settings
from .exceptions import ImageError
from .forms import SearchForm
from .navigation import Address, index_at, product_url
from .querylog import note_event
from .searching import cache
from .sql import DATABASE_DOWN
from .suggesting import suggest
from .throttling import seconds_to_wait

logger = logging.getLogger(__name__)

Endpoint = Callable[..., HttpResponse]


def answers_a_script(kind: str) -> Callable[[Endpoint], Endpoint]:
    """Make a view answer in JSON that it was asked too often, counted as ``kind``, or that the database is down."""

    def decorate(view: Endpoint) -> Endpoint:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if seconds := seconds_to_wait(request, kind):
                    return _refusal(_("Too many requests."), 429, {"Retry-After": str(seconds)})
                return view(request, *args, **kwargs)
            except DATABASE_DOWN as error:
                logger.error("The database does not answer: %s", error)
                return _refusal(_("The search is out of order at the moment; please try again later."), 503)

        return answer

    return decorate


@csrf_exempt  # a beacon carries no token, and what it says counts little
@require_POST
@answers_a_script("events")
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
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        text = _("Send a JSON object with query_id and product, and kind and position if you like.")
        return _refusal(text, 400)
    return HttpResponse(status=204)


@require_safe
@answers_a_script("typing")
def facet_values(request: HttpRequest, index: str, facet: str) -> JsonResponse:
    """Answer with all values of a facet among what a search finds, those that hold ``within``; for long lists."""
    form = SearchForm(index_at(index), request.GET)
    if facet not in [one.name for one in form.index.facets]:
        raise Http404("There is no such facet.")
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    found = form.counted(facet, request).facets[facet]
    return JsonResponse({"values": [asdict(value) for value in found.values or []], "hidden": found.hidden})


@require_safe
@answers_a_script("typing")
def suggestions(request: HttpRequest, index: str = "") -> JsonResponse:
    """Answer a search box while somebody types: queries, values of facets and products, each with its address."""
    declared = index_at(index)
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


@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    """Show a visitor the picture they search with."""
    try:
        kept = cache.kept_picture(token)
    except ImageError as error:
        raise Http404(str(error)) from error
    headers = {"Cache-Control": f"private, max-age={settings.PICTURE_SECONDS}", "X-Robots-Tag": "noindex"}
    return HttpResponse(kept.jpeg, content_type="image/jpeg", headers=headers)


def _refusal(text: str, status: int, headers: Mapping[str, str] | None = None) -> JsonResponse:
    return JsonResponse({"errors": {"__all__": [text]}}, status=status, headers=headers)
