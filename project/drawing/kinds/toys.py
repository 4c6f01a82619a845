"""Toys."""

from ..outline import box, ellipse, rounded, tube, turned
from ..palette import INK, PAPER, STEEL, darker, lighter, rgb
from ..pen import Pen


def teddy(pen: Pen) -> None:
    """A sitting teddy bear, at times with a bow tie."""
    pen.split = 0.2
    muzzle = lighter(pen.main, 0.45)
    for side in (1, -1):
        pen.add(ellipse(side * 0.34, -0.78, 0.18), depth=0.25)
        pen.add(ellipse(side * 0.34, -0.77, 0.1), muzzle, depth=0.1, lift=0.1)
        pen.add(tube([(side * 0.3, 0.0), (side * 0.6, 0.28)], 0.3, 0.26), depth=0.25)
    pen.add(ellipse(0, 0.3, 0.5, 0.52), pen.cloth(0.95), depth=0.6)
    for side in (1, -1):
        pen.add(ellipse(side * 0.48, 0.76, 0.24, 0.26), depth=0.35, lift=0.3)
        pen.add(ellipse(side * 0.49, 0.78, 0.14, 0.16), muzzle, depth=0.15, lift=0.1)
    pen.add(ellipse(0, -0.45, 0.5, 0.44), depth=0.55, lift=0.35)
    pen.add(ellipse(0, -0.32, 0.23, 0.18), muzzle, depth=0.2, lift=0.15)
    pen.add(ellipse(0, -0.41, 0.075, 0.055), INK, depth=0.06, lift=0.1, material="plastic")
    for side in (1, -1):
        pen.add(ellipse(side * 0.19, -0.56, 0.052), INK, depth=0.05, lift=0.15, material="glass")
        pen.add(tube([(0, -0.35), (side * 0.04, -0.27), (side * 0.12, -0.27)], 0.02), INK, "flat", lift=0)
    bow = pen.second if pen.spec.second else rgb("b23a48") if pen.main[0] < 0.6 else rgb("2f6f7e")
    if pen.style.random() < 0.6 and pen.spec.second:
        for side in (1, -1):
            pen.add(rounded((0, -0.02, 0.02), (side * 0.22, -0.13, 0.05), (side * 0.22, 0.11, 0.05)), bow, depth=0.08)
        pen.add(ellipse(0, -0.01, 0.06), darker(bow, 0.15), depth=0.06)


def toy_car(pen: Pen) -> None:
    """A little old-fashioned car."""
    pen.split = 0.12
    glass = rgb("bcd6de")
    body = rounded(
        (-0.98, 0.1, 0.15),
        (-0.6, -0.02, 0.1),
        (-0.36, -0.5, 0.2),
        (0.3, -0.5, 0.25),
        (0.56, -0.02, 0.12),
        (0.98, 0.12, 0.2),
        (1.0, 0.48, 0.1),
        (-1.0, 0.48, 0.1),
    )
    pen.add(body, pen.cloth(1.0), depth=0.28)
    pen.add(
        rounded((-0.42, -0.04, 0.04), (-0.28, -0.38, 0.08), (-0.04, -0.38, 0.04), (-0.04, -0.04, 0.04)),
        glass,
        depth=0.08,
        lift=0.1,
        material="glass",
    )
    pen.add(
        rounded((0.06, -0.04, 0.04), (0.06, -0.38, 0.04), (0.24, -0.38, 0.08), (0.42, -0.04, 0.04)),
        glass,
        depth=0.08,
        lift=0.1,
        material="glass",
    )
    pen.add(ellipse(0.92, 0.22, 0.075), rgb("fff0b3"), depth=0.06, lift=0.1, material="glass")
    pen.add(tube([(-0.98, 0.45), (0.98, 0.45)], 0.07), STEEL, depth=0.05, material="steel")
    for x in (-0.55, 0.55):
        pen.add(ellipse(x, 0.46, 0.25), INK, depth=0.14, lift=0.4, material="rubber")
        pen.add(ellipse(x, 0.46, 0.13), PAPER, depth=0.08, lift=0.1, material="plastic")
        pen.add(ellipse(x, 0.46, 0.05), pen.trim, depth=0.05, lift=0.1)


def kite(pen: Pen) -> None:
    """A kite with a tail of bows."""
    pen.ground = "hanging"
    pen.split = -0.2
    pen.add(tube([(0, 0.55), (0.14, 0.75), (-0.06, 0.92), (0.12, 1.12), (0.0, 1.25)], 0.02), INK, "flat")
    for x, y in ((0.12, 0.76), (-0.02, 0.95), (0.1, 1.14)):
        for side in (1, -1):
            pen.add(
                rounded((x, y, 0.01), (x + side * 0.13, y - 0.08, 0.02), (x + side * 0.13, y + 0.08, 0.02)),
                pen.second,
                depth=0.05,
            )
    pen.add(rounded((0, -1.0, 0.03), (0.66, -0.25, 0.03), (0, 0.62, 0.03), (-0.66, -0.25, 0.03)), depth=0.3)
    for ends in ([(0, -0.97), (0, 0.58)], [(-0.64, -0.25), (0.64, -0.25)]):
        pen.add(tube(ends, 0.026), lighter(rgb("b98a5a"), 0.2), depth=0.03, lift=0.3)


def spinning_top(pen: Pen) -> None:
    """A spinning top with a stick."""
    pen.split = 0.05
    pen.add(tube([(0, -0.85), (0, -0.3)], 0.09), rgb("b98a5a"), "lathe", material="wood")
    pen.add(ellipse(0, -0.88, 0.12), pen.trim, depth=0.2)
    pen.add(
        turned((0.1, -0.46), (0.55, -0.28), (0.82, 0.02), (0.55, 0.42), (0.06, 0.78), tilt=0.1),
        pen.cloth(1.0),
        "lathe",
        lift=0.2,
    )
    pen.add(ellipse(0, 0.8, 0.06, 0.07), STEEL, depth=0.06, lift=0, material="steel")


def blocks(pen: Pen) -> None:
    """Three stacked cubes."""
    pen.split = 10
    size = 0.62
    places = ((-0.36, 0.56), (0.36, 0.56), (0.02, -0.1))
    for i, (x, y) in enumerate(places):
        side = 0.16
        h = size / 2
        face = box(x, y, size, size, 0.05)
        top = rounded(
            (x - h + 0.02, y - h), (x - h + side, y - h - side), (x + h + side, y - h - side), (x + h - 0.02, y - h)
        )
        flank = rounded((x + h, y - h), (x + h + side, y - h - side), (x + h + side, y + h - side), (x + h, y + h))
        colour = pen.second if i == 1 and pen.spec.pattern == "two-tone" else pen.main
        pen.add(top, lighter(colour, 0.25), "flat")
        pen.add(flank, darker(colour, 0.25), "flat", lift=0)
        pen.add(face, pen.plain(colour) if pen.spec.pattern == "two-tone" else pen.cloth(0.85), depth=0.08, lift=0)


KINDS = {"teddy bear": teddy, "toy car": toy_car, "kite": kite, "spinning top": spinning_top, "building blocks": blocks}
