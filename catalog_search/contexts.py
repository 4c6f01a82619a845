"""Contexts: a variable of this thread or task that has another value for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def holding(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Let a variable hold a value inside the block, or inside the function that this decorates."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
