"""Lamps and other things that make a room."""

import numpy as np

from ..outline import box, ellipse, moved, rounded, tube, turned
from ..palette import BRASS, INK, PAPER, STEEL, WOOD, darker, lighter, rgb
from ..pen import Pen


def table_lamp(pen: Pen) -> None:
    """A table lamp that is switched on."""
    pen.split = -0.42
    foot = BRASS if pen.style.random() < 0.5 else WOOD
    pen.add(turned((0.34, 0.86), (0.36, 0.92), tilt=0.25), foot, "lathe", material="steel")
    if pen.style.random() < 0.5:
        pen.add(turned((0.1, 0.1), (0.3, 0.5), (0.14, 0.86), tilt=0.2), darker(foot, 0.1), "lathe", material="ceramic")
    pen.add(tube([(0, -0.2), (0, 0.86)], 0.075), foot, "lathe", material="steel")
    top = pen.style.uniform(0.26, 0.42)
    pen.add(ellipse(0, 0.08, 0.62, 0.1), rgb("ffe9b8"), "flat")
    pen.add(turned((top, -0.9), (0.62, 0.06), tilt=0.15), pen.cloth(1.05), "lathe")
    pen.add(ellipse(0, -0.9, top, top * 0.15), rgb("fff3d2"), "flat", lift=0)


def pendant_lamp(pen: Pen) -> None:
    """A lamp hanging on its cord."""
    pen.ground = "hanging"
    pen.split = 0.32
    pen.add(tube([(0, -1.1), (0, -0.25)], 0.025), INK, "flat")
    pen.add(turned((0.09, -0.36), (0.12, -0.16), tilt=0.2), BRASS, "lathe", material="steel")
    pen.add(ellipse(0, 0.62, 0.8, 0.15), rgb("ffe7b0"), "flat")
    pen.add(ellipse(0, 0.62, 0.2, 0.1), rgb("fffbe8"), "flat", lift=0)
    if pen.style.random() < 0.5:
        pen.add(turned((0.12, -0.18), (0.5, 0.0), (0.74, 0.3), (0.8, 0.6), tilt=0.03), pen.cloth(1.1), "lathe", lift=0)
    else:
        pen.add(turned((0.14, -0.18), (0.8, 0.6), tilt=0.03), pen.cloth(1.1), "lathe", lift=0)


def vase(pen: Pen) -> None:
    """A vase, sometimes with twigs in it."""
    pen.split = 0.3
    if pen.style.random() < 0.55:
        for x, y in ((-0.22, -0.98), (0.06, -1.12), (0.28, -0.92)):
            pen.add(tube([(0, -0.3), (x * 0.6, -0.7), (x, y)], 0.022), rgb("8a8f5c"), "flat", material="paper")
            for i in np.linspace(0, 1, 6):
                leaf = moved(
                    ellipse(0.09, 0, 0.09, 0.032),
                    x * (0.45 + 0.55 * i),
                    -0.6 + (y + 0.6) * i,
                    angle=-60 + 240 * (round(i * 5) % 2),
                )
                pen.add(leaf, rgb("8ea37c"), depth=0.05, lift=0.1, material="paper")
    wide, neck = pen.style.uniform(0.42, 0.56), pen.style.uniform(0.14, 0.26)
    pen.add(
        turned(
            (neck + 0.06, -0.42),
            (neck, -0.24),
            (wide * 0.8, 0.02),
            (wide, 0.34),
            (wide * 0.86, 0.68),
            (0.28, 0.95),
            tilt=0.18,
        ),
        pen.cloth(1.1),
        "lathe",
        lift=0.3,
    )
    pen.add(ellipse(0, -0.42, neck + 0.06, (neck + 0.06) * 0.2), darker(pen.main, 0.45), "flat", lift=0)


