"""Suggesting: what somebody who is still typing may be after, without asking a model.

Products whose words begin so, queries that others asked and that found something, and values of facets such as
categories and brands. The last word may be unfinished, and a word that the catalogue does not know may have a typo.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField
from django.http import HttpRequest
from django.utils.translation import get_language

from .facets import Facet, RangeFacet
from .images import thumbnail_url
from .indexes import SearchIndex
from .languages import LETTER, as_words, folded, text_config
from .merchandising import narrowed
from .models import Generation, PopularQuery
from .paths import followed
from .searching import cache, lanes
from .searching.counting import everywhere
from .searching.hydration import thumbnails
from .searching.memory import Memory
from .searching.query import Query, query_language
from .searching.scope import Scope
from .searching.visibility import visible
from .sql import execute
from .wording.lexicon import LAST, Lexicon
from .wording.vocabulary import lexicon as lexicon_of

SHORTEST = 2
"""Letters below which nothing is suggested: everything begins so."""
LONGEST = 60
WORDS = 6
"""Words of the text that are looked at, and words of the catalogue that an unfinished one may become."""
LOOKED_AT = 200
"""Products that are looked at, the best of which are shown: of a beginning that thousands share, any will do."""
VALUES, VALUE_SECONDS = 2000, 300
_WORD = re.compile(rf"(?:{LETTER}|\d)+")
BROAD = 2
"""Letters that so many words begin with that the index would collect half of the catalogue: they only sort out what
the other words find."""
ENDING = 4
"""Letters that a stemmer takes off: the stem of a longer word begins as what was typed does."""
TITLES_FIRST = "{0.05, 0.1, 0.3, 1.0}"


@dataclass(frozen=True, slots=True)
class SuggestedProduct:
    """A product that begins so."""

    object: Any
    thumbnail_url: str = ""


@dataclass(frozen=True, slots=True)
class SuggestedValue:
    """A value of a facet: a category, a brand."""

    facet: str
    facet_label: str
    value: str
    label: str
    count: int


MEMORY: Memory[_Values] = Memory("suggestions")


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to offer, the best first in each kind."""

    products: tuple[SuggestedProduct, ...] = ()
    queries: tuple[str, ...] = ()
    values: tuple[SuggestedValue, ...] = ()


def suggest(
    index: SearchIndex, text: str, *, limit: int = 5, language: str = "", request: HttpRequest | None = None
) -> Suggestions:
    """Return at most ``limit`` products, queries and values of facets each, for a text that may be unfinished.

    Products are those that this visitor may see and rules do not hide; values are counted over what everybody may see.
    """
    words = _words(text)[:WORDS]
    if sum(map(len, words)) < SHORTEST:
        return Suggestions()
    products = visible(index, request)
    alias = products.db
    generation = Generation.objects.serving(index, alias) or Generation(index=index.label)
    spoken = generation.language_for(query_language(index, language))
    scope = narrowed(Scope(index, generation, spoken, products), text)
    known = lexicon_of(alias, generation, scope.language)
    meant = [*(_meant(word, known) for word in words[:-1]), _begun(words[-1], known)]
    likeliest = [*(ways[:1] for ways in meant[:-1]), meant[-1]]
    return Suggestions(
        products=_products(scope, meant, Query(text.replace("\x00", " ")), words[-1], limit),
        queries=_queries(scope, [" ".join([*(one[0] for one in meant[:-1]), last]) for last in meant[-1]], limit),
        # Also as typed: names of categories and brands may have words that no product says.
        values=_values(scope, [(word, *ways) for word, ways in zip(words, likeliest, strict=True)], limit),
    )


def _words(text: str) -> list[str]:
    return [word[:LONGEST] for word in _WORD.findall(folded(text))]


def _meant(word: str, known: Lexicon | None) -> list[str]:
    """Return the ways to take a finished word: as it is, or the likeliest word of the catalogue."""
    if known is None or word in known or len(word) < 4:
        return [word]
    return known.near(word, 1)[:2] or [word]


def _begun(word: str, known: Lexicon | None) -> list[str]:
    """Return the ways to take an unfinished word: itself, and words of the catalogue that begin so, or nearly so."""
    if known is None or len(word) < SHORTEST:
        return [word]
    begun = known.beginning(word, WORDS)
    return list(dict.fromkeys([word, *begun])) if begun else known.nearly_beginning(word, WORDS) or [word]


def _products(
    scope: Scope, meant: Sequence[Sequence[str]], query: Query, last: str, limit: int
) -> tuple[SuggestedProduct, ...]:
    if scope.generation.pk is None or scope.is_empty:
        return ()
    by_words = _by_words(scope, meant, last, 4 * limit)
    numbered = any(character.isdigit() for character in query.text)
    by_identifier = [match.key for match in lanes.identifiers(scope, query)][:limit] if numbered else []
    keys = list(dict.fromkeys([*by_identifier, *by_words]))
    by_title: dict[str, tuple[str, Any]] = {}  # of variants that share a title, the first
    for some in (keys[start : start + 2 * limit] for start in range(0, len(keys), 2 * limit)):
        live = {str(product.pk): product for product in scope.among(some)}
        for key in filter(live.__contains__, some):
            by_title.setdefault(str(live[key]), (key, live[key]))
        if len(by_title) >= limit:
            break
    pictures = thumbnails(scope.documents, by_identifier)
    shown = list(by_title.values())[:limit]
    return tuple(
        SuggestedProduct(product, pictures.get(key) or thumbnail_url(by_words.get(key, ""))) for key, product in shown
    )


