"""Clothes cut from cloth, laid flat or hung."""

import numpy as np

from ..outline import box, curve, ellipse, flipped, mirrored, rounded, tube
from ..palette import BRASS, PAPER, darker, lighter
from ..pen import Paint, Pen


def t_shirt(pen: Pen) -> None:
    """A T-shirt laid flat."""
    pen.ground = "flat"
    pen.split = 0.12
    neck = pen.style.uniform(0.1, 0.2)
    sleeve = pen.style.uniform(-0.12, 0.02)
    back = ellipse(0, -0.7, 0.26, 0.17)
    pen.add(back, darker(pen.main, 0.35), depth=0.1)
    arm = rounded(
        (0.4, -0.78, 0.05), (0.62, -0.72, 0.16), (1.0, sleeve, 0.04), (0.7, sleeve + 0.2, 0.04), (0.42, -0.25, 0.05)
    )
    for side in (arm, flipped(arm)):
        pen.add(side, depth=0.3, lift=0.1)
    body = mirrored(
        (0.27, -0.82, 0.03),
        (0.52, -0.76, 0.12),
        (0.6, -0.5, 0.1),
        (0.52, -0.1, 0.4),
        (0.54, 0.84, 0.05),
        (0, 0.87, 0.4),
    )
    front = np.concatenate([body, curve((-0.27, -0.82), (0, -0.77 + neck * 1.3), (0.27, -0.82))])
    pen.add(front, depth=0.35, lift=0.2)
    pen.add(
        tube(
            [
                (-0.27, -0.81),
                (-0.2, -0.77 + neck * 0.6),
                (0, -0.77 + neck * 1.3),
                (0.2, -0.77 + neck * 0.6),
                (0.27, -0.81),
            ],
            0.06,
        ),
        pen.trim,
        depth=0.06,
        lift=0.1,
    )


def dress(pen: Pen) -> None:
    """A dress with a waist, with or without sleeves."""
    pen.ground = "hanging"
    pen.split = -0.2
    flare = pen.style.uniform(0.55, 0.78)
    sleeves = pen.style.random() < 0.5
    hem = pen.style.uniform(0.78, 0.98)
    pen.add(ellipse(0, -0.84, 0.17, 0.07), darker(pen.main, 0.35), depth=0.08)
    if sleeves:
        arm = rounded(
            (0.2, -0.9, 0.05), (0.36, -0.84, 0.1), (0.56, -0.56, 0.06), (0.38, -0.46, 0.06), (0.25, -0.6, 0.05)
        )
        for side in (arm, flipped(arm)):
            pen.add(side, depth=0.2, lift=0.1)
    skirt = mirrored((0.24, -0.22, 0.02), (0.34, 0.1, 0.3), (flare, hem - 0.06, 0.06), (0, hem + 0.06, 0.9))
    pen.add(skirt, depth=0.35)
    for x in (-0.5, -0.2, 0.15, 0.45):
        fold = tube([(x * 0.5, -0.1), (x * flare * 1.2, hem - 0.12)], 0.012, 0.045)
        pen.add(fold, darkened(pen), "flat", lift=0.12)
    top = mirrored((0.17, -0.92, 0.02), (0.28, -0.9, 0.05), (0.3, -0.6, 0.15), (0.24, -0.2, 0.1), (0, -0.17, 0.3))
    front = np.concatenate([top, curve((-0.17, -0.92), (0, -0.72), (0.17, -0.92))])
    pen.add(front, depth=0.22)
    pen.add(tube([(-0.25, -0.22), (0, -0.19), (0.25, -0.22)], 0.07), pen.trim, depth=0.07)


def darkened(pen: Pen) -> Paint:
    """The cloth itself, in a crease."""
    cloth = pen.cloth()
    return lambda u, v, pixel: cloth(u, v, pixel) * 0.93


def skirt(pen: Pen) -> None:
    """A flared skirt with folds."""
    pen.ground = "flat"
    pen.split = 0.3
    flare = pen.style.uniform(0.68, 0.9)
    pen.add(mirrored((0.36, -0.62, 0.02), (0.46, -0.2, 0.2), (flare, 0.66, 0.06), (0, 0.82, 1.0)), depth=0.35)
    for x in (-0.7, -0.35, 0.0, 0.35, 0.7):
        pen.add(tube([(x * 0.42, -0.5), (x * flare * 0.96, 0.6)], 0.012, 0.05), darkened(pen), "flat", lift=0.16)
    pen.add(
        rounded((-0.37, -0.76, 0.03), (0.37, -0.76, 0.03), (0.38, -0.58, 0.03), (-0.38, -0.58, 0.03)),
        pen.trim,
        depth=0.1,
    )
    pen.add(ellipse(0.24, -0.67, 0.035), lighter(pen.trim, 0.5), depth=0.04, material="plastic")


