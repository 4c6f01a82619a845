"""Ask: everything that decides one search, as one value that is rewritten before anything is retrieved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any

from django.db.models import Q

from ..conditions import Chosen
from ..conf import settings
from .candidates import Candidate, Candidates
from .query import Query
from .results import Guidance
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Ask:
    """One search: what its caller decided, and what the steps of REWRITE made of it.

    ``conditions`` narrow the products that may be found, ``admitted`` are keys of products that belong to the result
    whatever the lanes say, where they are in scope. ``guidance`` is told beside the hits, and ``notes`` carries what
    one step leaves for another under the step's own name. ``rewrite`` and ``arrange`` are steps to run instead of those
    of the settings. ``grouped`` shows one product of each family; ``more`` names a facet whose values are all wanted,
    ``within`` a text that they hold.
    """

    query: Query = field(default_factory=Query)
    chosen: Chosen = field(default_factory=dict)
    sort: str = ""
    page: int = 1
    size: int = 1
    cutoff: float | EllipsisType | None = ...
    rerank: bool = True
    facet_counts: bool | Collection[str] = True
    lanes: tuple[str, ...] = ()
    grouped: bool = False
    more: str = ""
    within: str = ""
    vector_weight: float | None = None
    generation: int | None = None
    """The generation that is asked for by its key; None is the serving one, whichever that is."""
    exact: bool = False
    """Are the words meant as they are typed, whatever a step thinks of their spelling?"""
    rewrite: Sequence[Rewrite] | None = None
    arrange: Sequence[Arrange] | None = None
    conditions: tuple[Q, ...] = ()
    admitted: tuple[str, ...] = ()
    guidance: Guidance = field(default_factory=Guidance)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def vector_share(self) -> float:
        """The share of meaning beside words in the fused score."""
        by_class: float = settings.VECTOR_WEIGHTS[self.query.query_class]
        return by_class if self.vector_weight is None else self.vector_weight

    @property
    def window(self) -> slice:
        """The places of the page in the whole list."""
        return slice((self.page - 1) * self.size, self.page * self.size)


Rewrite = Callable[[Scope, Ask], Ask]
Arrange = Callable[[Scope, Ask, Candidates], Sequence[Candidate]]
