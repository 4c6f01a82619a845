"""Sports and play outdoors."""

import numpy as np

from ..outline import ellipse, moved, rounded, tube
from ..palette import INK, WOOD, darker, lighter, rgb
from ..pen import Pen


def ball(pen: Pen) -> None:
    """A ball: with seams if plain, printed otherwise."""
    pen.split = 0.0
    pen.zoom = 0.92
    pen.add(ellipse(0, 0, 0.9), pen.cloth(1.2), "sphere")
    if pen.spec.pattern == "plain":
        seam = darker(pen.main, 0.35) if pen.main.mean() > 0.3 else lighter(pen.main, 0.3)
        for points in (
            [(-0.87, -0.2), (0, 0.02), (0.87, -0.2)],
            [(-0.2, -0.87), (0.05, 0), (-0.2, 0.87)],
            [(0.62, -0.64), (0.3, 0), (0.62, 0.64)],
        ):
            pen.add(tube(points, 0.025), seam, "flat", lift=0.1)
    else:
        pen.add(ellipse(-0.05, -0.1, 0.06, 0.05), darker(pen.main, 0.3), depth=0.05, lift=0.1)


def surfboard(pen: Pen) -> None:
    """A surfboard on end."""
    pen.ground = "hanging"
    pen.split = 0.15
    pen.zoom = 1.12
    pen.add(
        rounded(
            (0, -1.1, 0.1),
            (0.34, -0.5, 0.5),
            (0.36, 0.4, 0.5),
            (0.16, 1.05, 0.15),
            (-0.16, 1.05, 0.15),
            (-0.36, 0.4, 0.5),
            (-0.34, -0.5, 0.5),
        ),
        depth=0.25,
    )
    pen.add(tube([(0, -1.02), (0, 1.02)], 0.02), darker(pen.main, 0.25), "flat", lift=0.1)
    pen.add(ellipse(0, 0.82, 0.05), INK, depth=0.04, lift=0.2)


def skateboard(pen: Pen) -> None:
    """A skateboard from the side."""
    pen.split = -0.16
    pen.zoom = 1.15
    for x in (-0.58, 0.58):
        pen.add(
            rounded((x - 0.16, 0.0), (x + 0.16, 0.0), (x + 0.07, 0.2), (x - 0.07, 0.2)),
            rgb("9aa0a6"),
            depth=0.05,
            material="steel",
        )
        for side in (-0.13, 0.13):
            pen.add(
                ellipse(x + side, 0.26, 0.14),
                pen.second if pen.spec.second else lighter(WOOD, 0.5),
                depth=0.1,
                material="plastic",
            )
            pen.add(ellipse(x + side, 0.26, 0.05), INK, depth=0.04, lift=0.1)
    deck = rounded(
        (-1.1, -0.42, 0.1),
        (-0.78, -0.36, 0.2),
        (0.78, -0.36, 0.2),
        (1.1, -0.42, 0.1),
        (1.14, -0.16, 0.14),
        (0.8, 0.06, 0.2),
        (-0.8, 0.06, 0.2),
        (-1.14, -0.16, 0.14),
    )
    pen.add(moved(deck, 0, 0.045), WOOD, depth=0.05, material="wood")
    pen.add(deck, pen.cloth(0.9), depth=0.12, lift=0.1)


def yoga_mat(pen: Pen) -> None:
    """A mat, almost rolled up."""
    pen.split = 0.1
    pen.zoom = 1.05
    sheet = rounded((-0.7, 0.02, 0.02), (0.95, 0.1, 0.02), (1.12, 0.44, 0.03), (-0.86, 0.44, 0.03))
    pen.add(sheet, pen.cloth(0.9), depth=0.06)
    pen.add(
        rounded((-0.86, -0.22, 0.14), (0.7, -0.22, 0.14), (0.7, 0.36, 0.14), (-0.86, 0.36, 0.14)),
        pen.cloth(0.9),
        depth=0.3,
        lift=0.35,
    )
    pen.add(ellipse(-0.84, 0.07, 0.15, 0.29), darker(pen.main, 0.12), depth=0.1, lift=0.1)
    for r in (0.8, 0.55, 0.3):
        pen.add(ellipse(-0.84, 0.07, 0.15 * r, 0.29 * r), darker(pen.main, 0.32), "flat", lift=0)
        pen.add(ellipse(-0.84, 0.07, 0.15 * r - 0.02, 0.29 * r - 0.03), darker(pen.main, 0.08), "flat", lift=0)
    for x in (-0.45, 0.35):
        pen.add(tube([(x, -0.21), (x + 0.03, 0.07), (x, 0.35)], 0.06), INK, depth=0.05, lift=0.3, material="nylon")


def swim_ring(pen: Pen) -> None:
    """An inflated ring."""
    pen.ground = "flat"
    pen.split = 0.0
    angle = np.radians(np.linspace(0, 360, 97))
    ring = np.concatenate(
        [
            np.stack([0.95 * np.cos(angle), 0.95 * np.sin(angle)], 1),
            np.stack([0.42 * np.cos(angle[::-1]), 0.42 * np.sin(angle[::-1])], 1),
        ]
    )
    pen.add(ring, pen.cloth(1.2), depth=0.45)
    pen.add(ellipse(0.62, -0.3, 0.05, 0.04), lighter(pen.main, 0.5), depth=0.05, lift=0.3)


KINDS = {"ball": ball, "surfboard": surfboard, "skateboard": skateboard, "yoga mat": yoga_mat, "swim ring": swim_ring}
