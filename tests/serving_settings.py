"""Settings of the workers and web processes in test_serving.py: models without weights, on a queue of their own."""

from __future__ import annotations

import os

from project.settings import *  # noqa: F403
from project.settings import CATALOG_SEARCH as PROJECTS

if "MODEL_SERVER" in os.environ:
    REMOTE = "catalog_search.backends.remote.Remote"
    SERVER = {"url": os.environ["MODEL_SERVER"], "api": "vllm", "pictures": "fused", "seconds": 10.0}
    CATALOG_SEARCH = PROJECTS | {
        "EMBEDDER": {"BACKEND": f"{REMOTE}Embedder", "OPTIONS": {"model": "m", "server": SERVER}},
        "RERANKER": {"BACKEND": f"{REMOTE}Reranker", "OPTIONS": {"model": "r", "server": SERVER}},
        "MODEL_QUEUE": "",
    }
else:
    CATALOG_SEARCH = PROJECTS | {
        "EMBEDDER": {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"poison": "poisonous"}},
        "RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {}},
        "MODEL_QUEUE": os.environ["MODEL_QUEUE"],
        "MODEL_SECONDS": float(os.environ.get("MODEL_SECONDS", "10")),
    }
