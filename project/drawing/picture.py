"""A picture of a product: its kind's parts, posed, lit and set in a scene."""

import numpy as np
from PIL import Image

from .background import backdrop_for
from .fields import speckle
from .kinds import KINDS
from .kinds.packaging import carton
from .lighting import Light
from .pen import Pen, Pose, rendered
from .spec import ProductSpec

TURN = {"standing": 2.0, "hanging": 4.0, "flat": 16.0}
"""How far, in degrees, a thing may lean: what stands on a table stands upright."""


def draw(spec: ProductSpec, seed: int, size: int = 480) -> Image.Image:
    """Draw a product as an RGB picture of `size` pixels a side.

    The same spec and seed give the same picture at every size; another seed is another photograph of the same thing.
    Raises KeyError for a kind, colour, pattern or material that is not known.
    """
    rng = np.random.default_rng([seed, 3])
    pen = Pen(spec)
    (carton if spec.view == "boxed" else KINDS[spec.kind])(pen)
    light = Light.anywhere(rng)
    pose = Pose(
        size=size,
        scale=rng.uniform(0.86, 1.08),
        turn=np.radians(rng.uniform(-1, 1) * TURN[pen.ground]),
        x=rng.uniform(-0.035, 0.035),
        y=rng.uniform(-0.03, 0.03) + (0.02 if pen.ground == "standing" else 0),
        flip=rng.choice([-1, 1]),
        squash=rng.uniform(0.95, 1.04),
    )
    pose = pen.fitted(pose)
    foot = max(pose.placed(part.outline)[:, 1].max() for part in pen.parts) / size
    scene = backdrop_for(pen.ground, rng, pen.main, light, size, foot)
    pixels = rendered(pen, pose, light, scene, rng)
    warm = np.array([1 + light.warmth, 1, 1 - light.warmth], np.float32)
    row, column = rng.integers(0, 500, 2)
    noise = 1.4 * speckle()[row : row + size, column : column + size]
    pixels *= 255 * warm
    pixels += noise[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
