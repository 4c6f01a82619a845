"""Template tags: ``{% load catalog_search %}`` and then ``{% search_box %}`` anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse

from ..conf import settings
from ..fields import write_keys
from ..forms import SearchForm
from ..navigation import Address
from ..registry import registry
from ..searching import Hit, similar

register = template.Library()
_error_numbers = itertools.count(1)  # a page may have several boxes


@register.simple_tag(takes_context=True)
def similar_products(context: Context, product: Any, size: int = 10) -> tuple[Hit, ...]:
    """Return products similar to one: ``{% similar_products product size=6 as hits %}``; none where it has no index."""
    index = registry.for_model(type(product))
    return similar(index, product, size=size, request=context.get("request")) if index else ()


@register.inclusion_tag("catalog_search/similar.html", takes_context=True)
def similar_strip(
    context: Context,
    product: Any,
    size: int = 10,
    title: str = "",
    hits: Sequence[Hit] | None = None,
    assets: bool = True,
) -> dict[str, Any]:
    """Show products similar to one in a row: ``{% similar_strip product %}``; nothing where there are none.

    ``hits`` shows those that the view found instead. ``assets=False`` leaves out the style sheet.
    """
    found = similar_products(context, product, size) if hits is None else hits
    return {"hits": found, "product": product, "title": title, "more": more_like(product), "assets": assets}


@register.simple_tag
def more_like(product: Any) -> str:
    """Return the address of products similar to one: ``{% more_like product as url %}``; "" where it has no index."""
    index = registry.for_model(type(product))
    if index is None:
        return ""
    first = next(iter(registry))
    page = reverse("catalog_search:search", args=[] if index is first else [index.name])
    return f"{page}?{urlencode({'like': write_keys([product.pk])})}"


@register.inclusion_tag("catalog_search/_search_box.html", takes_context=True)
def search_box(context: Context, index: str = "", placeholder: str = "", assets: bool = True) -> dict[str, Any]:
    """Show the search box: words, a picture, or both. Works in any template, with or without JavaScript.

    ``index`` names the index to search where there are several. ``assets=False`` leaves out the style sheet and the
    script, for a page that has them in its head. On the result page the box holds what was searched for. A picture can
    be searched by where the index has some.
    """
    form = context.get("search_form")
    address = context.get("address")
    searched = form.index if isinstance(form, SearchForm) else registry.chosen(index) if len(registry) else None
    if isinstance(form, SearchForm) and form.index is not registry.chosen(index):
        index = form.index.name  # a page of another index than that of the first
    box: dict[str, Any] = {
        "action": reverse("catalog_search:search", args=[index] if index else []),
        "placeholder": placeholder,
        "assets": assets,
        "pictures": searched is not None and bool(searched.image_paths),
        "max_length": settings.QUERY_MAX_LENGTH,
        "suggest": reverse("catalog_search:suggest", args=[index] if index else []),
    }
    if isinstance(form, SearchForm) and isinstance(address, Address):
        token = address.parameters.get("picture", "")
        has_picture = form.is_bound and not form.errors.get("picture") and bool(form.cleaned_data.get("picture"))
        box |= {
            "action": address.path,
            "q": form["q"].value() or "",
            "error_id": f"cs-error-{next(_error_numbers)}",
            "errors": [message for name in ("q", "image", "picture") for message in form.errors.get(name, [])],
            "picture_url": reverse("catalog_search:picture", args=[token]) if has_picture else "",
            "token": token if has_picture else "",
            "without_picture": address.without("picture"),
        }
    return box