def _by_words(scope: Scope, meant: Sequence[Sequence[str]], last: str, limit: int) -> dict[str, str]:
    """Return the products that say the words so far, the best first, each with the name of its thumbnail."""
    # Words as the catalogue writes them, stemmed as its documents are; the one being typed also as it begins. It stands
    # in the statement itself, not in a subquery: the planner must see how many begin so, since of a beginning that
    # half of the products share, the first ones of the table are read at once, and the index would collect all.
    phrase = f"phraseto_tsquery('{text_config(scope.language)}'::regconfig, %s)"
    *finished, begun = meant
    if is_begun := len(begun) == 1 or begun[0] == last:
        begun = [word for word in begun if len(word) <= len(last) + ENDING]
    ways = [[phrase] * len(one) for one in (*finished, begun)]
    words = [as_words(word) for one in (*finished, begun) for word in one]
    if is_begun:
        ways[-1].append("%s::tsquery")
        words.append(f"'{last}':*")
    *firsts, final = [f"({' || '.join(one)})" for one in ways]
    asked = " && ".join([*firsts, final])
    among, narrowing = f"search_vector @@ ({asked})", words
    if firsts and len(last) <= BROAD:
        before = " && ".join(firsts)  # nothing, where they are stop words
        others = f"CASE WHEN numnode({before}) = 0 THEN {final} ELSE {before} END"
        among = f"search_vector @@ ({others}) AND (search_vector @@ {final}) IS TRUE"
        narrowing = [*words, *words]
    statement = f"""
        WITH document AS MATERIALIZED (
            SELECT object_key, object_id, thumbnail, search_vector {scope.documents.rows} AND {among}
            LIMIT {LOOKED_AT}
        )
        SELECT document.object_key, document.thumbnail FROM document JOIN ({scope.keys[0]}) product(key) ON {scope.join}
        ORDER BY ts_rank('{TITLES_FIRST}', document.search_vector, {asked}) DESC, 1
        LIMIT {limit}
    """
    return dict(execute(scope.alias, statement, (scope.language, *narrowing, *scope.keys[1], *words)))


def _queries(scope: Scope, beginnings: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return what others asked that begins so; else, a typo, as the words that were most likely meant begin."""
    statement = f"""
        SELECT text FROM {PopularQuery._meta.db_table}
        WHERE index = %s AND language IN ('', %s) AND text LIKE %s ORDER BY count DESC, text LIMIT {limit}
    """
    typed, *meant = beginnings
    likeliest = [one for one in meant if not one.startswith(typed)][:1]  # the others begin as what was typed does
    for beginning in (typed, *likeliest):  # letters, digits and spaces: nothing that LIKE takes for a pattern
        if rows := execute(scope.alias, statement, (scope.index.label, scope.language, f"{beginning}%")):
            return tuple(dict.fromkeys(text for (text,) in rows))
    return ()


def _values(scope: Scope, meant: Sequence[Sequence[str]], limit: int) -> tuple[SuggestedValue, ...]:
    """Return values one of whose words begins with each word that was typed, most products first."""
    # What people read of a value may be translated.
    values = MEMORY.get((scope.index.label, get_language()), lambda: _all_values(scope))
    return tuple(values.begun(meant)[:limit])


class _Values:
    """Values of facets by the words that people read of them, most products first."""

    def __init__(self, values: Iterable[SuggestedValue]) -> None:
        self._values = sorted(values, key=lambda value: -value.count)
        self._words = sorted((word, place) for place, one in enumerate(self._values) for word in _words(one.label))

    def begun(self, meant: Sequence[Sequence[str]]) -> list[SuggestedValue]:
        """Return the values that for each word have one that begins in one of its ways."""
        found = set.intersection(*(set().union(*map(self._places, ways)) for ways in meant))
        return [self._values[place] for place in sorted(found)]

    def _places(self, start: str) -> set[int]:
        first, end = (bisect_left(self._words, (bound,)) for bound in (start, start + LAST))
        return {place for _, place in self._words[first:end]}


def _all_values(scope: Scope) -> _Values:
    """Return the values of all facets, counted anew every few minutes: it takes a scan.

    Counted is what everybody may see, without what rules always hide.
    """
    index = scope.index
    key = cache.named("suggest", (index.label, get_language()))
    rows = cache.get(key)
    if rows is None:
        everybody = narrowed(replace(scope, products=visible(index).using(scope.alias)), "")
        rows = [row for facet in index.facets if _is_worded(facet, index) for row in _frequent_values(facet, everybody)]
        cache.put(key, rows, VALUE_SECONDS)
    return _Values(SuggestedValue(*row) for row in rows)


def _is_worded(facet: Facet, index: SearchIndex) -> bool:
    """Does it have values that somebody could type, rather than bounds or yes and no?"""
    field = followed(index.model, facet.lookup).field
    return not isinstance(facet, RangeFacet) and field is not None and not isinstance(field, BooleanField)


def _frequent_values(facet: Facet, scope: Scope) -> list[tuple[str, str, str, str, int]]:
    counts = everywhere(scope, facet, scope.index.group_by)
    most = sorted(counts, key=lambda value: -counts[value])[:VALUES]
    labels = facet.labels(most, scope.index.model)
    return [(facet.name, str(facet.label), value, labels.get(value, value), counts[value]) for value in most]
