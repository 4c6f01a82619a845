"""Marking: which words of a product answer the query, for people to see at a glance why it is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from ..languages import WORD, fold, text_config
from ..sql import array, execute
from .documents import TABLE
from .query import Query
from .results import Hit
from .scope import Scope
from .trace import Trace
from .words import Words, parse_words

_WORD = re.compile(rf"{WORD.pattern}|[^\W_]+")
_LEXEME = re.compile(r"'((?:[^']|'')+)'")
_BEGIN, _END = "\x02", "\x03"
LONGEST_LINE = 20_000
"""Characters of a field that are looked through for an excerpt: a page has dozens, and some may write very much."""
EXCERPT = f"MaxFragments=1, MaxWords=12, MinWords=6, StartSel={_BEGIN}, StopSel={_END}"


def marked(scope: Scope, query: Query, hits: Sequence[Hit], trace: Trace) -> tuple[Hit, ...]:
    """Return hits with the matching words of their names marked, and, where a name has none, of a line of their text.

    Words match by their stems and by the shop's synonyms, as in the lane of words. Two short statements, three where an
    excerpt is needed; none where no words were asked for.
    """
    if not hits or scope.generation.pk is None or not query.tokens:
        return tuple(hits)
    with trace.stage("mark"):
        words = parse_words(scope, query)
        names = [str(hit.object) for hit in hits]
        found = _matching(scope, words, {word for name in names for word in _WORD.findall(name)})
        shown = [mark(name, found) if found else "" for name in names]
        without = [hit.key for hit, text in zip(hits, shown, strict=True) if "<mark>" not in text]
        excerpts = _excerpts(scope, words, without)
    return tuple(
        replace(hit, marked=text if "<mark>" in text else "", excerpt=excerpts.get(hit.key, ""))
        for hit, text in zip(hits, shown, strict=True)
    )


def mark(text: str, words: Collection[str]) -> SafeString:
    """Return a text as HTML in which these words are marked."""
    parts, end = [], 0
    for match in _WORD.finditer(text):
        if match.group() in words:
            parts += [escape(text[end : match.start()]), "<mark>", escape(match.group()), "</mark>"]
            end = match.end()
    return mark_safe("".join([*parts, escape(text[end:])]))  # noqa: S308 - every part of it is escaped


def _matching(scope: Scope, words: Words, candidates: Iterable[str]) -> set[str]:
    """Return which of these words the query asks for: those that share a stem with one of its words."""
    wanted = {lexeme for term in words.terms for lexeme in _LEXEME.findall(term)}
    listed = sorted(candidates)
    if not wanted or not listed:
        return set()
    rows = execute(
        scope.alias,
        """
        SELECT word FROM unnest(%s::text[], %s::text[]) candidate(word, folded)
        WHERE tsvector_to_array(to_tsvector(%s::regconfig, folded)) && %s::text[]
        """,
        (listed, [fold(word) for word in listed], text_config(scope.language), sorted(wanted)),
    )
    return {word for (word,) in rows}


def _excerpts(scope: Scope, words: Words, keys: Sequence[str]) -> dict[str, SafeString]:
    """Return the field of each product that holds most of the words, or the part of it that does."""
    if not keys or not words.wanted:
        return {}
    config = text_config(scope.language)
    # A document's text has a line for each field; that the name has none of the words is known.
    rows = execute(
        scope.alias,
        f"""
        SELECT DISTINCT ON (object_key) object_key, ts_headline(%s::regconfig, line, %s::tsquery, %s)
        FROM {TABLE} document, unnest(string_to_array(text, E'\\n')) whole, left(whole, %s) line,
            ts_rank(to_tsvector(%s::regconfig, line), %s::tsquery) rank
        WHERE {scope.documents.condition} AND object_key = ANY(%s) AND rank > 0
        ORDER BY object_key, rank DESC
        """,
        (config, words.any, EXCERPT, LONGEST_LINE, config, words.any, scope.language, array(keys)),
    )
    return {key: _as_html(line) for key, line in rows if _BEGIN in line}


def _as_html(line: str) -> SafeString:
    line = str(escape(" ".join(line.split())))
    return mark_safe(line.replace(_BEGIN, "<mark>").replace(_END, "</mark>"))  # noqa: S308 - escaped above
