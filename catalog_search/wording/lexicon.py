"""Lexicon: the words of a catalogue in memory, looked up by likeness and by beginning.

A hundred thousand words take some 10 MB and a fraction of a millisecond: letters held and lengths rule nearly all of
them out at once, and rapidfuzz measures the rest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from ..languages import fold

LAST = "\U0010ffff"


class Lexicon:
    """Words without accents, in how many documents each stands, and how those mostly write it."""

    def __init__(self, counts: Iterable[tuple[str, int]]) -> None:
        together: dict[str, int] = {}
        self._written: dict[str, str] = {}
        for word, count in sorted(counts, key=lambda pair: -pair[1]):
            folded = fold(word)
            if folded != word and folded not in together:
                self._written[folded] = word
            together[folded] = together.get(folded, 0) + count
        self.words = sorted(together)
        self.documents = np.array([together[word] for word in self.words], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        place = bisect_left(self.words, word)
        return place < len(self.words) and self.words[place] == word

    def count(self, word: str) -> int:
        """Return in how many documents a word stands."""
        return int(self.documents[bisect_left(self.words, word)]) if word in self else 0

    def written(self, word: str) -> str:
        """Return a word as the catalogue mostly writes it: "café" for "cafe"."""
        return self._written.get(word, word)

    def near(self, word: str, edits: int) -> list[str]:
        """Return the words that so many edits at most make of this one; two letters that changed places are one."""
        # An edit puts one letter in the place of another: two bits at most.
        alike = np.bitwise_count(self._letters ^ np.uint64(_letters(word))) <= 2 * edits
        alike &= np.abs(self._lengths - len(word)) <= edits
        return _within(word, [self.words[int(place)] for place in np.flatnonzero(alike)], edits)

    def beginning(self, start: str, limit: int) -> list[str]:
        """Return words that begin so, those of most documents first."""
        within = self._range(start)
        most = np.argsort(-self.documents[within], kind="stable")[:limit]
        return [self.words[within.start + int(place)] for place in most]

    def holding(self, part: str) -> list[str]:
        """Return the words that hold a part somewhere, once each."""
        found, at = [], self._joined.find(part)
        while at >= 0:
            end = self._joined.find("\n", at)
            found.append(self._joined[self._joined.rfind("\n", 0, at) + 1 : end])
            at = self._joined.find(part, end)
        return found

    def nearly_beginning(self, start: str, limit: int) -> list[str]:
        """Return words whose beginning one edit makes of this one, the first letter the same; most frequent first."""
        within = self._range(start[:1])
        missing = np.bitwise_count(np.uint64(_letters(start)) & ~self._letters[within]) <= 1
        places = within.start + np.flatnonzero(missing)
        found: dict[int, None] = {}
        for length in (len(start), len(start) - 1, len(start) + 1):
            slices = [self.words[int(place)][:length] for place in places]
            near = set(_within(start, slices, 1))
            found |= dict.fromkeys(int(place) for place, one in zip(places, slices, strict=True) if one in near)
        most = sorted(found, key=lambda place: -self.documents[place])[:limit]
        return [self.words[place] for place in most]

    def _range(self, start: str) -> slice:
        return slice(bisect_left(self.words, start), bisect_left(self.words, start + LAST))

    @cached_property
    def _joined(self) -> str:
        return "".join(f"{word}\n" for word in self.words)

    @cached_property
    def _lengths(self) -> NDArray[np.int16]:
        return np.array([len(word) for word in self.words], dtype=np.int16)

    @cached_property
    def _letters(self) -> NDArray[np.uint64]:
        return np.array([_letters(word) for word in self.words], dtype=np.uint64)


def _letters(word: str) -> int:
    """The letters of a word as bits; that some share one only lets a few more words through."""
    held = 0
    for letter in word:
        held |= 1 << (ord(letter) & 63)
    return held


def _within(word: str, others: Sequence[str], edits: int) -> list[str]:
    if not others:
        return []
    distances = process.cdist([word], others, scorer=OSA.distance, score_cutoff=edits, dtype=np.uint8)[0]
    return [others[int(place)] for place in np.flatnonzero(distances <= edits)]
