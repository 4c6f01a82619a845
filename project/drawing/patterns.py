"""Patterns: for every point of a surface, how much of the second colour it has.

A pattern is a function of surface coordinates (u, v) and of the size of a pixel in the same unit, so that its edges
are as sharp as the picture allows and no sharper. One unit holds about one repeat.
"""

from collections.abc import Callable

import numpy as np

Field = np.ndarray
Pattern = Callable[[Field, Field, float], Field]


def edge(distance: Field, pixel: float) -> Field:
    """1 where `distance` is negative, 0 where it is positive, a soft step of a pixel between."""
    return np.clip(0.5 - distance / (1.5 * pixel), 0, 1)


def cell(x: Field) -> Field:
    """The place within a repeat, -0.5..0.5."""
    return x - np.round(x)


def plain(u: Field, v: Field, pixel: float) -> Field:
    """No pattern."""
    return np.zeros(np.broadcast(u, v).shape, np.float32)


def stripes(u: Field, v: Field, pixel: float) -> Field:
    """Level stripes."""
    return edge(np.abs(cell(v)) - 0.19, pixel) + 0 * u


def checks(u: Field, v: Field, pixel: float) -> Field:
    """Gingham: where two bands cross, the colour is full. The bands are narrow, so that the ground can be told."""
    return 0.5 * edge(np.abs(cell(u)) - 0.17, pixel) + 0.5 * edge(np.abs(cell(v)) - 0.17, pixel)


def zigzag(u: Field, v: Field, pixel: float) -> Field:
    """Lines that run up and down."""
    return edge(np.abs(cell(v + np.abs(cell(u * 0.8)) * 0.9)) - 0.18, pixel * 1.4)


def scattered(u: Field, v: Field) -> tuple[Field, Field]:
    """Coordinates within the repeats of a half-drop grid, as printers lay dots and flowers."""
    column = np.round(u)
    return u - column, cell(v + 0.5 * (column % 2))


def dots(u: Field, v: Field, pixel: float) -> Field:
    """Round dots."""
    x, y = scattered(u, v)
    return edge(np.hypot(x, y) - 0.25, pixel)


def flowers(u: Field, v: Field, pixel: float) -> Field:
    """Five round petals around an open middle."""
    x, y = scattered(u * 0.64, v * 0.64)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    petals = edge(radius - 0.29 - 0.1 * np.cos(5 * angle), pixel)
    return petals * (1 - edge(radius - 0.12, pixel))


def stars(u: Field, v: Field, pixel: float) -> Field:
    """Stars with five points."""
    x, y = scattered(u * 0.74, v * 0.74)
    turn = np.mod(np.arctan2(x, -y) + np.pi / 5, 2 * np.pi / 5) - np.pi / 5
    radius = np.hypot(x, y)
    # Each tenth of a star has one straight edge: its normal is (0.384, 0.923) seen from the tip's axis.
    return edge(0.384 * radius * np.cos(turn) + 0.923 * radius * np.abs(np.sin(turn)) - 0.16, pixel)


def two_tone(u: Field, v: Field, pixel: float) -> Field:
    """The second colour below the line v = 0."""
    return edge(-v, pixel) + 0 * u


PATTERNS: dict[str, Pattern] = {
    "plain": plain,
    "stripes": stripes,
    "dots": dots,
    "checks": checks,
    "zigzag": zigzag,
    "flowers": flowers,
    "stars": stars,
    "two-tone": two_tone,
}
