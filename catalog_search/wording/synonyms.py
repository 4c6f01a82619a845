"""Synonyms: the shop's own other words for things, beside those that were typed.

Words are compared by their stems, so "couches" is the "couch" of a group. Each process keeps the groups; a stamp in
the shared cache tells it when somebody changed them, and what no signal told of is seen within KEEP_SECONDS.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save

from ..languages import fold, text_config
from ..models import Synonym
from ..searching import cache, steps
from ..searching.asking import Ask
from ..searching.query import MAX_TOKENS, Alternatives, Token
from ..searching.scope import Scope
from ..sql import execute

LOOK_SECONDS, KEEP_SECONDS = 1.0, 60.0
MOST = 20
"""Other words for one thing that are searched beside it."""
_STAMP = "synonyms"
_STAMP_SECONDS = 30 * 24 * 3600

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """What else may be said, by the stems of what was typed."""

    others: Mapping[Stems, tuple[str, ...]]
    stamp: Any
    loaded: float

    @property
    def longest(self) -> int:
        """The number of words of the longest phrase."""
        return max(map(len, self.others), default=0)


_groups: dict[tuple[str, str, str], Groups] = {}
_looked: dict[str, tuple[float, Any]] = {}
_lock = threading.Lock()


def connect() -> None:
    """Let a saved or deleted synonym act in every process."""
    for signal in (post_save, post_delete):
        signal.connect(_changed, sender=Synonym, dispatch_uid="catalog_search:synonyms")


def changed() -> None:
    """Tell every process that synonyms changed; for what sends no signal, such as ``bulk_create``."""
    _looked.clear()
    cache.put(_STAMP, secrets.token_hex(8), _STAMP_SECONDS)


def expand(scope: Scope, ask: Ask, rows: Sequence[Synonym] | None = None) -> Ask:
    """Step of REWRITE: ask for the other words of the shop's synonyms, or of those given, too."""
    tokens = ask.query.tokens[:MAX_TOKENS]
    groups = None
    if tokens:
        groups = _current(scope) if rows is None else Groups(_tied(scope, rows), None, 0.0)
    if not groups or not groups.others:
        return ask
    stems = _stemmed(scope.alias, [token.text for token in tokens], scope.language)
    found, position = [], 0
    while position < len(tokens):
        for length in range(min(groups.longest, len(tokens) - position), 0, -1):
            others = groups.others.get(tuple(stems[position : position + length]))
            run = tokens[position : position + length]
            if others and all(_is_word(token) for token in run):
                found.append(Alternatives(tuple(token.text for token in run), others))
                position += length
                break
        else:
            position += 1
    return replace(ask, query=replace(ask.query, alternatives=tuple(found))) if found else ask


def steps_with(rows: Sequence[Synonym]) -> dict[str, Any]:
    """Return the options of ``search`` that let these synonyms act instead of those in force."""
    own: Callable[..., Ask] = partial(expand, rows=tuple(rows))
    return {"rewrite": [own if step is expand else step for step in steps.rewriting()]}


def _is_word(token: Token) -> bool:
    return not (token.excluded or token.quoted)


def _current(scope: Scope) -> Groups:
    key, now = (scope.alias, scope.index.label, scope.language), time.monotonic()
    looked, stamp = _looked.get(_STAMP, (0.0, None))
    if now - looked > LOOK_SECONDS:
        stamp = cache.get(_STAMP)
        _looked[_STAMP] = now, stamp
    kept = _groups.get(key)
    if kept is None or kept.stamp != stamp or now - kept.loaded > KEEP_SECONDS:
        with _lock:
            kept = _groups[key] = Groups(_loaded(scope), stamp, now)
    return kept


def _loaded(scope: Scope) -> dict[Stems, tuple[str, ...]]:
    return _tied(scope, Synonym.objects.filter(Q(index="") | Q(index=scope.index.label), enabled=True))


def _tied(scope: Scope, rows: Iterable[Synonym]) -> dict[Stems, tuple[str, ...]]:
    concerned = ("", scope.language.split("-")[0], scope.language)
    ties: list[tuple[str, list[str]]] = []
    for row in rows:
        if row.index not in ("", scope.index.label) or row.language not in concerned:
            continue
        for phrase in [row.typed] if row.typed else row.phrases:
            ties.append((phrase, [other for other in row.phrases if other != phrase]))
    spellings = [(spelling, others) for phrase, others in ties for spelling in _spellings(phrase)]
    words = sorted({word for spelling, _ in spellings for word in spelling.split()})
    stems = dict(zip(words, _stemmed(scope.alias, words, scope.language), strict=True))
    found: dict[Stems, tuple[str, ...]] = {}
    for spelling, others in spellings:
        key = tuple(stems[word] for word in spelling.split())
        if any(key):  # not stop words alone
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *others)))[:MOST]
    return found


def _spellings(phrase: str) -> set[str]:
    """Return a phrase as it may be typed: "t shirt" and "t-shirt"."""
    return {phrase, phrase.replace("-", " "), "-".join(phrase.split())}


def _stemmed(alias: str, words: Iterable[str], language: str) -> list[str]:
    texts = [fold(word.casefold()) for word in words]
    if not texts:
        return []
    rows: Sequence[tuple[Any, ...]] = execute(
        alias,
        """
        SELECT phraseto_tsquery(%s::regconfig, word)::text
        FROM unnest(%s::text[]) WITH ORDINALITY AS words(word, position) ORDER BY position
        """,
        (text_config(language), texts),
    )
    return [stem for (stem,) in rows]


def _changed(using: str, **_: Any) -> None:
    transaction.on_commit(partial(changed), using=using, robust=True)
