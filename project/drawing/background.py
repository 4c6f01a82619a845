"""Where the thing is photographed: a wall and a table, a wall to hang from, or a surface seen from above."""

import numpy as np

from .fields import Field
from .lighting import Light
from .palette import BACKDROPS, WOOD, Colour, darker, lighter, mix


def backdrop(rng: np.random.Generator, colour: Colour) -> Colour:
    """A quiet colour that the product's colour stands out from."""
    order = rng.permutation(len(BACKDROPS))
    shades = [darker(BACKDROPS[i], rng.uniform(0, 0.1)) for i in order]
    return next((shade for shade in shades if np.abs(shade - colour).sum() > 0.5), darker(shades[0], 0.3))


def backdrop_for(ground: str, rng: np.random.Generator, colour: Colour, light: Light, size: int, foot: float) -> Field:
    """A background for a picture of `size` pixels, in floats (n, n, 3) and coarse: nothing in it is sharp.

    `ground` is "standing" (a wall, and a floor that begins above `foot`, both as shares of the height), "hanging" or
    "flat".
    """
    n = max(32, size // 4)
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n
    wall = backdrop(rng, colour)
    scene = np.ones((n, n, 3), np.float32) * wall
    glow = np.exp(-(((x - 0.5 - 0.45 * light.x) ** 2) + (y - 0.3) ** 2) * rng.uniform(1.2, 2.6))
    scene = scene * (0.9 + 0.14 * glow[..., None])
    if ground == "standing":
        scene = stand(scene, rng, wall, x, y, foot)
    elif rng.random() < 0.35:
        scene = panelled(scene, rng, x, y) if ground == "hanging" else planked(scene, rng, x, y)
    edge = ((x - 0.5) ** 2 + (y - 0.5) ** 2)[..., None]
    scene = scene * (1.03 - 0.22 * edge)
    return scene


def stand(scene: Field, rng: np.random.Generator, wall: Colour, x: Field, y: Field, foot: float) -> Field:
    """Put a floor under the wall; sometimes an arch or a round panel behind, as stylists like."""
    horizon = foot - rng.uniform(0.06, 0.2)
    if rng.random() < 0.4:
        tint = lighter(wall, 0.35) if rng.random() < 0.5 else darker(wall, 0.1)
        radius, middle = rng.uniform(0.3, 0.42), min(0.45, horizon - 0.1)
        outside = np.hypot(x - 0.5, y - middle)
        if rng.random() < 0.6:
            outside = np.where(y > middle, np.abs(x - 0.5), outside)
        panel = 0.75 * np.clip((radius - outside) * len(x) + 0.5, 0, 1)[..., None]
        scene = scene * (1 - panel) + tint * panel
    if rng.random() < 0.22:
        floor = mix(WOOD, np.ones(3, np.float32), rng.uniform(0.3, 0.55))
    else:
        floor = mix(BACKDROPS[rng.integers(len(BACKDROPS))], wall, rng.uniform(0.3, 1)) * rng.uniform(0.92, 1.02)
    depth = np.clip((y - horizon) / max(1 - horizon, 0.05), 0, 1)[..., None]
    blend = np.clip((y - horizon) / rng.uniform(0.01, 0.1) + 0.5, 0, 1)[..., None]
    return scene * (1 - blend) + floor * (0.88 + 0.14 * depth) * blend


def panelled(scene: Field, rng: np.random.Generator, x: Field, y: Field) -> Field:
    """A wall with upright boards."""
    board = np.abs((x * rng.integers(5, 9)) % 1 - 0.5)
    return scene * (1 - 0.06 * (board > 0.46))[..., None]


def planked(scene: Field, rng: np.random.Generator, x: Field, y: Field) -> Field:
    """A pale wooden table seen from above."""
    planks = rng.integers(3, 6)
    number = np.floor(y * planks)
    tone = 0.97 + 0.05 * np.sin(number * 12.9 + rng.uniform(0, 6))
    grain = 0.012 * np.sin((y * planks * 40) + 3 * np.sin(x * 7 + number * 5))
    gap = np.abs((y * planks) % 1 - 0.5) > 0.475
    wood = mix(WOOD, np.ones(3, np.float32), 0.5)
    return (0.35 * scene + 0.65 * wood) * (tone + grain - 0.08 * gap)[..., None]
