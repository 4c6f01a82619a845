"""Confusions: good words that were typed for other good words ("rain bots"), told by which of them stand together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ..languages import as_words, folded
from ..searching.asking import Ask
from ..searching.bm25 import FEW_MATCHES, matched
from ..searching.negation import grammar_of
from ..searching.scope import Scope
from ..searching.words import parse_words
from . import guessing, synonyms
from .expanding import expand
from .guessing import MOST_TOGETHER, ODDS, SHORTEST_ALONE, TOGETHER, Guess
from .lexicon import Lexicon
from .typos import DOUBLED, cost

KNOWN = 3
"""In how many documents a good word stands at least, so to speak: people ask for what a shop does not have, too."""
LIKELY = 0.75
"""The probability from which on another word is offered for a good one."""


def unconfused(scope: Scope, lexicon: Lexicon, ask: Ask, groups: synonyms.Groups) -> str:
    """Return the text of a query with another word in the place of a good one, where products hold that together with
    the rest of it and hardly one holds this; "" where no other is likely enough.
    """
    query, little = ask.query, grammar_of(scope.language).words
    if query.query_class != "words":  # one has no rest, a sentence stands in no product
        return ""
    words = dict.fromkeys(folded(match.group()) for match in guessing.read(query.text))
    good = [word for word in words if len(word) >= SHORTEST_ALONE and word not in little]
    others = {
        word: choices for word in guessing.without_synonyms(scope, good, groups) if (choices := _others(lexicon, word))
    }
    if not others:
        return ""
    asked = replace(parse_words(scope, expand(scope, ask, groups).query), broad=True)
    held = matched(scope, asked, FEW_MATCHES)
    if len(asked.wanted) < 2 or held >= FEW_MATCHES:
        return ""
    guesses = _guessed(scope, lexicon, [token.text for token in query.tokens if not token.excluded], others, held)
    word = max(guesses, key=lambda one: guesses[one].probability, default="")
    if not word or guesses[word].probability < LIKELY:
        return ""
    text = guessing.replaced(query.text, {word: guesses[word].word})
    return text if matched(scope, parse_words(scope, replace(query, text=text)), 1) else ""


def _others(lexicon: Lexicon, word: str) -> dict[str, float]:
    """Return the words of the catalogue that a good one may have been typed for, with what that costs; only those that
    can be likelier at all, however many documents they stand in together with the rest.
    """
    most = TOGETHER + math.log(1 + MOST_TOGETHER) - _usual(lexicon, word)
    if most < ODDS * DOUBLED:  # the slightest typo
        return {}
    costs = {one: cost(word, one) for one in lexicon.near(word, 1) if one != word}
    return {one: typo for one, typo in costs.items() if ODDS * typo <= most}


def _usual(lexicon: Lexicon, word: str) -> float:
    return math.log(1 + max(lexicon.count(word), KNOWN))


def _guessed(
    scope: Scope, lexicon: Lexicon, texts: list[str], others: Mapping[str, Mapping[str, float]], held: int
) -> dict[str, Guess]:
    """Return guesses for words of which there are others, where so many products hold the words as they are."""
    rest = {word: as_words(" ".join(text for text in texts if folded(text) != word)) for word in others}
    _, together = guessing.looked_up(
        scope, [(word, one, rest[word]) for word, costs in others.items() for one in costs]
    )
    guesses = {}
    for word, costs in others.items():
        as_typed = _usual(lexicon, word) + math.log(1 + held)
        choices = {
            one: TOGETHER + math.log(1 + together[word, one]) - ODDS * typo
            for one, typo in costs.items()
            if (word, one) in together
        }
        if guess := guessing.best(lexicon, word, choices, as_typed):
            guesses[word] = guess
    return guesses
