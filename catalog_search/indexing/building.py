"""Building: a generation is brought to its end by workers alone, a slice of time after the other."""

from __future__ import annotations

from django.db.models.functions import Coalesce, Now

from ..exceptions import CatalogSearchError
from ..models import Change, Document, Generation
from ..registry import registry
from ..sql import execute
from . import ann, changes, vocabulary
from .changes import progress
from .preparing import prepare, unmeasured
from .reconciling import backfill, reconcile
from .statistics import measure
from .switching import activate, give_up_others, prune
from .work import drain

TOLERATED = 0.02
"""Share of products that may fail and leave the generation good enough to serve."""
GROWTH = 2
"""How many times as many documents make what was measured of a generation out of date."""
SMALL = 10_000
"""Documents that are counted within milliseconds."""


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
        # One task may take longer than its message is kept for: then a second worker has it, too.
        if progress(generation).waiting or ann.is_being_built(generation):
            return False
        finish(generation)
        # A transaction that was open when all this began told nobody. What takes longer is left to the night's.
        reconcile(generation, seconds=seconds)
    return generation.state == Generation.State.READY


def finish(generation: Generation) -> None:
    """Complete a loaded generation: sample its background, build the HNSW index where it pays, mark it ready.

    One that was paused or given up meanwhile stays so.
    """
    generation.error = ""
    measure(generation)
    vocabulary.count_words(generation)
    if not generation.ann_index:
        ann.build(generation)
    generation.error = " ".join(filter(None, (generation.error, unmeasured(generation))))
    generation.move(
        {Generation.State.BUILDING, Generation.State.READY},
        state=Generation.State.READY,
        background=generation.background,
        statistics=generation.statistics,
        ann_index=generation.ann_index,
        built_at=Coalesce("built_at", Now()),
        error=generation.error,
    )


def outgrown() -> list[int]:
    """Return the generations that serve, or could, and have so many more documents than when they were measured that
    it tells: what was built of an empty shop finds nothing by meaning, however many products come.

    Larger ones are looked at when their words are, for counting documents takes its time.
    """
    small = [one for one in Generation.objects.served() if one.size < SMALL]
    return [one.pk for one in small if _has_outgrown(one)]


def refresh(generation: Generation) -> None:
    """Measure a ready generation anew where it has outgrown its statistics; else count its words if they changed."""
    if not _has_outgrown(generation):
        vocabulary.refresh(generation)
    elif not ann.is_being_built(generation):
        finish(generation)


def _has_outgrown(generation: Generation) -> bool:
    enough = GROWTH * generation.size + 1
    ((count,),) = execute(
        generation.alias,
        f"SELECT count(*) FROM (SELECT 1 FROM {Document._meta.db_table} WHERE generation_id = %s LIMIT %s) found",
        (generation.pk, enough),
    )
    return bool(count == enough)


def retry_failed(generation: Generation) -> int:
    """Let workers try again what failed in a generation, set aside or not; returns how many changes."""
    return changes.retry(Change.objects.using(generation.alias).filter(generation=generation).failing())


def demand_complete(generation: Generation) -> None:
    """Raise CatalogSearchError where more than a few products failed: then a person decides."""
    left = progress(generation)
    products = registry.get(generation.index).index_queryset().using(generation.alias).count()
    if left.failed > TOLERATED * products:
        raise CatalogSearchError(
            f"{left.failed} products failed, one of them with: {left.reason}\n{generation} does not serve. Mend the "
            "cause and try them again, or let it serve as it is: manage.py rebuild_search_index --force"
        )


def succeed(generation: Generation) -> None:
    """Let a generation that was just built serve, and remove what is older than the one before it.

    Raises CatalogSearchError where ``demand_complete`` does.
    """
    if Generation.objects.using(generation.alias).active(generation.index) == generation:
        return
    demand_complete(generation)
    activate(generation)
    prune(registry.get(generation.index))
