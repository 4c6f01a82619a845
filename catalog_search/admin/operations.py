"""Operations: what an operator does to an index or a generation, each asked about before it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..exceptions import CatalogSearchError, NotPassed
from ..indexes import SearchIndex
from ..indexing import building, switching
from ..indexing.estimates import Estimate, estimate
from ..indexing.generations import current_generation, planned, start_generation
from ..models import Generation
from ..paths import readable
from ..registry import registry
from ..tasks import NIGHT_SECONDS, build_generation, reconcile_indexes, send

Target = Any
"""A SearchIndex or a Generation, as ``Operation.on`` says."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do: what it is called, what it means, who may, and the function that does it and says so."""

    title: Any
    meaning: Any
    permission: str
    act: Callable[[Target, Mapping[str, str]], str]
    on: str = "generation"
    destructive: bool = False
    options: tuple[tuple[str, Any], ...] = ()
    """Boxes to tick on the page that asks: (name, label)."""

    def target(self, name: str) -> Target:
        """Return the index or generation of this name or number. Raises LookupError where there is none."""
        if self.on == "index":
            return registry.get(name)
        pk: Any = Generation._meta.pk
        found = Generation.objects.live().filter(pk__in=readable(pk, [name]).values()).first()
        if found is None:
            raise LookupError(name)
        return found


def expected(index: SearchIndex) -> Estimate:
    """Return what a rebuild takes: of the generation that is begun for today's definition, or of one to be begun."""
    return estimate(current_generation(index) or planned(index))


def _rebuild(index: SearchIndex, chosen: Mapping[str, str]) -> str:
    generation = start_generation(index, fresh="fresh" in chosen)
    if generation.state == Generation.State.PAUSED:
        switching.resume(generation)
    if generation.state != Generation.State.READY:
        generation.move({generation.state}, error="")
    send(build_generation, generation.pk, "serve" in chosen, expires=NIGHT_SECONDS)
    if generation.state == Generation.State.READY:
        send(reconcile_indexes, generation.pk, expires=NIGHT_SECONDS)
        return str(_("%s is built for today's settings; it is compared with the shop now.") % generation)
    return str(_("%s is being built.") % generation)


def _resume(generation: Generation, chosen: Mapping[str, str]) -> str:
    switching.resume(generation)
    send(build_generation, generation.pk, "serve" in chosen, expires=NIGHT_SECONDS)
    return str(_("%s goes on.") % generation)


def _pause(generation: Generation, chosen: Mapping[str, str]) -> str:
    switching.pause(generation)
    return str(_("%s is paused.") % generation)


def _activate(generation: Generation, chosen: Mapping[str, str]) -> str:
    try:
        switching.activate(generation)
    except NotPassed as error:
        raise CatalogSearchError(str(_("Judgements spoke against it; use manage.py."))) from error
    return str(_("%s serves.") % generation)


def _roll_back(index: SearchIndex, chosen: Mapping[str, str]) -> str:
    return str(_("%s serves again.") % switching.rollback(index))


def _prune(index: SearchIndex, chosen: Mapping[str, str]) -> str:
    gone = switching.prune(index)
    return str(
        _("Removed: generations %(generations)d, documents %(documents)d.")
        % {"generations": gone.generations, "documents": gone.documents}
    )


def _retry(generation: Generation, chosen: Mapping[str, str]) -> str:
    count = building.retry_failed(generation)
    return ngettext("%d change is tried again.", "%d changes are tried again.", count) % count


SERVE = ("serve", _("Let it serve as soon as it is ready"))
OPERATE, RETRY, PRUNE = "change_generation", "change_change", "delete_generation"
OPERATIONS: Mapping[str, Operation] = {
    "rebuild": Operation(
        _("Rebuild"),
        _("Workers build a generation beside the one that serves, or finish one begun for today's settings."),
        OPERATE,
        _rebuild,
        on="index",
        options=(
            SERVE,
            ("fresh", _("Begin anew even where the index is up to date")),
        ),
    ),
    "roll-back": Operation(
        _("Roll back"), _("The generation that served before serves again, at once."), OPERATE, _roll_back, on="index"
    ),
    "prune": Operation(
        _("Prune"),
        _("Generations older than the one before the serving one are removed with all their documents."),
        PRUNE,
        _prune,
        on="index",
        destructive=True,
    ),
    "activate": Operation(_("Activate"), _("Searches are answered from it, at once."), OPERATE, _activate),
    "pause": Operation(
        _("Pause"),
        _("Workers finish what they have in hand and leave the rest. Changes go on being noted."),
        OPERATE,
        _pause,
    ),
    "resume": Operation(_("Resume"), _("Workers go on with it."), OPERATE, _resume, options=(SERVE,)),
    "retry": Operation(
        _("Retry what failed"), _("Workers try at once what failed or was set aside, however often."), RETRY, _retry
    ),
}