def clock(pen: Pen) -> None:
    """A round clock, the hands a little before two."""
    pen.ground = "hanging"
    pen.split = 0.0
    pen.add(ellipse(0, 0, 0.95), pen.trim, depth=0.12)
    pen.add(ellipse(0, 0, 0.82), pen.cloth(1.1), depth=0.06, lift=0.3)
    hand = INK if pen.main.mean() > 0.45 else PAPER
    for hour in range(12):
        angle = np.radians(30 * hour)
        long = 0.1 if hour % 3 == 0 else 0.05
        ends = [(np.sin(angle) * r, -np.cos(angle) * r) for r in (0.74 - long, 0.74)]
        pen.add(tube(ends, 0.045), hand, "flat", lift=0.1)
    for turn, long, width in ((pen.style.uniform(290, 320), 0.42, 0.07), (pen.style.uniform(40, 70), 0.62, 0.05)):
        angle = np.radians(turn)
        pen.add(tube([(0, 0), (np.sin(angle) * long, -np.cos(angle) * long)], width), hand, "flat", lift=0.35)
    pen.add(ellipse(0, 0, 0.06), BRASS, depth=0.05, lift=0.3, material="steel")


def cushion(pen: Pen) -> None:
    """A cushion, square or round."""
    pen.ground = "flat"
    pen.split = 0.05
    if pen.style.random() < 0.25:
        shape = ellipse(0, 0, 0.85)
    else:
        shape = rounded(
            (-0.9, -0.88, 0.1),
            (0, -0.78, 0.9),
            (0.9, -0.88, 0.1),
            (0.8, 0, 0.9),
            (0.9, 0.88, 0.1),
            (0, 0.78, 0.9),
            (-0.9, 0.88, 0.1),
            (-0.8, 0, 0.9),
        )
    pen.add(moved(shape, scale=1.03), pen.trim, depth=0.1)
    pen.add(shape, depth=0.7, lift=0.1)


def rug(pen: Pen) -> None:
    """A rug with fringes and a border."""
    pen.ground = "flat"
    pen.zoom = 1.15
    pen.split = 0.05
    for side in (-1, 1):
        for y in np.linspace(-0.62, 0.62, 22):
            pen.add(tube([(side * 0.95, y), (side * 1.08, y + 0.01)], 0.03), lighter(pen.main, 0.45), "flat", lift=0.1)
    pen.add(box(0, 0, 1.94, 1.34, 0.03), pen.trim, depth=0.05)
    pen.add(box(0, 0, 1.74, 1.16, 0.02), pen.cloth(1.15), "flat", lift=0.08)


def candle(pen: Pen) -> None:
    """A burning candle on a plate."""
    pen.split = 0.2
    pen.zoom = 0.95
    pen.add(tube([(0, -0.4), (0.01, -0.62)], 0.025), INK, "flat")
    pen.add(
        rounded((0, -1.0, 0.05), (0.11, -0.72, 0.2), (0, -0.56, 0.2), (-0.11, -0.72, 0.2)),
        rgb("ffc857"),
        "flat",
        lift=0,
    )
    pen.add(
        rounded((0, -0.86, 0.05), (0.055, -0.7, 0.1), (0, -0.6, 0.1), (-0.055, -0.7, 0.1)),
        rgb("fff4cf"),
        "flat",
        lift=0,
    )
    pen.add(turned((0.42, -0.4), (0.42, 0.7), tilt=0.22), pen.cloth(1.1), "lathe")
    pen.add(ellipse(0, -0.4, 0.42, 0.092), lighter(pen.main, 0.35), depth=0.05, lift=0)
    pen.add(ellipse(0, -0.385, 0.3, 0.055), lighter(pen.main, 0.15), "flat", lift=0)
    pen.add(turned((0.58, 0.74), (0.56, 0.78), (0.44, 0.84), tilt=0.26), STEEL, "lathe", lift=0, material="steel")
    pen.parts.insert(0, pen.parts.pop())


KINDS = {
    "table lamp": table_lamp,
    "pendant lamp": pendant_lamp,
    "vase": vase,
    "wall clock": clock,
    "cushion": cushion,
    "rug": rug,
    "candle": candle,
}
