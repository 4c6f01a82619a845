"""Building: a generation is brought to its end by workers alone, a slice of time after the other."""

from __future__ import annotations

from django.db.models.functions import Coalesce, Now

from ..exceptions import CatalogSearchError
from ..models import Change, Generation
from ..registry import registry
from . import ann, changes
from .changes import progress
from .preparing import prepare
from .reconciling import backfill, reconcile
from .statistics import measure
from .switching import activate, give_up_others, prune
from .vocabulary import count_words
from .work import drain

TOLERATED = 0.02
"""Share of products that may fail and leave the generation good enough to serve."""


def advance(generation: Generation, seconds: float) -> bool:
    """Do the next part of building; returns whether it is built. It may run anywhere, any time, several times at once.

    Whatever another worker has in hand is left to it. A paused generation stays as it is: see ``switching.resume``.
    """
    if generation.state == Generation.State.PREPARING:
        prepare(generation)
    if generation.state == Generation.State.BUILDING:
        give_up_others(generation)
        backfill(generation)
        drain(generation.alias, seconds)
        if progress(generation).waiting:
            return False
        finish(generation)
        # A transaction that was open when all this began told nobody. What takes longer is left to the night's.
        reconcile(generation, seconds=seconds)
    return generation.state == Generation.State.READY


def finish(generation: Generation) -> None:
    """Complete a loaded generation: sample its background, build the HNSW index where it pays, mark it ready.

    One that was paused or given up meanwhile stays so.
    """
    measure(generation)
    count_words(generation)
    if not generation.ann_index:
        ann.build(generation)
    generation.move(
        {Generation.State.BUILDING, Generation.State.READY},
        state=Generation.State.READY,
        background=generation.background,
        statistics=generation.statistics,
        ann_index=generation.ann_index,
        built_at=Coalesce("built_at", Now()),
        error=generation.error,
    )


def retry_failed(generation: Generation) -> int:
    """Let workers try again what failed in a generation, set aside or not; returns how many changes."""
    return changes.retry(Change.objects.using(generation.alias).filter(generation=generation).failing())


def succeed(generation: Generation) -> None:
    """Let a generation that was just built serve, and remove what is older than the one before it.

    Raises CatalogSearchError where more than a few products failed: then a person decides.
    """
    index = registry.get(generation.index)
    if Generation.objects.using(generation.alias).active(generation.index) == generation:
        return
    failed = progress(generation)
    if failed.failed > TOLERATED * index.index_queryset().count():
        raise CatalogSearchError(
            f"{failed.failed} products failed, one of them with: {failed.reason} "
            "Mend the cause and try them again, or let it serve as it is."
        )
    activate(generation)
    prune(index)
