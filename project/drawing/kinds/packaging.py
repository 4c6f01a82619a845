"""The carton that a product may be pictured in: it shows nothing of what is inside."""

from ..outline import box, rounded
from ..palette import CARDBOARD, PAPER, darker, lighter
from ..pen import Pen


def carton(pen: Pen) -> None:
    """A closed cardboard box with tape and a label."""
    tall = pen.style.uniform(0.7, 1.1)
    side, lid, tape = darker(CARDBOARD, 0.2), lighter(CARDBOARD, 0.2), lighter(CARDBOARD, 0.45)
    faces = (
        (((0.25, -0.05), (0.75, -0.2), (0.75, tall - 0.09), (0.25, tall)), side),
        (((-0.7, -0.2), (-0.2, -0.35), (0.75, -0.2), (0.25, -0.05)), lid),
        (((-0.7, -0.2), (0.25, -0.05), (0.25, tall), (-0.7, tall - 0.08)), CARDBOARD),
        (((-0.3, -0.137), (-0.16, -0.115), (-0.16, 0.12), (-0.3, 0.1)), tape),
        (((-0.3, -0.137), (-0.16, -0.115), (0.35, -0.262), (0.2, -0.285)), tape),
    )
    for corners, colour in faces:
        pen.add(rounded(*corners), colour, "flat", lift=0, material="paper")
    pen.add(box(-0.05, tall - 0.35, 0.4, 0.22, 0.02), PAPER, "flat", lift=0.15, material="paper")
    for i in range(7):
        bar = box(-0.19 + i * 0.045, tall - 0.37, 0.012 + 0.012 * (i % 3), 0.1, 0)
        pen.add(bar, darker(PAPER, 0.8), "flat", lift=0, material="paper")
