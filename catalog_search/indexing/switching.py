"""Switching: which generation serves is one row update; what is no longer needed goes later, in small steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now

from ..exceptions import CatalogSearchError, NotPassed, NotReady, message_of
from ..images import thumbnail_storage
from ..indexes import SearchIndex
from ..models import Change, Document, Generation, Thumbnail, Vocabulary
from ..models.generations import GenerationQuerySet
from ..sql import execute, write_alias
from . import ann

logger = logging.getLogger(__name__)

_GENERATIONS = Generation._meta.db_table

CHUNK = 5_000
RUNNING_SECONDS = 3.0
"""How long a search may still run on the generation that it began with, when another has taken over."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    generations: int = 0
    documents: int = 0
    thumbnails: int = 0
    indexes: int = 0


def demand_passed(generation: Generation) -> None:
    """Raise NotPassed where judgements spoke against a generation, or left it undecided."""
    if generation.verdict != "passed":
        command = f"manage.py search_generations activate {generation.index} {generation.pk} --force"
        said = f"Judgements left {generation} {generation.verdict}; what served before serves on."
        raise NotPassed(f"{said} To let it serve nevertheless: {command}")


def activate(generation: Generation, force: bool = False) -> None:
    """Let a ready generation serve from now on: one row update. Searches that run end on the one they began with.

    Raises NotReady where it is still being built, or was pruned, and NotPassed unless ``force`` overrules judgements.
    """
    if not force:
        demand_passed(generation)
    measured = {name: value for name, value in generation.measured.items() if name != "rolled_back"}
    if not generation.move({Generation.State.READY}, activated_at=Now(), measured=measured):
        raise NotReady(f"{generation} is {generation.state}, not ready to serve; run manage.py rebuild_search_index.")


def rollback(index: SearchIndex) -> Generation:
    """Let the generation serve that served before; called again, it goes back. Raises NotReady where there is none.

    What served until now does so no more by itself: a rebuild for today's settings would find it ready.
    """
    found = list(_generations(index).served()[:2])
    if len(found) < 2:
        raise NotReady(
            f"{index.label} has no earlier generation that could serve: it is pruned, or there never was one."
        )
    serving, earlier = found
    # It has served, whatever was said of it.
    activate(earlier, force=True)
    serving.move({serving.state}, measured=serving.measured | {"rolled_back": True})
    return earlier


def _generations(index: SearchIndex) -> GenerationQuerySet:
    found: GenerationQuerySet = Generation.objects.using(write_alias(index.model)).of(index.label)
    return found


def pause(generation: Generation) -> None:
    """Let workers leave a generation that is being built; changes go on being recorded. Raises CatalogSearchError."""
    _move(generation, Generation.State.BUILDING, Generation.State.PAUSED)


def resume(generation: Generation) -> None:
    """Let workers go on with a paused generation. Raises CatalogSearchError."""
    _move(generation, Generation.State.PAUSED, Generation.State.BUILDING)


def _move(generation: Generation, before: str, after: str) -> None:
    if not generation.move({before}, state=after):
        raise CatalogSearchError(f"{generation} is {generation.state}, not {before}.")


def give_up_others(generation: Generation) -> None:
    """Retire what was being built of an index before this generation.

    Workers would go on embedding for it, perhaps at a price, and be late for this one. Its vectors are taken over.
    """
    unfinished = [Generation.State.PREPARING, Generation.State.BUILDING]
    earlier = Generation.objects.using(generation.alias).of(generation.index).filter(pk__lt=generation.pk)
    earlier.filter(state__in=unfinished, built_at=None).update(state=Generation.State.RETIRED)


