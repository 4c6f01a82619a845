"""Grading: what somebody says of products for a query, kept and read."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from ..indexes import SearchIndex
from ..languages import noted
from ..models import Judgement
from ..navigation import index_at
from ..searching.visibility import visible

LONGEST = Judgement._meta.get_field("query").max_length or 0
"""Characters of a query that can be judged."""


def index_of(request: HttpRequest) -> SearchIndex:
    """Return the index that a page is about; Http404 where there is no such."""
    return index_at(request.GET.get("index") or request.POST.get("index") or "")


def grades_of(index: SearchIndex, language: str, text: str) -> dict[str, int]:
    """Return the grades of products, by their keys."""
    rows = Judgement.objects.filter(index=index.label, language=language, query=noted(text))
    return dict(rows.values_list("object_key", "grade"))


def keep_grades(request: HttpRequest, index: SearchIndex, language: str, text: str, chosen: Mapping[str, str]) -> int:
    """Keep what somebody says of products, by their keys; returns how many. What is no grade or product is left out."""
    known = set(map(str, Judgement.Grade.values))
    seen = visible(index, request).filter(pk__in=index.keys(chosen).values())
    there = set(map(str, seen.values_list("pk", flat=True)))
    text = noted(text)
    if len(text) > LONGEST:
        return 0
    rows = [
        Judgement(
            index=index.label,
            language=language,
            query=text,
            object_key=key,
            grade=int(grade),
            judged_by=request.user.get_username(),
        )
        for key, grade in chosen.items()
        if key in there and grade in known
    ]
    Judgement.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["index", "language", "query", "object_key"],
        update_fields=["grade", "judged_by", "judged_at"],
    )
    return len(rows)
