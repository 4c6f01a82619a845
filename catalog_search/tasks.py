"""Celery tasks: a few lines each, around one plain function. They take JSON only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from celery import Task, current_app, shared_task
from django.utils.translation import gettext as _

from .backends.worker import answer
from .conf import settings
from .content import Content
from .exceptions import Unavailable, reason_of
from .indexing import changes, doorbell, drain, vocabulary
from .indexing.building import advance, succeed
from .indexing.finishing import outgrown, refresh
from .indexing.preparing import prepare
from .indexing.reading import OUTAGES
from .indexing.reconciling import reconcile
from .models import Change, Generation
from .models.generations import GenerationQuerySet
from .querylog import popular
from .querylog.retention import forget
from .searching import encoding, explaining, reranking
from .sql import write_alias

logger = logging.getLogger(__name__)

OPTIONS: dict[str, Any] = {"ignore_result": True, "serializer": "json"}
"""For each task, whatever the project sets for its own."""
LIMIT_SECONDS = 7 * 24 * 3600
"""A model may take minutes to load and an HNSW index hours to build; else a task gives way after a minute by itself."""
INDEXING = OPTIONS | {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "time_limit": LIMIT_SECONDS,
    "soft_time_limit": LIMIT_SECONDS,
}
"""It may run twice without harm, so the task of a killed worker goes to another one."""
ANSWERING = OPTIONS | {"acks_late": False}
"""Somebody waits for it, though not for long."""

SLICE_SECONDS = 60.0
"""A task gives way after a minute, so that a worker that is told to stop can."""

NIGHT_SECONDS = 12 * 3600
"""How long reconciling may wait for a worker: then the next night's begins."""

BUILD_POLL_SECONDS = 5.0
"""How long a build waits for what other workers have in hand."""


def _generations() -> GenerationQuerySet:
    """Return the generations as they were written: a replica may not know one that was begun just now."""
    return Generation.objects.using(write_alias(Generation))


def _live(generation_id: int) -> Generation | None:
    """Return a generation that was not pruned meanwhile, nor its index taken out."""
    return _generations().live().declared().filter(pk=generation_id).first()


def send(task: Task[..., None], *args: int | str, expires: int = doorbell.EXPIRE_SECONDS, countdown: float = 0) -> None:
    """Send an indexing task to the queue of the settings; one that waits too long is dropped, the sweep rings again.

    Where Celery does all tasks at once nothing can wait: what is to come later is left to whoever asks again. Raises
    Unavailable where the broker does not answer.
    """
    if countdown and current_app.conf.task_always_eager:
        return
    queue = settings.QUEUE or None  # None is the project's default queue
    try:
        task.apply_async(args, queue=queue, expires=expires, countdown=countdown or None)  # type: ignore[arg-type]
    except Exception as error:  # each broker has exceptions of its own
        raise Unavailable(
            _("No worker could be told: the broker does not answer (%s). Start it and try again.") % error
        ) from error


@shared_task(name=doorbell.TASK, **INDEXING)
def index_changes() -> None:
    """Work off the changes that wait; ring again for what is left."""
    if drain(write_alias(Change), seconds=SLICE_SECONDS):
        send(index_changes)


@shared_task(name="catalog_search.sweep", **OPTIONS)
def sweep() -> None:
    """Wake a worker for changes whose ring got lost or whose wait is over, and for generations that changed so much
    that their words should be counted, or all be measured, again; run it from beat every half minute.
    """
    if changes.due(write_alias(Change)):
        send(index_changes)
    for generation_id in sorted({*vocabulary.due(), *outgrown()}):
        send(refresh_generation, generation_id)


@shared_task(name="catalog_search.refresh_generation", **INDEXING)
def refresh_generation(generation_id: int) -> None:
    """Count the words of a generation again where its documents changed, measure it anew where it grew."""
    if generation := _live(generation_id):
        try:
            refresh(generation)
        except Unavailable as error:  # the sweep asks again
            logger.warning("%s: %s", generation, error)


@shared_task(name="catalog_search.reconcile", **INDEXING)
def reconcile_indexes(generation_id: int | None = None, after: str = "") -> None:
    """Find and mend what no signal told of, a slice of each live generation at a time; run it from beat every night."""
    if generation_id is None:
        for one in _generations().live().declared().filter(built_at__isnull=False):
            send(reconcile_indexes, one.pk, expires=NIGHT_SECONDS)
        return
    if not (generation := _live(generation_id)):
        return
    found = reconcile(generation, after=after, seconds=SLICE_SECONDS)
    if found:
        logger.warning("%s: %s", generation, found)
    if found.after:
        send(reconcile_indexes, generation_id, found.after, expires=NIGHT_SECONDS)


@contextmanager
def _noting_failure(generation_id: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _generations().filter(pk=generation_id).update(error=reason_of(error))
        raise


@shared_task(name="catalog_search.prepare_generation", **INDEXING)
def prepare_generation(generation_id: int) -> None:
    """Load the model and open a new generation for documents; the reason is kept where that fails."""
    with _noting_failure(generation_id):
        prepare(_generations().get(pk=generation_id))


@shared_task(name="catalog_search.build_generation", **INDEXING)
def build_generation(generation_id: int, serve: bool = False) -> None:
    """Build a generation by workers alone, a slice at a time, and let it serve if asked to; the admin sends it.

    A paused or pruned one ends it, and so does a failure, but that of a model or a database that does not answer; the
    reason is kept on the generation.
    """
    done = False
    with suppress(*OUTAGES), _noting_failure(generation_id):
        generation = _live(generation_id)
        if generation is None or generation.state == Generation.State.PAUSED:
            return
        done = advance(generation, SLICE_SECONDS)
        if done and serve:
            succeed(generation)
    if not done:
        send(build_generation, generation_id, serve, expires=NIGHT_SECONDS, countdown=BUILD_POLL_SECONDS)


@shared_task(name="catalog_search.forget_searches", **OPTIONS)
def forget_searches() -> None:
    """Erase searches older than QUERY_LOG_DAYS; run it from beat every night."""
    forget()


@shared_task(name="catalog_search.draw_popular_queries", **OPTIONS)
def draw_popular_queries() -> None:
    """Draw the queries to suggest from the log; run it from beat every hour."""
    popular.draw()


@shared_task(name=encoding.TASK, **ANSWERING)
def encode_query(question: str, alias: str, generation_id: int, contents: list[tuple[str, str]]) -> None:
    """Answer a web process that waits for the vectors of a query."""
    answer(question, lambda: encoding.encode(alias, generation_id, [Content.unpacked(*one) for one in contents]))


@shared_task(name=reranking.TASK, **ANSWERING)
def rerank(
    question: str, alias: str, generation_id: int, language: str, documents: list[str], query: tuple[str, str]
) -> None:
    """Answer a web process that waits for the scores of documents, which it names by their products' keys."""
    answer(question, lambda: reranking.score(alias, generation_id, language, documents, Content.unpacked(*query)))


@shared_task(name=explaining.TASK, **ANSWERING)
def explain(question: str, alias: str, generation_id: int, language: str, documents: list[str]) -> None:
    """Answer a web process that waits for what text and picture of products bring by themselves."""
    answer(question, lambda: explaining.parts(alias, generation_id, language, documents))