def prune(
    index: SearchIndex, keep: int = 1, thumbnails: bool = False, done: Callable[[int], object] | None = None
) -> Pruned:
    """Remove old generations of an index: all that began before the serving one but the ``keep`` last to serve.

    Documents and changes go CHUNK rows at a time, so that nobody waits for a lock; ``done`` is called with each
    number. Interrupted, the next call goes on. HNSW indexes that nothing uses go along, and with ``thumbnails`` the
    small copies of pictures that no document shows: of those still on sale, models then read the original again. One
    that its storage does not delete is logged and tried again by a prune of another day.
    What served until a moment ago is waited for.
    """
    of = _generations(index)
    latest = list(of.served().values_list("pk", flat=True)[: keep + 2])
    kept = latest[: keep + 1]
    if len(latest) > len(kept):
        _let_searches_end(of.db, kept[-1])
    # One that began after the serving one, and never served, is being built or waits for a person.
    old = of.live().exclude(pk__in=kept).filter(Q(activated_at__isnull=False) | Q(pk__lt=kept[0] if kept else 0))
    return _retire(of, old, thumbnails, done)


def forget(label: str, thumbnails: bool = False, done: Callable[[int], object] | None = None) -> Pruned:
    """Remove all generations of an index that is declared no more, by its model label, as ``prune`` does."""
    of = Generation.objects.using(write_alias(Generation)).of(label)
    return _retire(of, of.live(), thumbnails, done)


def _retire(
    of: GenerationQuerySet, old: GenerationQuerySet, thumbnails: bool, done: Callable[[int], object] | None
) -> Pruned:
    """Retire old generations of an index, and remove what belongs to this and all that were retired before."""
    alias, documents = of.db, 0
    retired = old.update(state=Generation.State.RETIRED, ann_index="")
    for pk in of.filter(state=Generation.State.RETIRED).values_list("pk", flat=True):
        for model in (Change, Vocabulary, Document):
            while removed := _remove_chunk(alias, model._meta.db_table, pk):
                documents += removed if model is Document else 0
                if done:
                    done(removed)
    return Pruned(retired, documents, _prune_thumbnails(alias) if thumbnails else 0, ann.drop_strays(alias))


def _let_searches_end(alias: str, successor: int) -> None:
    """Wait until no search can run on what served before a generation was activated."""
    statement = f"SELECT extract(epoch FROM clock_timestamp() - activated_at) FROM {_GENERATIONS} WHERE id = %s"
    ((since,),) = execute(alias, statement, (successor,))
    time.sleep(max(0.0, RUNNING_SECONDS - float(since)))


def _remove_chunk(alias: str, table: str, generation_id: int) -> int:
    statement = (
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE generation_id = %s LIMIT {CHUNK})) "
        "RETURNING 1"
    )
    return len(execute(alias, statement, (generation_id,)))


def _prune_thumbnails(alias: str) -> int:
    total = 0
    # A day of grace: the document that will name a fresh thumbnail may not be written yet.
    statement = f"""
        DELETE FROM {Thumbnail._meta.db_table} WHERE ctid = ANY(ARRAY(
            SELECT thumbnail.ctid FROM {Thumbnail._meta.db_table} thumbnail
            WHERE thumbnail.created_at < now() - interval '1 day' AND NOT EXISTS (
                SELECT 1 FROM {Document._meta.db_table} document WHERE document.thumbnail = thumbnail.name)
            LIMIT {CHUNK}))
        RETURNING stamp, name, digest
    """
    while rows := execute(alias, statement):
        gone = [Thumbnail(stamp=stamp, name=name, digest=digest) for stamp, name, digest in rows]
        names = {one.name for one in gone}
        still = set(Thumbnail.objects.using(alias).filter(name__in=names).values_list("name", flat=True))
        kept = {name for name in names - still if not _is_deleted(name)}
        # On record again, as fresh as can be, so that this loop ends and a later one tries again.
        again = [one for one in gone if one.name in kept]
        Thumbnail.objects.using(alias).bulk_create(again, ignore_conflicts=True)
        total += len(names - kept)
    return total


def _is_deleted(name: str) -> bool:
    try:
        thumbnail_storage().delete(name)
    except Exception as error:  # a storage is foreign code, and the others are to go all the same
        logger.warning("The thumbnail %s could not be deleted: %s", name, message_of(error))
        return False
    return True
