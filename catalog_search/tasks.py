"""Celery tasks: a few lines each, around one plain function. They take JSON only."""

from __future__ import annotations

from celery import Task, shared_task

from .conf import settings
from .indexes import registry
from .indexing import changes, doorbell, drain
from .indexing.generations import prepare
from .models import Generation
from .querylog.retention import forget
from .sql import write_alias

SLICE_SECONDS = 60.0
"""A task gives way after a minute, so that a worker that is told to stop can."""


def send(task: Task[..., None], *args: int) -> None:
    """Send an indexing task to the queue of the settings; one that waits too long is dropped, the sweep rings again."""
    queue = settings.QUEUE or None  # None is the project's default queue
    task.apply_async(args, queue=queue, expires=doorbell.EXPIRE_SECONDS)  # type: ignore[arg-type]


@shared_task(name=doorbell.TASK, ignore_result=True)
def index_changes() -> None:
    """Work off the changes that wait; ring again for what is left."""
    for alias in {write_alias(index.model) for index in registry}:
        if drain(alias, seconds=SLICE_SECONDS):
            send(index_changes)


@shared_task(name="catalog_search.sweep", ignore_result=True)
def sweep() -> None:
    """Wake a worker for changes whose ring got lost or whose wait is over; run it from beat every half minute."""
    if any(changes.due(write_alias(index.model)) for index in registry):
        send(index_changes)


@shared_task(name="catalog_search.prepare_generation", ignore_result=True)
def prepare_generation(generation_id: int) -> None:
    """Load the model and open a new generation for documents; the reason is kept where that fails."""
    generation = Generation.objects.get(pk=generation_id)
    try:
        prepare(generation)
    except Exception as error:
        Generation.objects.filter(pk=generation_id).update(error=f"{type(error).__name__}: {error}")
        raise


@shared_task(name="catalog_search.forget_searches", ignore_result=True)
def forget_searches() -> None:
    """Erase searches older than QUERY_LOG_DAYS; run it from beat every night."""
    forget()