def trousers(pen: Pen) -> None:
    """Trousers with belt loops and pockets."""
    pen.ground = "flat"
    pen.split = 0.25
    wide = pen.style.uniform(0.24, 0.36)
    leg = rounded(
        (0.0, -0.85, 0.02),
        (0.38, -0.85, 0.03),
        (0.45, -0.3, 0.3),
        (0.28 + wide, 0.95, 0.03),
        (0.28 - wide * 0.45, 0.97, 0.03),
        (0.02, -0.18, 0.05),
        (-0.02, -0.3, 0.02),
    )
    pen.add(flipped(leg), depth=0.28)
    pen.add(leg, depth=0.28, lift=0.2)
    pen.add(box(0, -0.88, 0.78, 0.14, 0.03), pen.trim, depth=0.08)
    for x in (-0.26, 0.26):
        pen.add(box(x, -0.88, 0.045, 0.17, 0.01), darker(pen.trim, 0.12), depth=0.04)
    for side in (1, -1):
        pen.add(
            tube([(side * 0.2, -0.8), (side * 0.28, -0.66), (side * 0.41, -0.6)], 0.018),
            darker(pen.main, 0.3),
            "flat",
            lift=0.3,
        )
    pen.add(tube([(0, -0.8), (0.02, -0.5), (0, -0.3)], 0.014), darker(pen.main, 0.25), "flat", lift=0.3)
    pen.add(ellipse(0, -0.88, 0.035), BRASS, depth=0.03, material="steel")


def shirt(pen: Pen) -> None:
    """A buttoned shirt with collar and cuffs."""
    pen.ground = "hanging"
    pen.split = 0.12
    arm = rounded((0.4, -0.74, 0.05), (0.58, -0.68, 0.14), (0.86, 0.55, 0.04), (0.62, 0.62, 0.04), (0.44, -0.2, 0.05))
    for side in (arm, flipped(arm)):
        pen.add(side, depth=0.22, lift=0.1)
        end = side[np.argsort(-side[:, 1])[:2]].mean(0)
        pen.add(tube([(end[0] - 0.13, end[1] + 0.03), (end[0] + 0.13, end[1] - 0.03)], 0.12), pen.trim, depth=0.08)
    pen.add(
        mirrored(
            (0.2, -0.82, 0.03),
            (0.5, -0.72, 0.12),
            (0.56, -0.4, 0.1),
            (0.52, 0.74, 0.15),
            (0.3, 0.84, 0.2),
            (0, 0.78, 0.2),
        ),
        depth=0.3,
        lift=0.2,
    )
    pen.add(box(0, 0.02, 0.11, 1.5, 0.01), depth=0.05, lift=0.3)
    pen.add(ellipse(0, -0.8, 0.17, 0.07), darker(pen.main, 0.4), depth=0.08)
    collar = rounded(
        (0.0, -0.7, 0.01), (0.06, -0.84, 0.05), (0.19, -0.9, 0.05), (0.26, -0.78, 0.04), (0.14, -0.55, 0.03)
    )
    for side in (collar, flipped(collar)):
        pen.add(side, pen.trim, depth=0.08, lift=0.35)
    for y in np.linspace(-0.5, 0.64, 6):
        pen.add(ellipse(0, y, 0.027), lighter(PAPER, 0.2), depth=0.03, lift=0.4, material="plastic")
    pen.add(
        rounded((0.16, -0.35, 0.02), (0.4, -0.35, 0.02), (0.4, -0.1, 0.03), (0.28, -0.04, 0.04), (0.16, -0.1, 0.03)),
        depth=0.06,
        lift=0.3,
    )


def apron(pen: Pen) -> None:
    """A kitchen apron with a wide pocket."""
    pen.ground = "hanging"
    pen.split = 0.1
    band = darker(pen.main, 0.3) if pen.main.mean() > 0.3 else lighter(pen.main, 0.3)
    pen.add(tube([(-0.26, -0.6), (-0.16, -0.95), (0.16, -0.95), (0.26, -0.6)], 0.055), band, depth=0.06)
    for side in (1, -1):
        pen.add(
            tube([(side * 0.55, -0.05), (side * 0.75, 0.1), (side * 0.72, 0.45), (side * 0.8, 0.6)], 0.045),
            band,
            depth=0.05,
        )
    pen.add(
        mirrored((0.3, -0.66, 0.04), (0.34, -0.3, 0.3), (0.58, -0.08, 0.1), (0.62, 0.9, 0.08), (0, 0.94, 0.4)),
        depth=0.3,
    )
    pen.add(tube([(-0.28, -0.62), (0.28, -0.62)], 0.06), band, depth=0.06, lift=0.1)
    pocket = rounded((-0.36, 0.2, 0.03), (0.36, 0.2, 0.03), (0.34, 0.6, 0.08), (-0.34, 0.6, 0.08))
    pen.add(pocket, depth=0.08, lift=0.35)
    pen.add(tube([(-0.34, 0.22), (0.34, 0.22)], 0.04), band, depth=0.05, lift=0.1)


KINDS = {"t-shirt": t_shirt, "dress": dress, "skirt": skirt, "trousers": trousers, "shirt": shirt, "apron": apron}
