"""Building: a generation is brought to its end by workers alone, a slice of time after the other."""

from __future__ import annotations

from ..exceptions import CatalogSearchError
from ..models import Change, Generation
from ..models.changes import WAITING
from ..registry import registry
from . import ann, changes
from .changes import last_change, progress
from .finishing import finish
from .preparing import prepare
from .reconciling import backfill, reconcile
from .switching import activate, give_up_others, prune
from .work import drain

TOLERATED_FAILURES = 0.02
"""Share of products that may fail and leave the generation good enough to serve."""


def advance(generation: Generation, seconds: float) -> bool:
    """Do the next part of building; returns whether it is built. It may run anywhere, any time, several times at once.

    Whatever another worker has in hand is left to it. A paused generation stays as it is: see ``switching.resume``.
    """
    prepare(generation)
    if generation.state == Generation.State.BUILDING:
        give_up_others(generation)
        backfill(generation)
        # What comes later is left to whoever comes later: under constant writes something waits at any time.
        until = last_change(generation)
        drain(generation.alias, seconds)
        # One task may take longer than its message is kept for: then a second worker has it, too.
        if progress(generation, until).waiting or ann.is_being_built(generation):
            return False
        finish(generation)
        # A transaction that was open when all this began told nobody. What takes longer is left to the night's.
        reconcile(generation, seconds=seconds)
    return generation.state == Generation.State.READY


def retry_failed(generation: Generation) -> int:
    """Let workers try again what failed in a generation, set aside or not; returns how many changes."""
    return changes.retry(generation.own(Change).exclude(WAITING))


def demand_complete(generation: Generation) -> None:
    """Raise CatalogSearchError where more than a few products failed: then a person decides."""
    left = progress(generation)
    products = registry.get(generation.index).index_queryset().using(generation.alias).count()
    if left.failed > TOLERATED_FAILURES * products:
        raise CatalogSearchError(
            f"{left.failed} products failed, one of them with: {left.reason}\n{generation} does not serve. Mend the "
            "cause and try them again, or let it serve as it is: manage.py rebuild_search_index --force"
        )


def succeed(generation: Generation) -> None:
    """Let a generation that was just built serve, and remove what is older than the one before it.

    Raises CatalogSearchError where ``demand_complete`` does.
    """
    if generation.is_serving:
        return
    demand_complete(generation)
    activate(generation)
    prune(registry.get(generation.index))
