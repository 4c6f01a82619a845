"""Things for the kitchen and the table."""

from ..outline import box, ellipse, rounded, tube, turned
from ..palette import INK, STEEL, WOOD, darker, lighter, mix
from ..pen import Pen


def mug(pen: Pen) -> None:
    """A mug, sometimes with coffee in it."""
    pen.split = 0.12
    foot = pen.style.uniform(0.42, 0.56)
    tall = pen.style.uniform(0.5, 0.68)
    handle = [(0.46, -tall + 0.24), (0.86, -tall + 0.22), (0.88, tall - 0.42), (0.44, tall - 0.24)]
    pen.add(tube(handle, 0.14), pen.trim if pen.style.random() < 0.25 else pen.main, depth=0.12)
    pen.add(turned((0.55, -tall), (0.54, 0.0), (foot, tall), tilt=0.2), pen.cloth(1.15), "lathe", lift=0.15)
    pen.add(ellipse(0, -tall, 0.55, 0.115), lighter(pen.main, 0.25), depth=0.04, lift=0)
    inside = mix(pen.main, lighter(pen.main, 0.9), 0.75 if pen.style.random() < 0.5 else 0)
    pen.add(ellipse(0, -tall + 0.008, 0.505, 0.092), darker(inside, 0.32), "lathe", lift=0)
    if pen.style.random() < 0.35:
        pen.add(ellipse(0, -tall + 0.04, 0.44, 0.058), darker(WOOD, 0.5), "flat", lift=0)


def teapot(pen: Pen) -> None:
    """A round-bellied teapot."""
    pen.split = 0.1
    pen.add(tube([(-0.52, -0.28), (-0.96, -0.34), (-0.98, 0.2), (-0.5, 0.38)], 0.11), pen.main, depth=0.1)
    pen.add(tube([(0.45, 0.3), (0.76, 0.08), (0.84, -0.24), (1.02, -0.4)], 0.26, 0.11), pen.main, depth=0.14)
    pen.add(turned((0.3, -0.44), (0.58, -0.14), (0.64, 0.2), (0.4, 0.56), tilt=0.2), pen.cloth(1.1), "lathe", lift=0.2)
    pen.add(turned((0.06, -0.64), (0.24, -0.54), (0.33, -0.44), tilt=0.2), pen.trim, "lathe", lift=0.2)
    pen.add(ellipse(0, -0.69, 0.085), pen.trim, depth=0.2, lift=0.2)


def bowl(pen: Pen) -> None:
    """A bowl on a foot."""
    pen.split = 0.08
    deep = pen.style.uniform(0.42, 0.6)
    pen.add(turned((0.34, deep - 0.1), (0.3, deep + 0.02), tilt=0.2), pen.main, "lathe")
    pen.add(turned((0.9, -0.32), (0.8, 0.08), (0.36, deep - 0.06), tilt=0.22), pen.cloth(1.1), "lathe", lift=0.1)
    pen.add(ellipse(0, -0.32, 0.9, 0.2), lighter(pen.main, 0.22), depth=0.05, lift=0)
    pen.add(ellipse(0, -0.31, 0.84, 0.168), darker(pen.main, 0.12), "puffy", depth=0.3, lift=0)
    pen.add(ellipse(0, -0.26, 0.6, 0.1), darker(pen.main, 0.22), "flat", lift=0)


def plate(pen: Pen) -> None:
    """A plate from above."""
    pen.ground = "flat"
    pen.split = 0.0
    pen.add(ellipse(0, 0, 0.95), pen.cloth(1.1), depth=0.3)
    pen.add(ellipse(0, 0, 0.95 * 0.66), darker(pen.main, 0.05), depth=0.12, lift=0.3)
    pen.add(ellipse(0, 0, 0.6), pen.cloth(1.1), depth=0.1, lift=0.0)


def saucepan(pen: Pen) -> None:
    """A saucepan with its lid on."""
    pen.split = 0.1
    pen.zoom = 1.05
    pen.add(
        tube([(0.5, -0.12), (0.9, -0.2), (1.3, -0.26)], 0.12, 0.15),
        INK if pen.style.random() < 0.5 else WOOD,
        depth=0.1,
        material="wood",
    )
    pen.add(turned((0.6, -0.2), (0.6, 0.2), (0.56, 0.5), tilt=0.16), pen.cloth(1.1), "lathe", lift=0.15)
    pen.add(tube([(-0.62, -0.02), (-0.74, 0.0), (-0.62, 0.12)], 0.06), STEEL, depth=0.05, material="steel")
    pen.add(ellipse(0, -0.2, 0.62, 0.12), STEEL, depth=0.05, lift=0.2, material="steel")
    pen.add(turned((0.1, -0.36), (0.4, -0.3), (0.58, -0.21), tilt=0.18), pen.main, "lathe", lift=0.1)
    pen.add(tube([(0, -0.36), (0, -0.44)], 0.06), STEEL, "lathe", material="steel")
    pen.add(ellipse(0, -0.48, 0.11, 0.06), INK, depth=0.06, material="plastic")


def bottle(pen: Pen) -> None:
    """A drinking bottle with a cap to carry it by."""
    pen.split = 0.15
    wide = pen.style.uniform(0.27, 0.34)
    pen.add(
        turned((0.13, -0.78), (0.14, -0.66), (wide, -0.42), (wide, 0.2), (wide - 0.01, 0.92), tilt=0.2),
        pen.cloth(1.0),
        "lathe",
    )
    cap = INK if pen.style.random() < 0.5 else STEEL
    pen.add(turned((0.15, -0.97), (0.15, -0.74), tilt=0.2), cap, "lathe", lift=0.3, material="plastic")
    pen.add(ellipse(0, -0.97, 0.15, 0.03), lighter(cap, 0.25), "flat", lift=0, material="plastic")
    pen.add(
        tube([(-0.12, -0.99), (-0.1, -1.12), (0.1, -1.12), (0.12, -0.99)], 0.05), cap, depth=0.05, material="plastic"
    )


def oven_glove(pen: Pen) -> None:
    """A quilted oven glove."""
    pen.ground = "flat"
    pen.split = 0.15
    glove = rounded(
        (-0.38, 0.62, 0.03),
        (-0.4, -0.3, 0.3),
        (-0.26, -0.9, 0.38),
        (0.2, -0.92, 0.38),
        (0.36, -0.3, 0.2),
        (0.4, 0.05, 0.1),
        (0.4, 0.62, 0.03),
    )
    thumb = tube([(0.26, 0.22), (0.52, -0.02), (0.62, -0.3)], 0.32, 0.26)
    pen.add(tube([(-0.3, 0.7), (-0.5, 0.84), (-0.42, 0.96), (-0.26, 0.8)], 0.035), pen.trim, depth=0.03)
    pen.add(thumb, depth=0.28)
    pen.add(glove, depth=0.3, lift=0.15)
    pen.add(box(0.01, 0.68, 0.86, 0.24), pen.trim, depth=0.1)
    for y in (-0.5, -0.1, 0.3):
        pen.add(tube([(-0.36, y), (0.34, y + 0.02)], 0.014), darker(pen.main, 0.15), "flat", lift=0.15)


KINDS = {
    "mug": mug,
    "teapot": teapot,
    "bowl": bowl,
    "plate": plate,
    "saucepan": saucepan,
    "bottle": bottle,
    "oven glove": oven_glove,
}
