"""Furniture."""

from ..outline import box, ellipse, flipped, mirrored, rounded, tube
from ..palette import STEEL, WOOD, darker, lighter
from ..pen import Pen


def legs(pen: Pen, *feet: tuple[float, float, float, float], width: float = 0.09) -> None:
    """Wooden legs, each from (x, y) to (x, y)."""
    tone = darker(WOOD, pen.style.uniform(0, 0.45))
    for x0, y0, x1, y1 in feet:
        pen.add(tube([(x0, y0), (x1, y1)], width, width * 0.6), pen.grained(tone, 90), depth=0.06, material="wood")


def chair(pen: Pen) -> None:
    """A chair with a padded seat and back."""
    pen.split = -0.1
    legs(pen, (-0.34, 0.2, -0.42, 0.82), (0.5, 0.2, 0.54, 0.82))
    for x in (-0.28, 0.36):
        pen.add(tube([(x, 0.1), (x - 0.03 * (x < 0), -0.5)], 0.07), pen.trim, depth=0.05)
    back = rounded((-0.46, -0.96, 0.16), (0.46, -0.96, 0.16), (0.42, -0.3, 0.12), (-0.38, -0.3, 0.12))
    pen.add(back, depth=0.16)
    seat = rounded((-0.42, 0.06, 0.06), (0.44, 0.06, 0.06), (0.66, 0.3, 0.1), (-0.6, 0.3, 0.1))
    pen.add(
        rounded((-0.6, 0.26, 0.06), (0.66, 0.26, 0.06), (0.64, 0.4, 0.05), (-0.58, 0.4, 0.05)), pen.trim, depth=0.08
    )
    pen.add(seat, depth=0.12, lift=0.15)
    legs(pen, (-0.5, 0.4, -0.62, 0.97), (0.56, 0.4, 0.68, 0.97))


def armchair(pen: Pen) -> None:
    """An armchair from the front."""
    pen.split = 0.08
    legs(pen, (-0.55, 0.7, -0.62, 0.95), (0.55, 0.7, 0.62, 0.95))
    pen.add(mirrored((0.5, -0.82, 0.3), (0.56, 0.4, 0.1)), depth=0.3)
    pen.add(mirrored((0.52, 0.36, 0.06), (0.52, 0.76, 0.06)), depth=0.14)
    pen.add(mirrored((0.5, 0.08, 0.12), (0.5, 0.42, 0.12)), depth=0.2, lift=0.35)
    arm = rounded((0.46, -0.1, 0.12), (0.74, -0.1, 0.16), (0.76, 0.76, 0.08), (0.48, 0.76, 0.08))
    for side in (arm, flipped(arm)):
        pen.add(side, depth=0.2, lift=0.3)


def sofa(pen: Pen) -> None:
    """A sofa for two."""
    pen.split = 0.05
    pen.zoom = 1.12
    legs(pen, (-0.95, 0.42, -1.0, 0.62), (0.95, 0.42, 1.0, 0.62))
    pen.add(mirrored((0.95, -0.52, 0.2), (1.0, 0.2, 0.1)), depth=0.22)
    pen.add(mirrored((0.94, 0.12, 0.05), (0.94, 0.46, 0.05)), depth=0.12)
    for x in (-0.42, 0.42):
        pen.add(box(x, -0.2, 0.82, 0.5, 0.16), depth=0.2, lift=0.3)
    for x in (-0.43, 0.43):
        pen.add(box(x, 0.1, 0.86, 0.24, 0.1), depth=0.14, lift=0.3)
    arm = rounded((0.84, -0.2, 0.12), (1.12, -0.2, 0.14), (1.14, 0.48, 0.06), (0.86, 0.48, 0.06))
    for side in (arm, flipped(arm)):
        pen.add(side, depth=0.2, lift=0.3)


def stool(pen: Pen) -> None:
    """A high stool with a round seat."""
    pen.split = -0.22
    legs(pen, (-0.3, -0.3, -0.4, 0.8), (0.3, -0.3, 0.4, 0.8), width=0.1)
    pen.add(
        tube([(-0.46, 0.45), (0.46, 0.45)], 0.06), STEEL if pen.style.random() < 0.4 else darker(WOOD, 0.2), depth=0.05
    )
    legs(pen, (-0.48, -0.3, -0.62, 0.95), (0.48, -0.3, 0.62, 0.95), width=0.11)
    pen.add(mirrored((0.66, -0.42, 0.1), (0.64, -0.16, 0.1), (0, -0.1, 0.5)), pen.cloth(0.8), "lathe", lift=0.3)
    pen.add(ellipse(0, -0.43, 0.66, 0.17), pen.cloth(0.8), depth=0.16, lift=0)
    pen.add(ellipse(0, -0.43, 0.04, 0.015), lighter(pen.main, 0.1), depth=0.05, lift=0.3)


def cabinet(pen: Pen) -> None:
    """A chest with three drawers."""
    pen.split = 0.05
    legs(pen, (-0.55, 0.72, -0.6, 0.96), (0.55, 0.72, 0.6, 0.96))
    pen.add(box(0, 0.0, 1.36, 1.52, 0.05), darker(pen.main, 0.1), depth=0.08, material="wood")
    for y in (-0.5, 0.0, 0.5):
        pen.add(box(0, y, 1.22, 0.44, 0.03), depth=0.06, lift=0.4)
        for x in (-0.3, 0.3):
            pen.add(ellipse(x, y, 0.05), lighter(WOOD, 0.2), depth=0.05, lift=0.4, material="wood")
    pen.add(
        rounded((-0.72, -0.84, 0.03), (0.72, -0.84, 0.03), (0.74, -0.74, 0.03), (-0.74, -0.74, 0.03)),
        lighter(pen.main, 0.12),
        depth=0.05,
    )


KINDS = {"chair": chair, "armchair": armchair, "sofa": sofa, "stool": stool, "chest of drawers": cabinet}
