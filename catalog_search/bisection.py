"""Bisection: many things done in one go, and what fails halved until the bad ones stand alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from .exceptions import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def bisect(
    work: Callable[[Sequence[Item]], Iterable[Answer]],
    items: Sequence[Item],
    outages: tuple[type[Exception], ...] = (Unavailable,),
) -> list[Answer | Exception]:
    """Return the answer of ``work`` to each item, or what went wrong with it.

    Raises ``outages``: they are no item's fault, and asking for half of them would only wait again.
    """
    try:
        return [answer for _, answer in zip(items, work(items), strict=True)]
    except outages:
        raise
    except Exception as error:  # models, declarations and what a database is given are foreign
        half = len(items) // 2
        if not half:
            return [error] * len(items)
        return [*bisect(work, items[:half], outages), *bisect(work, items[half:], outages)]
