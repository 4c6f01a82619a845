"""Patterns: which searches a rule means, in words and stars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from .languages import VOWEL_SIGNS, fold

# "usb-c" and "USB C" are the same two words; "c++" and "c#" are not "c".
_WORDS = re.compile(rf"[\w+#&*{VOWEL_SIGNS}]+")
_ANY = "*"
_WORDS_OF_ANY, _MARK = r"(?:\S++ )*", "\0"


class Pattern(tuple[str, ...]):
    """The words and stars of a pattern."""

    @cached_property
    def needed(self) -> frozenset[str]:
        """The words that a search must hold in whichever order: of thousands of patterns, few fit."""
        return frozenset(word for word in self if _ANY not in word)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a search or of a pattern as they are compared: without case, accents and punctuation."""
    return tuple(_WORDS.findall(fold(text).casefold().replace("_", " ")))


def read_patterns(text: str) -> tuple[Pattern, ...]:
    """Return the patterns of a text, one a line."""
    return tuple(Pattern(found) for line in text.splitlines() if (found := words(line)))


def literal(pattern: Pattern) -> str:
    """Return a search that the pattern means: the pattern without its stars."""
    return " ".join(filter(None, (word.strip(_ANY) for word in pattern)))


def matches(pattern: Pattern, asked: Sequence[str]) -> bool:
    """Does a search, given by its words, fit a pattern whole?"""
    if not pattern.needed.issubset(asked):
        return False
    return _expression(pattern).fullmatch("".join(f"{word} " for word in asked)) is not None


@lru_cache(maxsize=10_000)
def _expression(pattern: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern as a regular expression of words that each have a space behind them; it outlives the pattern,
    for rules are read anew every minute.

    No pattern can be slow: between two stars, words stay at the first place that fits, which leaves most for the rest.
    """
    first, *others = "".join(map(_as_expression, pattern)).split(_MARK)
    *between, last = others or [""]
    fitting = "".join(f"(?>{_WORDS_OF_ANY}?{one})" for one in between)
    return re.compile(f"{first}{fitting}{_WORDS_OF_ANY if others else ''}{last}")


def _as_expression(word: str) -> str:
    part = word.strip(_ANY)
    before, after = (r"\S*" if there else "" for there in (word.startswith(_ANY), word.endswith(_ANY)))
    return f"{before}{re.escape(part)}{after} " if part else _MARK
