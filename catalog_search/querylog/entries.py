"""Entries: a search and what came of it, as rows of the log without anything about the person."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from ..conf import settings
from ..indexes import SearchIndex
from ..languages import noted
from ..models import QueryEvent, QueryLog
from ..searching import Results
from ..visitors import address_of
from . import logbook
from .intents import Entry

MASK = "…"
_EMAIL = re.compile(r"\S+@\S+")
_LONG_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){6,}")
LONGEST_KEY = 200


def note_search(
    index: SearchIndex, options: Mapping[str, Any], results: Results, request: HttpRequest | None = None
) -> str:
    """Note a search, given by the options of ``search``, and return its ``query_id``; "" where nothing is kept.

    Browsing is not noted: nobody asked for anything. Nor is what a program looks for by HEAD: nobody sees results.
    """
    if not settings.QUERY_LOG or results.kind == "browse" or (request is not None and request.method == "HEAD"):
        return ""
    row = QueryLog(
        pk=uuid.uuid4(),
        index=index.label,
        kind=results.kind,
        text=masked(_words(options), found=any("identifiers" in hit.why.lanes for hit in results.hits)),
        language=str(options.get("language") or "")[:15],
        filters={name: [str(value) for value in values] for name, values in (options.get("facets") or {}).items()},
        sort=results.sort,
        page=results.page,
        total=results.total,
        redirected=bool(results.guidance.redirect),
        shown=[hit.key for hit in results.hits],
        offset=results.offset,
        milliseconds=round(results.timings.get("total", 0.0), 1),
        timings={stage: round(spent, 1) for stage, spent in results.timings.items()},
        degraded=list(results.degraded),
        created_at=timezone.now(),
    )
    logbook.logbook.add(Entry(row, _visitor(request)))
    return row.pk.hex


def note_event(query_id: str, product: Any, kind: str = "click", position: int | None = None) -> None:
    """Note that a product of a search was clicked or ordered ("conversion"); ``position`` counts from 1.

    ``product`` is one or its key. Raises ValidationError with the reason on what cannot be an event. An id that no
    search had counts for nothing, and the same event counts once.
    """
    if not settings.QUERY_LOG:
        return
    key = str(product.pk if isinstance(product, Model) else product)
    try:
        query = uuid.UUID(query_id)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValidationError({"query_id": _("This is not the id of a search.")}) from error
    if kind not in QueryEvent.Kind.values:
        raise ValidationError({"kind": _("Give one of: %s.") % ", ".join(QueryEvent.Kind.values)})
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise ValidationError({"product": _("This is not the key of a product.")})
    if position is not None and not 1 <= position <= 100_000:
        raise ValidationError({"position": _("A position counts from 1.")})
    logbook.logbook.add(
        QueryEvent(query_id=query, kind=kind, object_key=key, position=position, created_at=timezone.now())
    )


def masked(text: str, found: bool) -> str:
    """Return a text as it is kept, e-mail addresses masked.

    So are long numbers where no product was ``found`` by its number: they may be a telephone's.
    """
    text = _EMAIL.sub(MASK, noted(text))
    return text if found else _LONG_NUMBER.sub(MASK, text)


def _words(options: Mapping[str, Any]) -> str:
    terms = (f"{words}^{weight:g}" for words, weight in options.get("terms") or ())
    return " ".join(filter(None, (options.get("text", ""), *terms)))


def _visitor(request: HttpRequest | None) -> str:
    """Return a digest that tells visitors apart for as long as an intent lasts; kept in the cache only."""
    if request is None:
        return ""
    session = getattr(getattr(request, "session", None), "session_key", None)
    who = session or f"{address_of(request)}|{request.META.get('HTTP_USER_AGENT', '')}"
    return salted_hmac("catalog_search.visitor", who).hexdigest()
