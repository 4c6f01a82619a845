"""Patterns: which searches a rule means, in words and stars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..languages import fold

# "usb-c" and "USB C" are the same two words; "c++" and "c#" are not "c".
_WORDS = re.compile(r"[\w+#&*]+")
_ANY = "*"

Pattern = tuple[str, ...]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a search or of a pattern as they are compared: without case, accents and punctuation."""
    return tuple(_WORDS.findall(fold(text).casefold().replace("_", " ")))


def read_patterns(text: str) -> tuple[Pattern, ...]:
    """Return the patterns of a text, one a line."""
    return tuple(filter(None, map(words, text.splitlines())))


def literal(pattern: Pattern) -> str:
    """Return a search that the pattern means: the pattern without its stars."""
    return " ".join(filter(None, (word.strip(_ANY) for word in pattern)))


def matches(pattern: Pattern, asked: Sequence[str]) -> bool:
    """Does a search, given by its words, fit a pattern whole? Takes at most as many steps as both are long together,
    times the words between two stars: no pattern can be slow.
    """
    groups = list(_groups(pattern))
    if len(groups) == 1:
        return len(asked) == len(groups[0]) and _fit(groups[0], asked)
    first, *between, last = groups
    if len(asked) < len(first) + len(last) or not _fit(first, asked) or not _fit(last, asked[len(asked) - len(last) :]):
        return False
    place, end = len(first), len(asked) - len(last)
    for group in between:
        # The first place that fits leaves most for the rest.
        while place + len(group) <= end and not _fit(group, asked[place:]):
            place += 1
        place += len(group)
        if place > end:
            return False
    return True


def _groups(pattern: Pattern) -> Iterator[Pattern]:
    """Yield the words between the stars that stand for any words; of "* mug *" these are none, one and none."""
    group: list[str] = []
    for word in pattern:
        if word.strip(_ANY):
            group.append(word)
        else:
            yield tuple(group)
            group = []
    yield tuple(group)


def _fit(group: Pattern, asked: Sequence[str]) -> bool:
    return all(_fits(word, other) for word, other in zip(group, asked, strict=False))


def _fits(word: str, other: str) -> bool:
    part, open_start, open_end = word.strip(_ANY), word.startswith(_ANY), word.endswith(_ANY)
    if open_start and open_end:
        return part in other
    return other.startswith(part) if open_end else other.endswith(part) if open_start else other == part
