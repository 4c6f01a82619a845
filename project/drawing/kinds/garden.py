"""Garden, balcony and rain."""

import numpy as np

from ..outline import box, curve, ellipse, moved, rounded, tube, turned
from ..palette import INK, LEAF, STEEL, WOOD, darker, lighter, rgb
from ..pen import Pen


def plant_pot(pen: Pen) -> None:
    """A plant in its pot."""
    pen.split = 0.45
    for angle, long in ((-62, 0.7), (-35, 0.92), (-12, 1.0), (14, 1.02), (38, 0.86), (64, 0.66)):
        leaf = moved(
            rounded((0, 0, 0.02), (0.13, -0.5 * long, 0.4), (0, -long, 0.02), (-0.13, -0.5 * long, 0.4)),
            0,
            -0.02,
            angle=angle,
        )
        tone = lighter(LEAF, pen.style.uniform(0, 0.25)) if angle % 4 else darker(LEAF, 0.15)
        pen.add(leaf, tone, depth=0.12, lift=0.2, material="paper")
    pen.add(ellipse(0, 0.04, 0.5, 0.11), rgb("5a4032"), "flat", material="foam")
    pen.add(turned((0.5, 0.2), (0.38, 0.92), tilt=0.16), pen.cloth(1.0), "lathe", lift=0)
    rim = turned((0.56, 0.04), (0.55, 0.22), tilt=0.18)
    front = rim[rim[:, 1] >= 0.04]
    lip = np.concatenate([front, ellipse(0, 0.04, 0.56, 0.1, 180, 0)])
    pen.add(lip, pen.cloth(1.0), "lathe", lift=0.35)


def watering_can(pen: Pen) -> None:
    """A watering can with a long spout."""
    pen.split = 0.2
    pen.add(tube([(-0.3, -0.35), (-0.5, -0.82), (-0.9, -0.6), (-0.82, 0.1), (-0.5, 0.4)], 0.09), pen.main, depth=0.08)
    pen.add(tube([(0.3, 0.42), (0.7, -0.1), (0.98, -0.5)], 0.18, 0.11), pen.main, depth=0.1)
    pen.add(
        rounded((0.86, -0.4, 0.02), (1.08, -0.7, 0.04), (1.22, -0.5, 0.04), (1.02, -0.36, 0.02)), pen.trim, depth=0.08
    )
    pen.add(turned((0.42, -0.34), (0.5, 0.1), (0.5, 0.66), tilt=0.2), pen.cloth(1.0), "lathe", lift=0.2)
    pen.add(ellipse(0, -0.34, 0.42, 0.085), darker(pen.main, 0.45), "flat", lift=0)
    pen.add(rounded((-0.42, -0.34, 0.02), (0.1, -0.44, 0.1), (0.1, -0.28, 0.1)), pen.trim, depth=0.06, lift=0.1)


def umbrella(pen: Pen) -> None:
    """An open umbrella."""
    pen.ground = "hanging"
    pen.split = -0.2
    handle = darker(WOOD, 0.25)
    pen.add(
        tube([(0, -0.9), (0, 0.0), (0, 0.82), (0.06, 0.98), (0.2, 1.0), (0.27, 0.86)], 0.06),
        handle,
        depth=0.05,
        material="wood",
    )
    pen.add(tube([(0, -0.98), (0, -0.78)], 0.04), STEEL, "lathe", material="steel")
    ends = np.linspace(-1, 1, 5)
    hem = np.concatenate(
        [curve((b, 0.08), ((a + b) / 2, -0.05), (a, 0.08)) for a, b in zip(ends[::-1][1:], ends[::-1], strict=False)]
    )
    pen.add(np.concatenate([ellipse(0, 0.08, 1.0, 0.92, 180, 360), hem]), pen.cloth(1.2), depth=0.6, lift=0.1)
    for x in (-0.5, 0, 0.5):
        pen.add(tube([(0, -0.83), (x * 0.7, -0.5), (x, 0.06)], 0.014), darker(pen.main, 0.25), "flat", lift=0.25)


def birdhouse(pen: Pen) -> None:
    """A birdhouse with a wooden roof."""
    pen.ground = "hanging"
    pen.split = 0.3
    pen.add(tube([(0, -0.8), (0.05, -1.0), (-0.05, -1.0), (0, -0.8)], 0.03), INK, "flat")
    pen.add(
        rounded((-0.5, -0.2), (0, -0.72), (0.5, -0.2), (0.46, 0.8, 0.02), (-0.46, 0.8, 0.02)),
        pen.cloth(1.0),
        depth=0.08,
    )
    roof = darker(WOOD, pen.style.uniform(0.1, 0.4))
    for side in (1, -1):
        slope = rounded((0, -0.88, 0.01), (side * 0.7, -0.16, 0.03), (side * 0.6, -0.04, 0.03), (0, -0.68, 0.01))
        pen.add(slope, pen.grained(roof, 45 * side), depth=0.05, lift=0.4, material="wood")
    pen.add(ellipse(0, 0.02, 0.2), darker(WOOD, 0.1), depth=0.05, lift=0.2, material="wood")
    pen.add(ellipse(0, 0.02, 0.155), rgb("2b211b"), "flat", lift=0)
    pen.add(tube([(0, 0.36), (0.02, 0.42)], 0.07), lighter(WOOD, 0.2), depth=0.05, lift=0.5, material="wood")
    pen.add(box(0, 0.83, 1.06, 0.1, 0.02), roof, depth=0.05, lift=0.2, material="wood")


def deckchair(pen: Pen) -> None:
    """A deckchair, half from the front."""
    pen.split = -0.1
    frame = lighter(WOOD, 0.1)
    behind = darker(frame, 0.2)
    for ends in ([(0.72, -0.2), (-0.12, 0.9)], [(0.02, 0.1), (-0.82, 0.98)]):
        pen.add(tube(ends, 0.075), pen.grained(behind, -50), depth=0.06, material="wood")
    for ends in ([(-0.78, -0.92), (0.2, 0.98)], [(0.0, -1.0), (0.98, 0.84)]):
        pen.add(tube(ends, 0.075), pen.grained(frame, 60), depth=0.06, material="wood")
    left, right = (
        curve((-0.72, -0.9), (-0.5, -0.2), (-0.24, 0.4), (0.14, 0.72)),
        curve((0.0, -0.98), (0.2, -0.3), (0.46, 0.26), (0.9, 0.58)),
    )
    pen.add(np.concatenate([left, right[::-1]]), pen.cloth(0.95, angle=-7), depth=0.2, lift=0.35)
    for ends in ([(-0.84, -0.9), (0.06, -1.0)], [(0.08, 0.76), (0.96, 0.6)]):
        pen.add(tube(ends, 0.085), pen.grained(frame), depth=0.06, material="wood")


KINDS = {
    "plant pot": plant_pot,
    "watering can": watering_can,
    "umbrella": umbrella,
    "birdhouse": birdhouse,
    "deckchair": deckchair,
}
