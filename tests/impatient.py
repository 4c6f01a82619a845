"""Settings of workers that a test kills: models without weights, and claims that come back at once."""

from __future__ import annotations

from project.settings import *  # noqa: F403
from project.settings import CELERY_TASK_DEFAULT_QUEUE

CATALOG_SEARCH = {
    "EMBEDDER": {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder"},
    "QUEUE": CELERY_TASK_DEFAULT_QUEUE,
    "LEASE_SECONDS": 2,
    "ANN_MIN_DOCUMENTS": 100,
}
