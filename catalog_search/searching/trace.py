"""Trace: how long each stage of a search took, and what failed on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Trace:
    """The measurements of one search."""

    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage."""
    degraded: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + (time.perf_counter() - start) * 1000

    def degrade(self, what: str) -> None:
        """Note that something failed and the search goes on without it."""
        if what not in self.degraded:
            self.degraded.append(what)
