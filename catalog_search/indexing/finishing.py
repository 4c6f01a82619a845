"""Finishing: a loaded generation is measured and indexed, and again as it outgrows what was measured."""

from __future__ import annotations

from django.db.models.functions import Coalesce, Now

from ..models import Document, Generation
from . import ann, vocabulary
from .preparing import measure_pace, unmeasured
from .statistics import measure

GROWTH = 2
"""How many times as many documents make what was measured of a generation out of date."""
SMALL = 10_000
"""Documents that are counted within milliseconds."""


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
        if "rate" not in generation.measured:  # batches are as large as a lease allows for
            generation.move({generation.state}, measured=generation.measured | measure_pace(generation))


def _has_outgrown(generation: Generation) -> bool:
    enough = GROWTH * generation.size + 1
    return generation.own(Document)[:enough].count() == enough
