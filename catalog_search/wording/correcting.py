"""Correcting: what was most likely meant by words that neither the shop nor the language knows.

A word stays as it is where the catalogue has it or a word that begins so, where an index finds something by it, where
it is a number, in quotes or excluded, where a synonym has it, and where it is a word of the language (with simplemma
installed, the extra ``spelling``). Another is taken for the word whose typo it most likely is, of the catalogue, of the
shop's synonyms and rules, or, where letters were doubled or swapped, of the language; how sure that is decides whether
that is searched, or only offered. A good word may have been typed for another one ("rain bots"): where the words hold
together in hardly a product, what would is offered.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from rapidfuzz.distance import OSA

from ..languages import folded
from ..merchandising import rulebook
from ..searching.asking import Ask
from ..searching.negation import grammar_of
from ..searching.query import MAX_TOKENS
from ..searching.scope import Scope
from ..searching.spellings import LONGEST, taken_apart
from . import guessing, synonyms, vocabulary
from .confusions import unconfused
from .dictionary import is_at_hand, is_in_language
from .guessing import ODDS, SHORTEST_ALONE, SURE, TOGETHER, Guess
from .lexicon import Lexicon
from .typos import cost

SHORTEST, LONG = 3, 6
"""Letters from which on a word may have one typo beside others that tell what it is, and two where what it is meant as
has them."""
CHOICES = 8
"""Words of the catalogue that one misspelt word may stand for."""
TAUGHT = 10
"""In how many documents a word of a synonym or of a rule stands, so to speak."""
NO_WORDS = Lexicon(())


def correct(scope: Scope, ask: Ask, groups: synonyms.Groups | None = None) -> Ask:
    """Step of REWRITE: search for what was meant where that is sure, offer it where it is not.

    What synonyms, or ``groups`` of some given, have is not misspelt.
    """
    text = ask.query.text
    if ask.exact or not text.strip():
        return ask
    lexicon = vocabulary.lexicon(scope.alias, scope.generation, scope.language)
    groups = synonyms.in_force(scope) if groups is None else groups
    guesses = guessed(scope, lexicon, text, groups) if lexicon else {}
    if not guesses:
        other = unconfused(scope, lexicon, ask, groups) if lexicon else ""
        return replace(ask, guidance=replace(ask.guidance, did_you_mean=other)) if other else ask
    meant = guessing.replaced(text, {word: guess.word for word, guess in guesses.items()})
    sure = {word: guess.word for word, guess in guesses.items() if guess.probability >= SURE}
    searched = guessing.replaced(text, sure)
    guidance = replace(
        ask.guidance,
        did_you_mean=meant if meant != searched else "",
        instead_of=text if searched != text else "",
        searched=searched if searched != text else "",
    )
    return replace(ask, query=replace(ask.query, text=searched), guidance=guidance)


def guessed(scope: Scope, lexicon: Lexicon, text: str, groups: synonyms.Groups) -> dict[str, Guess]:
    """Return a guess for each word of a text that is most likely misspelt; what synonyms have is not."""
    words = [folded(match.group()) for match in guessing.read(text)][:MAX_TOKENS]
    grammar = grammar_of(scope.language)
    strange = [word for word in dict.fromkeys(words) if not (word in grammar.words or word in lexicon)]
    strange = guessing.without_synonyms(scope, strange, groups)
    unknown = [word for word in strange if not is_known(lexicon, word, scope.language)]
    taught = _taught(groups.words | _ruled(scope)) if unknown else NO_WORDS
    doubtful = {word: slips(word, scope.language) | likely(taught, word) | likely(lexicon, word) for word in unknown}
    guesses = _guessed(scope, lexicon, words, doubtful, {word for word in doubtful if len(word) >= SHORTEST_ALONE})
    surest = max(guesses, key=lambda word: guesses[word].probability, default="")
    if surest and guesses[surest].probability >= SURE and len(strange) > 1:
        # Who mistyped one word may have mistyped another, and what the surest was meant as tells about it.
        again = {word: likely(lexicon, word, finished=True) for word in strange if word != surest}
        meant = [folded(guesses[surest].word) if word == surest else word for word in words]
        guesses |= _guessed(scope, lexicon, meant, again, alone=())
    # What the catalogue does not have either is worth searching where it is sure, never worth offering.
    others = {word: folded(one.word) for word, one in guesses.items()}
    untold = {other for other in others.values() if other in lexicon and other not in taught}
    untold -= guessing.told_by_visible(scope, untold) if untold else set()
    return {
        word: replace(one, word=taught.written(one.word))
        for word, one in guesses.items()
        if others[word] not in untold and (one.probability >= SURE or others[word] in lexicon or others[word] in taught)
    }


def _ruled(scope: Scope) -> frozenset[str]:
    """Return the words of searches that rules are for, but none that a rule may be for because it is misspelt."""
    words = rulebook.words(scope.index, scope.language)
    return frozenset(word for word in words if not is_at_hand() or is_in_language(word, scope.language))


@lru_cache(maxsize=8)
def _taught(words: frozenset[str]) -> Lexicon:
    """Return the words that the shop wrote down itself, whatever its products say, as if that often."""
    return Lexicon((word.casefold(), TAUGHT) for word in words)


def _guessed(
    scope: Scope,
    lexicon: Lexicon,
    words: Sequence[str],
    doubtful: Mapping[str, Mapping[str, float]],
    alone: Collection[str],
) -> dict[str, Guess]:
    """Return guesses for doubtful words; others than ``alone`` only as what stands together with the other words."""
    doubtful = {word: choices for word, choices in doubtful.items() if choices}
    if not doubtful:
        return {}
    spellings = {word: [word, *_apart(lexicon, word)] for word in doubtful}
    for first, second in pairwise(words):
        for word in {first, second} & doubtful.keys():
            spellings[word].append(first + second)
    rest = " ".join(word for word in words if word not in doubtful)
    asked = [(word, one, "") for word, ways in spellings.items() for one in ways]
    asked += [(word, one, rest) for word, choices in doubtful.items() for one in choices if rest]
    found, together = guessing.looked_up(scope, asked)
    guesses = {}
    for word, choices in doubtful.items():
        # How often it stands beside the other words says more than how often it stands at all; in specifications,
        # which the lexicon does not count, it says little.
        beside = {
            one: score - math.log(1 + count) + math.log(1 + min(count, together[word, one])) + TOGETHER
            for one, score in choices.items()
            if (word, one) in together
            for count in [lexicon.count(one)]
        }
        if word not in found and (
            guess := guessing.best(lexicon, word, {**(choices if word in alone else {}), **beside})
        ):
            guesses[word] = guess
    return guesses


def is_known(lexicon: Lexicon, word: str, language: str) -> bool:
    """Is it a word of the catalogue or of the language, or too short to say?"""
    if len(word) < SHORTEST or word in lexicon:
        return True
    owner = word[:-1] if word.endswith("s") and not word.endswith("ss") else ""  # "mens" for "men's"
    return is_in_language(word, language) or bool(owner and is_in_language(owner, language))


def slips(word: str, language: str) -> dict[str, float]:
    """Return the words of the language that this one is by the slightest of typos, letters doubled or swapped, with the
    logarithm of how likely each is: what "runing" is meant as, also where the catalogue has none.
    """
    if not SHORTEST_ALONE <= len(word) <= LONGEST:
        return {}
    made = {word[:place] + word[place - 1 :] for place in range(1, len(word) + 1)}
    made |= {word[:place] + word[place + 1 :] for place in range(1, len(word)) if word[place] == word[place - 1]}
    made |= {word[:place] + word[place + 1] + word[place] + word[place + 2 :] for place in range(1, len(word) - 1)}
    return {one: -ODDS * cost(word, one) for one in made - {word} if is_in_language(one, language)}


def likely(lexicon: Lexicon, word: str, finished: bool = False) -> dict[str, float]:
    """Return the words of the catalogue that this one may be a typo of, with the logarithm of how likely each is."""
    near = lexicon.near(word, 2 if len(word) >= LONG - 1 else 1)
    near = [one for one in near if len(one) >= LONG or OSA.distance(word, one) <= 1]
    if not finished and lexicon.beginning(word, 1):  # somebody is still typing it: nothing but its end can be missing
        near = [one for one in near if one.startswith(word)]
    scores = {one: math.log(1 + lexicon.count(one)) - ODDS * cost(word, one) for one in near}
    return {one: scores[one] for one in sorted(scores, key=lambda one: (-scores[one], one))[:CHOICES]}


def _apart(lexicon: Lexicon, word: str) -> list[str]:
    """Return the ways to take a word apart into two of the catalogue ("laptopbag"), or with a hyphen ("tshirt")."""
    return [one for one in taken_apart(word) if "-" in one or all(part in lexicon for part in one.split())]
