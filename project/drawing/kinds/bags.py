"""Bags and cases."""

import numpy as np

from ..outline import box, ellipse, mirrored, rounded, tube
from ..palette import BRASS, INK, STEEL, darker, lighter
from ..pen import Pen


def backpack(pen: Pen) -> None:
    """A backpack with a front pocket."""
    pen.split = 0.12
    strap = darker(pen.main, 0.4) if pen.main.mean() > 0.3 else lighter(pen.main, 0.25)
    pen.add(tube([(-0.12, -0.78), (-0.1, -0.96), (0.1, -0.96), (0.12, -0.78)], 0.07), strap, depth=0.07)
    for side in (1, -1):
        pen.add(
            tube([(side * 0.5, -0.5), (side * 0.72, -0.1), (side * 0.66, 0.5), (side * 0.5, 0.74)], 0.13),
            strap,
            depth=0.1,
        )
    pen.add(
        mirrored((0, -0.84, 0.5), (0.5, -0.8, 0.5), (0.6, -0.2, 0.3), (0.62, 0.84, 0.22), (0, 0.9, 0.4)), depth=0.45
    )
    pen.add(
        tube([(-0.52, -0.2), (-0.4, -0.56), (0, -0.68), (0.4, -0.56), (0.52, -0.2)], 0.03), strap, depth=0.03, lift=0.2
    )
    pen.add(mirrored((0.44, 0.16, 0.08), (0.46, 0.72, 0.14), (0, 0.76, 0.3)), pen.cloth(), depth=0.22, lift=0.4)
    pen.add(tube([(-0.42, 0.2), (0.42, 0.2)], 0.035), strap, depth=0.03, lift=0.1)
    pen.add(tube([(0.34, 0.2), (0.35, 0.34)], 0.035), BRASS, depth=0.03, lift=0.3, material="steel")
    pen.add(box(0, -0.1, 0.24, 0.12, 0.02), strap, depth=0.05, lift=0.2, material="leather")


def tote(pen: Pen) -> None:
    """A cloth bag with two long handles."""
    pen.ground = "hanging"
    pen.split = 0.3
    long = pen.style.uniform(0.8, 1.0)
    handle = [(-0.3, -0.15), (-0.24, -long), (0.24, -long), (0.3, -0.15)]
    strap = pen.trim
    pen.add(tube(handle, 0.09), darker(strap, 0.25), depth=0.08)
    pen.add(rounded((-0.6, -0.26, 0.02), (0.6, -0.26, 0.02), (0.66, 0.86, 0.06), (-0.66, 0.86, 0.06)), depth=0.3)
    pen.add(tube([(-0.58, -0.22), (0.58, -0.22)], 0.07), pen.trim, depth=0.06, lift=0.1)
    for side in (1, -1):
        pen.add(
            tube([(side * 0.3, 0.0), (side * 0.29, -0.3), (side * 0.2, -long + 0.12), (0, -long + 0.06)], 0.09),
            strap,
            depth=0.08,
            lift=0.3,
        )


def suitcase(pen: Pen) -> None:
    """A suitcase on wheels, its handle out."""
    pen.split = 0.15
    for side in (1, -1):
        pen.add(tube([(side * 0.22, -0.6), (side * 0.22, -0.98)], 0.045), STEEL, "lathe", material="steel")
        pen.add(ellipse(side * 0.4, 0.9, 0.09, 0.1), INK, depth=0.08, material="rubber")
    pen.add(box(0, -0.97, 0.56, 0.09, 0.04), INK, depth=0.06, material="plastic")
    pen.add(box(0, 0.14, 1.16, 1.42, 0.16), depth=0.25)
    for x in (-0.36, -0.12, 0.12, 0.36):
        pen.add(tube([(x, -0.42), (x, 0.7)], 0.022), darker(pen.main, 0.14), "flat", lift=0.25)
    for x, y in ((-0.5, -0.48), (0.5, -0.48), (-0.5, 0.76), (0.5, 0.76)):
        pen.add(ellipse(x, y, 0.1), pen.trim, depth=0.08, lift=0.2)
    pen.add(tube([(-0.2, -0.5), (-0.14, -0.6), (0.14, -0.6), (0.2, -0.5)], 0.055), INK, depth=0.06, lift=0.3)
    pen.add(tube([(0.57, -0.3), (0.57, 0.6)], 0.03), STEEL, "flat", lift=0.1, material="steel")


def handbag(pen: Pen) -> None:
    """A handbag with a flap and a clasp."""
    pen.split = 0.2
    pen.add(
        tube([(-0.42, -0.1), (-0.36, -0.68), (0, -0.9), (0.36, -0.68), (0.42, -0.1)], 0.085),
        darker(pen.main, 0.25),
        depth=0.08,
    )
    pen.add(mirrored((0.55, -0.2, 0.1), (0.78, 0.7, 0.2), (0, 0.78, 0.6)), depth=0.4)
    flap = mirrored((0.56, -0.24, 0.1), (0.62, 0.12, 0.2), (0, 0.32, 0.5))
    pen.add(flap, pen.trim if pen.spec.pattern == "plain" else pen.cloth(), depth=0.2, lift=0.45)
    pen.add(box(0, 0.2, 0.17, 0.15, 0.03), BRASS, depth=0.06, lift=0.4, material="steel")
    for side in (1, -1):
        pen.add(ellipse(side * 0.43, -0.13, 0.07), BRASS, depth=0.05, lift=0.2, material="steel")
        pen.add(ellipse(side * 0.43, -0.13, 0.035), darker(pen.main, 0.3), depth=0.05, lift=0)
    pen.add(
        tube([(-0.72, 0.68), *[(x, 0.74) for x in np.linspace(-0.4, 0.4, 3)], (0.72, 0.68)], 0.03),
        pen.trim,
        depth=0.03,
        lift=0.1,
    )


KINDS = {"backpack": backpack, "tote bag": tote, "suitcase": suitcase, "handbag": handbag}
