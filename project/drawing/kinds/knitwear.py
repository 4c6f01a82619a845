"""Knitted things to keep warm in."""

import numpy as np

from ..outline import box, curve, ellipse, flipped, mirrored, moved, rounded, tube
from ..palette import darker, lighter
from ..pen import Pen


def ribs(pen: Pen, x: float, y: float, width: float, height: float, count: int, angle: float = 0) -> None:
    """A knitted border with upright ribs."""
    pen.add(moved(box(0, 0, width, height, 0.04), x, y, angle=angle), pen.trim, depth=0.09, lift=0.2)
    for i in np.linspace(-0.46, 0.46, count):
        rib = moved(box(i * width, 0, width / count * 0.3, height * 0.9, 0.01), x, y, angle=angle)
        pen.add(rib, darker(pen.trim, 0.14), "flat", lift=0)


def jumper(pen: Pen) -> None:
    """A jumper with ribbed borders."""
    pen.ground = "flat"
    pen.split = 0.1
    arm = rounded((0.36, -0.7, 0.05), (0.6, -0.64, 0.16), (0.92, 0.5, 0.05), (0.64, 0.58, 0.05), (0.46, -0.15, 0.05))
    for side, turn in ((1, -16), (-1, 16)):
        pen.add(arm if side > 0 else flipped(arm), depth=0.3, lift=0.1)
        ribs(pen, side * 0.8, 0.6, 0.3, 0.18, 7, turn)
    pen.add(ellipse(0, -0.72, 0.22, 0.09), darker(pen.main, 0.4), depth=0.08)
    body = mirrored((0.22, -0.76, 0.03), (0.5, -0.68, 0.14), (0.56, -0.3, 0.1), (0.55, 0.66, 0.1), (0, 0.68, 0.3))
    pen.add(np.concatenate([body, curve((-0.22, -0.76), (0, -0.62), (0.22, -0.76))]), depth=0.35, lift=0.2)
    ribs(pen, 0, 0.74, 1.06, 0.2, 21)
    pen.add(tube([(-0.23, -0.77), (-0.14, -0.66), (0, -0.62), (0.14, -0.66), (0.23, -0.77)], 0.1), pen.trim, depth=0.09)


def beanie(pen: Pen) -> None:
    """A woolly hat, often with a bobble."""
    pen.ground = "flat"
    pen.split = -0.15
    bobble = pen.style.random() < 0.7
    if bobble:
        pen.add(
            ellipse(0, -0.86, 0.24),
            lighter(pen.second, 0.05) if pen.spec.second else pen.trim,
            depth=0.5,
            material="plush",
        )
    pen.add(mirrored((0, -0.74, 0.4), (0.5, -0.7, 0.5), (0.68, 0.0, 0.3), (0.7, 0.5, 0.03)), depth=0.7)
    ribs(pen, 0, 0.5, 1.46, 0.4, 17)


def scarf(pen: Pen) -> None:
    """A scarf in a loop, its fringed ends hanging."""
    pen.ground = "flat"
    pen.split = 0.2
    for x, angle in ((-0.3, 5), (0.28, -4)):
        for i in np.linspace(-0.17, 0.17, 8):
            strand = moved(tube([(i, 0.62), (i * 1.1, 0.8), (i * 1.15, 0.92)], 0.028), x, 0, angle=angle)
            pen.add(strand, pen.main, depth=0.03, lift=0.15)
        end = moved(
            rounded((-0.18, -0.7, 0.05), (0.18, -0.7, 0.05), (0.21, 0.66, 0.03), (-0.21, 0.66, 0.03)), x, 0, angle=angle
        )
        pen.add(end, pen.cloth(angle=angle), depth=0.2, lift=0.3)
    pen.add(tube([(-0.33, -0.5), (-0.3, -0.82), (0, -0.96), (0.3, -0.82), (0.32, -0.5)], 0.36), depth=0.25)
    pen.add(
        tube([(-0.34, -0.55), (-0.1, -0.42), (0.18, -0.4), (0.38, -0.52)], 0.34),
        pen.cloth(angle=8),
        depth=0.25,
        lift=0.4,
    )


def socks(pen: Pen) -> None:
    """A pair of socks."""
    pen.ground = "flat"
    pen.split = -0.1
    high = pen.style.uniform(0.7, 0.95)
    sock = rounded(
        (-0.22, -high, 0.03),
        (0.2, -high, 0.03),
        (0.22, 0.2, 0.3),
        (0.7, 0.5, 0.3),
        (0.78, 0.86, 0.2),
        (0.4, 0.92, 0.2),
        (-0.1, 0.66, 0.3),
        (-0.26, 0.3, 0.25),
    )
    toe = rounded((0.5, 0.4, 0.04), (0.74, 0.46, 0.2), (0.8, 0.88, 0.2), (0.38, 0.93, 0.1))
    for x, y, angle in ((-0.42, -0.06, 7), (0.22, 0.06, 0)):
        pen.add(moved(sock, x, y, angle=angle), pen.cloth(0.9, angle=angle), depth=0.25, lift=0.35)
        pen.add(moved(toe, x, y, angle=angle), pen.trim, depth=0.2, lift=0.0)
        pen.add(moved(box(-0.01, -high + 0.08, 0.44, 0.2, 0.04), x, y, angle=angle), pen.trim, depth=0.1, lift=0.1)


def mittens(pen: Pen) -> None:
    """A pair of mittens, thumbs together."""
    pen.ground = "flat"
    pen.split = -0.05
    hand = rounded(
        (-0.3, 0.4, 0.03),
        (-0.36, -0.3, 0.3),
        (-0.2, -0.85, 0.35),
        (0.22, -0.85, 0.35),
        (0.3, -0.2, 0.2),
        (0.28, 0.4, 0.03),
    )
    thumb = tube([(0.2, 0.1), (0.4, -0.12), (0.46, -0.32)], 0.26, 0.22)
    for side, angle in ((-1, -6), (1, 6)):
        for shape in (thumb, hand):
            placed = moved(shape if side < 0 else flipped(shape), side * 0.52, 0, angle=angle)
            pen.add(placed, depth=0.28, lift=0.15)
        ribs(pen, side * 0.52 - angle * 0.01, 0.56, 0.54, 0.34, 9, angle)


KINDS = {"jumper": jumper, "beanie": beanie, "scarf": scarf, "socks": socks, "mittens": mittens}
