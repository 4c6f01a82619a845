"""Settings of the ingest benchmark's workers: an embedder whose vectors are ready in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog_search.backends.base import Embedder, Role
from catalog_search.content import Content
from project.settings import *  # noqa: F403
from project.settings import CELERY_TASK_DEFAULT_QUEUE

DEBUG = False
CATALOG_SEARCH = {
    "EMBEDDER": {"BACKEND": "benchmarks.ready.ReadyEmbedder", "OPTIONS": {}},
    "QUEUE": CELERY_TASK_DEFAULT_QUEUE,
    "ANN_MIN_DOCUMENTS": 1,
}


class ReadyEmbedder(Embedder):
    """Gives "Product 17 ..." the vector in row 17 of the file that the environment names."""

    def __init__(self) -> None:
        self._vectors = np.load(os.environ["BENCH_VECTORS"], mmap_mode="r")

    @property
    def dimensions(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def modalities(self) -> frozenset[str]:
        return frozenset({"text"})

    @property
    def fuses(self) -> bool:
        return False

    def encode(self, contents: Sequence[Content], role: Role) -> NDArray[np.float32]:
        return np.asarray(self._vectors[[int(content.text.split(maxsplit=2)[1]) for content in contents]])
