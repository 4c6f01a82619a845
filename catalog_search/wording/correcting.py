"""Correcting: what was most likely meant by words that neither the shop nor the language knows.

A word stays as it is where the catalogue has it or a word that begins so, where an index finds something by it, where
it is a number, in quotes or excluded, and where it is a word of the language (with simplemma installed, the extra
``spelling``). Another is taken for the word whose typo it most likely is; how sure that is decides whether that is
searched, or only offered.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import pairwise

from ..languages import WORD, fold, normalise_identifier, text_config
from ..models import Document
from ..searching.asking import Ask
from ..searching.negation import GRAMMARS
from ..searching.query import MAX_TOKENS, TOKEN
from ..searching.scope import Scope
from ..sql import execute
from . import vocabulary
from .lexicon import Lexicon
from .typos import cost

try:
    import simplemma
except ImportError:  # an optional extra
    simplemma = None  # type: ignore[assignment]

SHORTEST, LONG = 4, 8
"""Letters from which on a word may have one typo, and two."""
ODDS = 5.0
"""How much less likely, as a logarithm, each unit of the cost of a typo makes it."""
UNKNOWN, UNKNOWN_PER_LETTER = 0.5, 0.07
"""What it costs to take a word for a good one that nobody knows: the longer it is, the less a likeness is chance."""
SURE = 0.7
"""The probability from which on the other word is searched."""
SHORTEST_PART = 3


@dataclass(frozen=True, slots=True)
class Guess:
    """What a word was most likely meant as, and how likely that is."""

    word: str
    probability: float


def correct(scope: Scope, ask: Ask) -> Ask:
    """Step of REWRITE: search for what was meant where that is sure, offer it where it is not."""
    text = ask.query.text
    if ask.exact or not text.strip():
        return ask
    lexicon = vocabulary.lexicon(scope.alias, scope.generation, scope.language)
    guesses = guessed(scope, lexicon, text) if lexicon else {}
    if not guesses:
        return ask
    meant = _replaced(text, {word: guess.word for word, guess in guesses.items()})
    searched = _replaced(text, {word: guess.word for word, guess in guesses.items() if guess.probability >= SURE})
    guidance = replace(
        ask.guidance,
        did_you_mean=meant if meant != searched else "",
        instead_of=text if searched != text else "",
        searched=searched if searched != text else "",
    )
    return replace(ask, query=replace(ask.query, text=searched), guidance=guidance)


def guessed(scope: Scope, lexicon: Lexicon, text: str) -> dict[str, Guess]:
    """Return a guess for each word of a text that is most likely misspelt."""
    words = [folded(match.group()) for match in _words(text)][:MAX_TOKENS]
    kept = GRAMMARS.get(scope.language.split("-")[0])
    grammar = kept.negations | kept.leads | kept.skipped | kept.joins | kept.ends if kept else frozenset()
    guesses = {
        word: guess
        for word in dict.fromkeys(words)
        if word not in grammar and not is_known(lexicon, word, scope.language) and (guess := best(lexicon, word))
    }
    if not guesses:
        return {}
    joined: dict[str, list[str]] = {word: [] for word in guesses}
    for first, second in pairwise(words):
        for word in {first, second} & guesses.keys():
            joined[word].append(first + second)
    found = _found(scope, {word: [*_apart(lexicon, word), *joined[word]] for word in guesses})
    return {word: guess for word, guess in guesses.items() if word not in found}


def is_known(lexicon: Lexicon, word: str, language: str) -> bool:
    """Is it a word of the catalogue or of the language, or too short to say?"""
    if len(word) < SHORTEST or word in lexicon:
        return True
    try:
        return simplemma is not None and simplemma.is_known(word, lang=language.split("-")[0])
    except ValueError:  # a language that it does not have
        return False


def best(lexicon: Lexicon, word: str) -> Guess | None:
    """Return the word of the catalogue that this one is most likely a typo of, or None where none is near."""
    near: list[str] = []
    for edits in range(1, 3 if len(word) >= LONG else 2):
        if near := lexicon.near(word, edits):
            break
    if lexicon.beginning(word, 1):  # somebody is still typing it: nothing but its end can be missing
        near = [one for one in near if one.startswith(word)]
    if not near:
        return None
    scores = {one: math.log(1 + lexicon.count(one)) - ODDS * cost(word, one) for one in near}
    likeliest = max(scores, key=lambda one: (scores[one], one))
    unknown = -ODDS * (UNKNOWN + UNKNOWN_PER_LETTER * len(word))
    total = sum(math.exp(score) for score in (unknown, *scores.values()))
    return Guess(lexicon.written(likeliest), math.exp(scores[likeliest]) / total)


def folded(word: str) -> str:
    """Return a word as words are compared: lower case, without accents."""
    return fold(word.casefold())


def _words(text: str) -> list[re.Match[str]]:
    """Find the words that may be misspelt: none in quotes, after a minus, or in one with digits."""
    return [
        match
        for token in TOKEN.finditer(text)
        if token.group(3) and not token.group(1) and not re.search(r"[\d@]", token.group(3))
        for match in WORD.finditer(text, token.start(3), token.end(3))
    ]


def _replaced(text: str, meant: dict[str, str]) -> str:
    for match in reversed(_words(text)):
        word = meant.get(folded(match.group()))
        if word:
            text = text[: match.start()] + word + text[match.end() :]
    return text


def _apart(lexicon: Lexicon, word: str) -> list[str]:
    """Return the ways to take a word apart into two of the catalogue: "laptopbag"."""
    cuts = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    return [f"{word[:cut]} {word[cut:]}" for cut in cuts if word[:cut] in lexicon and word[cut:] in lexicon]


def _found(scope: Scope, spellings: dict[str, list[str]]) -> set[str]:
    """Return the words that some document holds, in one of their spellings or as an identifier, and stop words."""
    pairs = [(word, spelling) for word, own in spellings.items() for spelling in (word, *own)]
    table = Document._meta.db_table
    own = f"FROM {table} WHERE generation_id = {int(scope.generation.pk)} AND language = %s"
    rows = execute(
        scope.alias,
        f"""
        SELECT word FROM (
            SELECT word, identifier, phraseto_tsquery(%s::regconfig, spelling) AS query
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS spellings(word, spelling, identifier)
        ) parsed
        WHERE numnode(query) = 0 OR EXISTS (SELECT {own} AND search_vector @@ query)
           OR (identifier <> '' AND EXISTS (SELECT {own} AND identifiers @@ identifier::tsquery))
        """,
        (
            text_config(scope.language),
            [word for word, _ in pairs],
            [spelling for _, spelling in pairs],
            [_as_lexeme(word) if word == spelling else "" for word, spelling in pairs],
            scope.language,
            scope.language,
        ),
    )
    return {word for (word,) in rows}


def _as_lexeme(word: str) -> str:
    identifier = normalise_identifier(word)
    return f"'{identifier}'" if identifier else ""
