"""Outlines of shapes: arrays of points (n, 2), x to the right and y down, a product filling about -1..1."""

from collections.abc import Sequence

import numpy as np

Outline = np.ndarray
Point = tuple[float, ...]


def rounded(*corners: Point) -> Outline:
    """A polygon whose corners (x, y) or (x, y, radius) are rounded off; a large radius makes a curve of an edge."""
    points = np.array([corner[:2] for corner in corners], np.float64)
    pieces = []
    for i, corner in enumerate(corners):
        here, before, after = points[i], points[i - 1], points[(i + 1) % len(points)]
        radius = corner[2] if len(corner) > 2 else 0
        if not radius:
            pieces.append(here[None])
            continue
        start = here + (before - here) * min(0.5, radius / max(np.hypot(*(before - here)), 1e-9))
        end = here + (after - here) * min(0.5, radius / max(np.hypot(*(after - here)), 1e-9))
        t = np.linspace(0, 1, 10)[:, None]
        pieces.append((1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * end)
    return np.concatenate(pieces)


def mirrored(*right: Point) -> Outline:
    """A shape with a left and a right side alike, from the corners of its right half, top to bottom."""
    return rounded(*right, *[(-corner[0], *corner[1:]) for corner in reversed(right) if corner[0] > 0])


def box(x: float, y: float, width: float, height: float, radius: float = 0.04) -> Outline:
    """A rectangle around its centre."""
    w, h = width / 2, height / 2
    return rounded((x - w, y - h, radius), (x + w, y - h, radius), (x + w, y + h, radius), (x - w, y + h, radius))


def ellipse(x: float, y: float, rx: float, ry: float | None = None, start: float = 0, end: float = 360) -> Outline:
    """An ellipse, or the part of it between two angles in degrees (0 is right, 90 is down)."""
    angle = np.radians(np.linspace(start, end, 64))
    return np.stack([x + rx * np.cos(angle), y + (rx if ry is None else ry) * np.sin(angle)], 1)


def curve(*points: Point, closed: bool = False) -> np.ndarray:
    """A smooth line through points (Catmull-Rom)."""
    p = np.array(points, np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*pieces, p[-2:-1]])


def tube(points: Sequence[Point], width: float, end: float | None = None) -> Outline:
    """A thick smooth line with round ends, from `width` to `end` thick."""
    line = curve(*points)
    half = np.linspace(width, width if end is None else end, len(line))[:, None] / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    turn = np.radians(np.linspace(0, 180, 9))[1:-1, None]
    tail = line[-1] + half[-1] * (across[-1] * np.cos(turn) + along[-1] * np.sin(turn))
    head = line[0] - half[0] * (across[0] * np.cos(turn) + along[0] * np.sin(turn))
    return np.concatenate([line + across * half, tail, (line - across * half)[::-1], head])


def turned(*profile: Point, tilt: float = 0.16) -> Outline:
    """A thing made on a wheel (mug, vase), seen slightly from above, from its profile (radius, y) top to bottom.

    `tilt` is how far the round foot and mouth open: 0 is seen from the side.
    """
    edge = curve(*profile) if len(profile) > 2 else np.array(profile, np.float64)
    (top, y0), (foot, y1) = edge[0], edge[-1]
    bottom = ellipse(0, y1, foot, foot * tilt, 0, 180)
    mouth = ellipse(0, y0, top, top * tilt, 180, 360)
    return np.concatenate([edge, bottom, (edge * (-1, 1))[::-1], mouth])


def moved(outline: Outline, x: float = 0, y: float = 0, scale: float = 1, angle: float = 0) -> Outline:
    """The outline scaled, turned by `angle` degrees around the origin, and moved."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return scale * outline @ np.array([[c, s], [-s, c]]) + (x, y)


def flipped(outline: Outline) -> Outline:
    """The outline seen in a mirror."""
    return outline * (-1, 1)
