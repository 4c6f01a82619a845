"""Typos: how easily fingers make one word of another, as a cost in edits."""

from __future__ import annotations

from itertools import product

ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
"""The letters of a keyboard and how far each row is moved to the right."""
VOWELS = frozenset("aeiouy")

EDIT = 1.0
NEIGHBOUR = 0.7
"""The key beside the one that was meant."""
VOWEL = 0.8
"""A vowel for another."""
SWAPPED = 0.6
"""Two letters that changed places."""
MISSING = 0.8
DOUBLED = 0.5
"""A letter once instead of twice, or twice instead of once."""
FIRST = 0.5
"""What an edit of the first letter costs beside: people rarely miss it."""


def _neighbours() -> frozenset[tuple[str, str]]:
    keys = [(key, column + shift, row) for row, (keys, shift) in enumerate(ROWS) for column, key in enumerate(keys)]
    near = ((one, other) for one, other in product(keys, keys) if abs(one[2] - other[2]) <= 1 >= abs(one[1] - other[1]))
    return frozenset((one[0], other[0]) for one, other in near if one != other)


NEIGHBOURS = _neighbours()


def cost(typed: str, meant: str) -> float:
    """Return what it costs to have typed one word for another: the cheapest sequence of edits."""
    # rows[i][j]: the first i letters typed for the first j meant.
    rows = [[0.0] * (len(meant) + 1) for _ in range(len(typed) + 1)]
    for i, j in product(range(len(typed) + 1), range(len(meant) + 1)):
        ways = []
        first = FIRST if min(i, j) <= 1 and max(i, j) <= 2 else 0.0
        if i and j:
            same = typed[i - 1] == meant[j - 1]
            ways.append(
                rows[i - 1][j - 1] + (0.0 if same else _substituted(typed[i - 1], meant[j - 1]) + first * (i == j))
            )
        if i:
            ways.append(rows[i - 1][j] + (DOUBLED if _repeats(typed, i - 1) else EDIT) + (FIRST if i == 1 else 0.0))
        if j:
            ways.append(rows[i][j - 1] + (DOUBLED if _repeats(meant, j - 1) else MISSING) + (FIRST if j == 1 else 0.0))
        if i > 1 and j > 1 and typed[i - 1] == meant[j - 2] and typed[i - 2] == meant[j - 1]:
            ways.append(rows[i - 2][j - 2] + SWAPPED)
        rows[i][j] = min(ways, default=0.0)
    return rows[-1][-1]


def _substituted(typed: str, meant: str) -> float:
    if (typed, meant) in NEIGHBOURS:
        return NEIGHBOUR
    return VOWEL if typed in VOWELS and meant in VOWELS else EDIT


def _repeats(word: str, place: int) -> bool:
    return place > 0 and word[place] == word[place - 1]
