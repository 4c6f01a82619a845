"""Things to walk in."""

import numpy as np

from ..outline import ellipse, moved, rounded, tube
from ..palette import PAPER, WOOD, darker, lighter
from ..pen import Pen


def sneaker(pen: Pen) -> None:
    """A laced canvas shoe from the side."""
    pen.split = -0.02
    upper = rounded(
        (-0.86, -0.3, 0.12),
        (-0.4, -0.36, 0.1),
        (-0.24, -0.34, 0.1),
        (0.2, -0.02, 0.3),
        (0.78, 0.1, 0.25),
        (0.93, 0.34, 0.1),
        (-0.9, 0.34, 0.05),
    )
    pen.add(ellipse(-0.58, -0.34, 0.26, 0.09), darker(pen.main, 0.5), depth=0.1)
    tongue = rounded((-0.42, -0.32, 0.05), (-0.28, -0.52, 0.06), (-0.12, -0.46, 0.06), (0.12, -0.1, 0.05))
    pen.add(tongue, lighter(pen.main, 0.2), depth=0.12)
    pen.add(upper, pen.cloth(0.85), depth=0.3)
    pen.add(
        rounded((0.5, 0.06, 0.15), (0.8, 0.1, 0.2), (0.94, 0.36, 0.1), (0.52, 0.36, 0.3)),
        PAPER,
        depth=0.16,
        lift=0.15,
        material="rubber",
    )
    pen.add(
        rounded((-0.9, -0.3, 0.06), (-0.68, -0.3, 0.06), (-0.66, 0.34, 0.2), (-0.9, 0.34, 0.03)),
        pen.trim,
        depth=0.1,
        lift=0.15,
    )
    for x, y in zip(np.linspace(-0.22, 0.22, 4), np.linspace(-0.3, -0.04, 4), strict=True):
        pen.add(tube([(x - 0.11, y + 0.12), (x + 0.05, y - 0.02)], 0.05), PAPER, depth=0.04, lift=0.35)
    sole = rounded((-0.95, 0.28, 0.06), (0.95, 0.28, 0.06), (0.97, 0.42, 0.12), (0.8, 0.48, 0.1), (-0.88, 0.48, 0.08))
    pen.add(sole, PAPER, depth=0.1, material="rubber")
    pen.add(tube([(-0.9, 0.37), (0.93, 0.37)], 0.025), pen.trim, "flat", lift=0)


def wellies(pen: Pen) -> None:
    """A pair of rubber boots."""
    pen.split = 0.0
    boot = rounded(
        (-0.3, -0.85, 0.04),
        (0.26, -0.85, 0.04),
        (0.24, 0.25, 0.25),
        (0.62, 0.42, 0.25),
        (0.76, 0.78, 0.1),
        (-0.34, 0.78, 0.06),
        (-0.28, 0.2, 0.3),
    )
    sole = rounded(
        (-0.37, 0.76, 0.03),
        (0.79, 0.76, 0.05),
        (0.8, 0.88, 0.04),
        (0.1, 0.88, 0.02),
        (0.06, 0.84, 0.01),
        (0.0, 0.9, 0.02),
        (-0.37, 0.9, 0.04),
    )
    dark = darker(pen.main, 0.45) if pen.main.mean() > 0.2 else lighter(pen.main, 0.2)
    for x, y in ((-0.3, -0.08), (0.14, 0.06)):
        pen.add(moved(ellipse(-0.02, -0.85, 0.28, 0.07), x, y), darker(pen.main, 0.55), depth=0.05)
        pen.add(moved(boot, x, y), pen.cloth(1.1), depth=0.3, lift=0.3)
        pen.add(moved(sole, x, y), dark, depth=0.06, lift=0.1)
        pen.add(moved(tube([(-0.29, -0.8), (0.25, -0.8)], 0.09), x, y), pen.trim, depth=0.08, lift=0.1)


def slippers(pen: Pen) -> None:
    """A pair of slippers from above."""
    pen.ground = "flat"
    pen.split = -0.3
    sole = rounded(
        (-0.26, -0.5, 0.3),
        (0, -0.95, 0.35),
        (0.28, -0.5, 0.3),
        (0.2, 0.2, 0.3),
        (0.26, 0.7, 0.25),
        (0, 0.97, 0.3),
        (-0.26, 0.7, 0.25),
        (-0.2, 0.2, 0.3),
    )
    inner = moved(sole, scale=0.84)
    upper = rounded(
        (-0.3, -0.05, 0.06),
        (-0.33, -0.5, 0.25),
        (-0.1, -0.99, 0.3),
        (0.12, -0.99, 0.3),
        (0.33, -0.5, 0.25),
        (0.3, -0.05, 0.06),
        (0, -0.2, 0.3),
    )
    for side in (-1, 1):
        pen.add(moved(sole, side * 0.4, 0, angle=side * 5), darker(WOOD, 0.25), depth=0.12, material="rubber")
        pen.add(moved(inner, side * 0.4, 0, angle=side * 5), lighter(WOOD, 0.55), depth=0.1, lift=0, material="plush")
        pen.add(moved(upper, side * 0.4, 0, angle=side * 5), depth=0.3, lift=0.4)
        pen.add(
            moved(tube([(-0.29, -0.07), (0, -0.17), (0.29, -0.07)], 0.08), side * 0.4, 0, angle=side * 5),
            pen.trim,
            depth=0.08,
            lift=0.1,
        )


KINDS = {"sneakers": sneaker, "wellies": wellies, "slippers": slippers}
