"""Paper, pens and presents."""

import numpy as np

from ..outline import box, ellipse, moved, rounded, tube
from ..palette import BRASS, INK, PAPER, darker, lighter, rgb
from ..pen import Pen


def notebook(pen: Pen) -> None:
    """A notebook, bound or on a spiral."""
    pen.ground = "flat"
    pen.split = 0.1
    for shift in (0.05, 0.025):
        pen.add(box(shift, shift, 1.26, 1.74, 0.04), darker(PAPER, shift * 2), "flat", material="paper")
    pen.add(box(0, 0, 1.26, 1.74, 0.06), pen.cloth(1.05), depth=0.06)
    if pen.style.random() < 0.5:
        pen.add(box(-0.55, 0, 0.16, 1.74, 0.02), pen.trim, depth=0.05, lift=0.15)
        pen.add(tube([(0.45, -0.87), (0.45, 0.87)], 0.05), darker(pen.trim, 0.3), depth=0.04, lift=0.3)
    else:
        for y in np.linspace(-0.74, 0.74, 15):
            pen.add(ellipse(-0.55, y, 0.025), INK, "flat", lift=0)
            pen.add(
                tube([(-0.55, y), (-0.66, y - 0.015), (-0.69, y + 0.01)], 0.028),
                rgb("9aa0a6"),
                depth=0.03,
                lift=0.2,
                material="steel",
            )
    if pen.style.random() < 0.6:
        pen.add(box(0.05, -0.3, 0.6, 0.34, 0.03), PAPER, "flat", lift=0.12, material="paper")
        for y in (-0.36, -0.26):
            pen.add(tube([(-0.14, y), (0.24, y)], 0.014), rgb("b9b4aa"), "flat", lift=0)


def pencil_case(pen: Pen) -> None:
    """A zipped case with pens looking out."""
    pen.ground = "flat"
    pen.split = 0.1
    pen.zoom = 1.05
    for y, colour in ((-0.1, "e0a030"), (0.1, "4a7fb5")):
        pen.add(tube([(0.6, y - 0.1), (1.1, y - 0.3)], 0.07), rgb(colour), depth=0.05)
    pen.add(rounded((-1.0, -0.36, 0.2), (1.0, -0.36, 0.2), (1.02, 0.42, 0.2), (-1.02, 0.42, 0.2)), depth=0.4)
    pen.add(tube([(-0.9, -0.18), (0.9, -0.18)], 0.07), darker(pen.main, 0.4), depth=0.04, lift=0.15)
    pen.add(tube([(-0.9, -0.18), (0.9, -0.18)], 0.02), BRASS, "flat", lift=0, material="steel")
    pen.add(tube([(0.66, -0.18), (0.74, 0.04)], 0.06), BRASS, depth=0.04, lift=0.35, material="steel")


def gift_box(pen: Pen) -> None:
    """A box with a ribbon and a bow."""
    pen.split = 0.3
    ribbon = (
        pen.second if pen.spec.second else darker(pen.main, 0.35) if pen.main.mean() > 0.45 else lighter(pen.main, 0.5)
    )
    pen.add(box(0, 0.3, 1.36, 1.2, 0.03), pen.cloth(1.0), depth=0.06)
    pen.add(box(0, 0.3, 0.2, 1.2, 0.0), ribbon, depth=0.05, lift=0.15, material="nylon")
    pen.add(box(0, -0.26, 1.5, 0.3, 0.03), pen.cloth(1.0), depth=0.07, lift=0.4)
    pen.add(box(0, -0.26, 0.22, 0.3, 0.0), ribbon, depth=0.05, lift=0.1, material="nylon")
    for side in (1, -1):
        loop = [
            (side * 0.02, -0.42),
            (side * 0.3, -0.78),
            (side * 0.56, -0.66),
            (side * 0.4, -0.46),
            (side * 0.02, -0.42),
        ]
        pen.add(tube(loop, 0.13), ribbon, depth=0.1, lift=0.2, material="nylon")
    pen.add(ellipse(0, -0.44, 0.12, 0.1), darker(ribbon, 0.12), depth=0.1, material="nylon")


def pencils(pen: Pen) -> None:
    """Four pencils in a fan."""
    pen.ground = "flat"
    pen.split = 0.1
    for i, angle in enumerate((-14, -5, 5, 14)):
        x = -0.5 + i * 0.33
        for outline, paint, form in (
            (box(0, 0.05, 0.2, 1.4, 0.01), pen.cloth(0.75), "lathe"),
            (rounded((-0.1, -0.65), (0.1, -0.65), (0.03, -0.92), (-0.03, -0.92)), rgb("e2bd8b"), "lathe"),
            (rounded((-0.032, -0.91), (0.032, -0.91), (0, -1.02)), pen.main, "flat"),
            (box(0, 0.77, 0.21, 0.12, 0.01), rgb("b9bec4"), "lathe"),
            (box(0, 0.87, 0.19, 0.14, 0.04), rgb("e79aa5"), "lathe"),
        ):
            pen.add(moved(outline, x, 0, angle=angle), paint, form, depth=0.08, lift=0.25)


KINDS = {"notebook": notebook, "pencil case": pencil_case, "gift box": gift_box, "pencils": pencils}
