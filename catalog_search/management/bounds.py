"""Bounds: numbers of a command line, refused in words where they make no sense."""

from __future__ import annotations

import argparse
from collections.abc import Callable

MOST_DAYS = 36_500
"""A hundred years; a date beyond is none."""


def integer(least: int = 1, most: int = 1_000_000) -> Callable[[str], int]:
    """Return an argument type: a whole number within the bounds."""

    def read(written: str) -> int:
        return int(_within(int(written), least, most))

    read.__name__ = "whole number"
    return read


def number(least: float = 0.0, most: float = 1e12) -> Callable[[str], float]:
    """Return an argument type: a number within the bounds."""

    def read(written: str) -> float:
        return _within(float(written), least, most)

    read.__name__ = "number"
    return read


def _within(found: float, least: float, most: float) -> float:
    if not least <= found <= most:
        raise argparse.ArgumentTypeError(f"give {least:g} to {most:g}, not {found:g}")
    return found
