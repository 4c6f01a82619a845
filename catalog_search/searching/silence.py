"""Silence: does the shop most likely have nothing of what is asked for? Then the answer is "nothing"."""

from __future__ import annotations

import math

from .bm25 import matched
from .query import Query
from .scope import Scope
from .words import Words

# A sentence comes less near to what it means than the two words of a title by which nearness was measured. Chosen on
# forty of them: docs/relevance.md.
SENTENCE_SHARE = 0.8
# The nearest of few products is less near to a stranger's query than the nearest of many: a catalogue with a tenth of
# so many products demands so much less. Chosen on slices of one: docs/relevance.md.
STRICT_FROM, LESS_BY_TENTH = 20_000, 0.15


def is_foreign(scope: Scope, query: Query, words: Words, best: float) -> bool:
    """Is a query in words, to which the nearest product comes as near as ``best``, about what the shop does not have?

    So it is where that is less than the catalogue comes to its own phrases (see ``indexing.statistics``) and no product
    holds every word. A catalogue that has too few phrases is never silent.
    """
    nearness = scope.generation.nearness
    if nearness is None or best >= nearness * _share(scope, query):
        return False
    return not matched(scope, words, 1)


def _share(scope: Scope, query: Query) -> float:
    """Return the share of nearness that is demanded."""
    products = scope.generation.size / (len(scope.generation.languages) or 1)
    fewer = math.log10(STRICT_FROM / max(1.0, products))
    return (SENTENCE_SHARE if query.query_class == "long" else 1.0) * (1.0 - LESS_BY_TENTH * max(0.0, fewer))
