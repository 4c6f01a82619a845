"""Settings of a world of faults: short leases and waits, a sweep every second, a model that can be made to fail."""

from __future__ import annotations

import os

from tests.impatient import *  # noqa: F403
from tests.impatient import CATALOG_SEARCH, DATABASES

CATALOG_SEARCH = CATALOG_SEARCH | {
    "EMBEDDER": {
        "BACKEND": "tests.faults.moody.MoodyEmbedder",
        "OPTIONS": {"bad_mood": os.environ.get("BAD_MOOD", "")},
    },
    "RETRY_SECONDS": 1,
    "MAX_ATTEMPTS": 30,
    "BATCH_SIZE": 8,
    # As behind a pooler in transaction mode, where a test says so.
    **({"PREPARE": False, "ANN_BUILD_MB": 0} if os.environ.get("POOLED") else {}),
}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = "POOLED" in os.environ
CELERY_BEAT_SCHEDULE = {"search-sweep": {"task": "catalog_search.sweep", "schedule": 1}}
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
