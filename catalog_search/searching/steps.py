"""Steps: the two points at which a search is changed from outside, before retrieval and after ranking.

The settings REWRITE and ARRANGE name functions in the order in which they run. A rewriting step takes a scope and an
Ask and returns an Ask: other words, a filter, products that belong to the result whatever the lanes say. An arranging
step takes both and the ranked candidates and returns these in another order. It decides on order alone, since rows,
total and facets read one set: what it leaves out comes after what it returns, what it adds is ignored.

A step that fails is left out openly (``results.degraded``): a shop's search survives its own rules.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ..conf import settings
from ..sql import ends_transaction
from .asking import Arrange, Ask, Rewrite
from .candidates import Candidates
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)


def rewritten(scope: Scope, ask: Ask, trace: Trace) -> Ask:
    """Let each step of REWRITE, or of those that the Ask brings, change what is asked."""
    with trace.stage("rewrite"):
        for step in rewriting() if ask.rewrite is None else ask.rewrite:
            try:
                ask = step(scope, ask)
            except Exception as error:
                _failed(scope, step, "rewrite", error, trace)
    return ask


def arranged(scope: Scope, ask: Ask, candidates: Candidates, trace: Trace) -> Candidates:
    """Let each step of ARRANGE, or of those that the Ask brings, change the order of the candidates."""
    with trace.stage("arrange"):
        for step in arranging() if ask.arrange is None else ask.arrange:
            try:
                changed = step(scope, ask, candidates)
                candidates = candidates if changed is candidates else candidates.rearranged(changed)
            except Exception as error:
                _failed(scope, step, "arrange", error, trace)
    return candidates


def rewriting() -> list[Rewrite]:
    """Return the steps of REWRITE."""
    return [import_string(name) for name in settings.REWRITE]


def arranging() -> list[Arrange]:
    """Return the steps of ARRANGE."""
    return [import_string(name) for name in settings.ARRANGE]


def exchanged(own: Mapping[Any, Rewrite]) -> dict[str, Any]:
    """Return the options of ``search`` under which other functions run in the place of some steps of REWRITE."""
    return {"rewrite": [own.get(step, step) for step in rewriting()], "arrange": arranging()}


def _failed(scope: Scope, step: Any, point: str, error: Exception, trace: Trace) -> None:
    if ends_transaction(error, scope.alias):
        raise error
    logger.error("%s failed and was left out: %s", getattr(step, "__qualname__", step), error, exc_info=error)
    trace.degrade(point)
