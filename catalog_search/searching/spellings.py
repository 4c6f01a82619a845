"""Spellings: the ways to write a word together, apart or with a hyphen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..languages import compounds
from .query import Token

SHORTEST_PART = 3
LONGEST = 64
"""Characters beyond which something is no word that anybody would write otherwise: each place in it costs a look."""
_LETTERS_AND_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def other_spellings(tokens: Sequence[Token], position: int, language: str) -> Iterator[str]:
    """Yield a word joined with its neighbours ("head set", "cat 5e"), and taken apart ("headset", "cat5e").

    In a language of compounds neighbours are joined either way: "Schuhe Kinder" are "Kinderschuhe".
    """
    token = tokens[position]
    if token.excluded or token.quoted:
        return
    for first in (position - 1, position):
        pair = tokens[max(first, 0) : first + 2]
        texts = [one.text for one in pair]
        joined = "".join(texts)
        # Two numbers together are another number.
        if len(pair) == 2 and joined.isalnum() and not joined.isdigit() and not any(one.excluded for one in pair):
            yield joined
            if compounds(language):
                yield "".join(reversed(texts))
    yield from taken_apart(token.text)


def taken_apart(word: str) -> Iterator[str]:
    """Yield other ways to write one word: apart, with a hyphen or without.

    At either end of a word one or two letters may stand before a hyphen ("tshirt", "t-shirt"); apart from it they would
    say nothing, or be a stop word.
    """
    parts = word.split("-")
    if len(word) > LONGEST:
        return
    if len(parts) > 1 and all(part.isalnum() for part in parts):
        yield "".join(parts)
        if min(map(len, parts)) > 1:
            yield " ".join(parts)
    elif word.isalpha():
        for cut in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
            yield f"{word[:cut]} {word[cut:]}"
        ends = {cut for short in range(1, SHORTEST_PART) for cut in (short, len(word) - short)}
        yield from (f"{word[:cut]}-{word[cut:]}" for cut in sorted(ends) if 0 < cut < len(word) and len(word) > 3)
    elif word.isalnum():
        yield from (f"{word[: found.start()]} {word[found.start() :]}" for found in _LETTERS_AND_DIGITS.finditer(word))
