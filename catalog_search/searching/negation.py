"""Negation: "chair without arms", "not black" - what a query does not want, said in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..languages import primary_subtag


@dataclass(frozen=True, slots=True)
class Grammar:
    """The little words of one language around a negation.

    ``leads`` come before it and say nothing once it is taken out ("that is not"), ``skipped`` stand between it and
    what is meant ("without any"), ``joins`` carry it on ("not red or blue"), ``ends`` begin something wanted again.
    """

    negations: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    joins: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()

    @property
    def words(self) -> frozenset[str]:
        """All of them."""
        return self.negations | self.leads | self.skipped | self.joins | self.ends


def _grammar(negations: str, leads: str, skipped: str, joins: str, ends: str) -> Grammar:
    return Grammar(*(frozenset(words.split()) for words in (negations, leads, skipped, joins, ends)))


GRAMMARS = {
    "da": _grammar("uden ikke", "som der er men og", "er en et den det", "eller", "i med til og men"),
    "de": _grammar(
        "ohne nicht kein keine keinen keiner keines",
        "der die das ist sind aber und",
        "ein eine einen der die das",
        "oder",
        "in mit für und aber aus von ist sind",
    ),
    "en": _grammar(
        "without not isn't aren't",
        "that which is are but and",
        "a an the any in too",
        "or nor",
        "in with for from and but under over of to on that which",
    ),
    "es": _grammar("sin", "que y pero", "un una el la", "o ni", "en con para de y pero"),
    "fr": _grammar("sans", "qui et mais", "un une le la de", "ou ni", "en avec pour et mais"),
    "it": _grammar("senza", "che e ma", "un una il la", "o né", "in con per e ma"),
    "nb": _grammar("uten ikke", "som er men og", "er en et den det", "eller", "i med til og men"),
    "nl": _grammar("zonder niet geen", "die dat is zijn maar en", "een de het", "of", "in met voor en maar"),
    "pt": _grammar("sem", "que e mas", "um uma o a", "ou nem", "em com para e mas"),
    "sv": _grammar("utan inte ej", "som är men och", "är en ett den det någon", "eller", "i med till för och men"),
}
"""By language code; a language that is not here has the minus sign alone."""

LONGEST = 3
"""Words that one negation takes at most: what follows is wanted again."""
_TRIMMED = ".,;:!?()"
_ENDING = re.compile(r"[.,;:!?)]$")


def grammar_of(language: str) -> Grammar:
    """Return the little words of a language, none where it has the minus sign alone."""
    return GRAMMARS.get(primary_subtag(language), Grammar())


def split(words: list[str], language: str) -> tuple[list[str], list[str]]:
    """Split the words of a query into those that say what is wanted and phrases of what is not.

    A negation without anything after it is only a word.
    """
    grammar = grammar_of(language)
    wanted: list[str] = []
    avoided: list[str] = []
    position = 0
    while position < len(words):
        if _bare(words[position]) in grammar.negations:
            phrases, after = _avoided(words, position + 1, grammar)
            if phrases and not (wanted and _bare(wanted[-1]) in grammar.joins):  # "with or without"
                while wanted and _bare(wanted[-1]) in grammar.leads:
                    wanted.pop()
                avoided += phrases
                position = after
                continue
        wanted.append(words[position])
        position += 1
    return wanted, avoided


def _avoided(words: list[str], start: int, grammar: Grammar) -> tuple[list[str], int]:
    """Return the phrases that a negation before ``start`` takes, and where the query goes on."""
    phrases: list[list[str]] = [[]]
    position = start
    while position < len(words):
        word = words[position]
        bare = _bare(word)
        if bare in grammar.joins and phrases[-1]:
            phrases.append([])
        elif bare in grammar.skipped and not phrases[-1]:
            pass
        elif bare in grammar.ends or bare in grammar.negations or not bare or len(phrases[-1]) == LONGEST:
            break
        else:
            phrases[-1].append(word.strip(_TRIMMED))
            if _ENDING.search(word):
                position += 1
                break
        position += 1
    return [" ".join(phrase) for phrase in phrases if phrase], position


def _bare(word: str) -> str:
    return word.strip(_TRIMMED).casefold().replace("’", "'")  # noqa: RUF001
