"""Light: volume for flat shapes, highlights, and shadows."""

from dataclasses import dataclass

import numpy as np

from .fields import Field, blurred, relief, resized
from .materials import Material


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from (x and y of a unit vector, y up is negative) and how hard it is."""

    x: float
    y: float
    contrast: float
    warmth: float

    @classmethod
    def anywhere(cls, rng: np.random.Generator) -> "Light":
        """A lamp somewhere above, left or right."""
        x = rng.choice([-1, 1]) * rng.uniform(0.25, 0.6)
        return cls(x, rng.uniform(-0.62, -0.4), rng.uniform(0.75, 1.05), rng.uniform(-0.012, 0.022))

    @property
    def z(self) -> float:
        return float(np.sqrt(max(0.1, 1 - self.x**2 - self.y**2)))

    def falls(self, nx: Field, ny: Field, material: Material) -> tuple[Field, Field]:
        """How much colour (0.3..1) light leaves to a surface with normals (nx, ny), and how white it turns it."""
        nz = np.sqrt(np.maximum(0.0, 1 - nx * nx - ny * ny))
        turned = nx * self.x + ny * self.y + (nz - 1) * self.z
        level = 1 + self.contrast * 0.58 * turned - 0.1 * (1 - nz)
        half = np.array([self.x, self.y, self.z + 1]) / np.linalg.norm([self.x, self.y, self.z + 1])
        facing = np.maximum(0, nx * half[0] + ny * half[1] + nz * half[2])
        shine = material.gloss * facing ** (2.5 * material.sharpness)
        return np.clip(level, 0.3, 1), np.clip(np.clip((level - 1) * 0.45, 0, 0.4) + shine, 0, 0.9)


def puffy(mask: Field, depth: float) -> tuple[Field, Field]:
    """Normals of a cushion with this outline; `depth` is how far its edge is rounded, in pixels."""
    height = mask * (blurred(mask, depth * 0.5) + 0.6 * blurred(mask, depth * 0.22))
    slope_y, slope_x = np.gradient(height)
    nx, ny = -slope_x * depth * 0.9, -slope_y * depth * 0.9
    length = np.sqrt(nx**2 + ny**2 + 1)
    return nx / length, ny / length


def lathe(mask: Field) -> tuple[Field, Field]:
    """Normals of a thing turned on a wheel: round from left to right in every row."""
    filled = mask > 0.3
    columns = np.arange(mask.shape[1], dtype=np.float32)
    left = np.where(filled.any(1), filled.argmax(1), 0)
    right = mask.shape[1] - 1 - np.where(filled.any(1), filled[:, ::-1].argmax(1), 0)
    # The round foot narrows the last rows; without a floor there, the pattern would be squeezed.
    half = np.maximum((right - left) / 2, 0.25 * mask.shape[1] * 0.5) + 0.5
    nx = (columns[None] - ((left + right) / 2)[:, None]) / half[:, None]
    return np.clip(nx, -0.985, 0.985).astype(np.float32), np.zeros_like(mask)


def sphere(mask: Field) -> tuple[Field, Field]:
    """Normals of a ball that fills the mask."""
    rows, columns = mask.shape
    nx, ny = np.linspace(-1, 1, columns, dtype=np.float32)[None], np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    reach = np.maximum(1, np.hypot(nx, ny) / 0.985)
    return nx / reach, ny / reach


def folded(nx: Field, ny: Field, amount: float, corner: tuple[int, int]) -> tuple[Field, Field]:
    """Normals with the soft creases of cloth; `corner` (0..255 each) chooses which."""
    rows, columns = nx.shape
    y, x = corner
    land = relief()[y : y + 200, x : x + 256]
    slope_y, slope_x = np.gradient(resized(land, columns, rows))
    scale = amount * 0.1 * max(rows, columns)
    return np.clip(nx - slope_x * scale * 0.5, -0.99, 0.99), np.clip(ny - slope_y * scale * 0.35, -0.99, 0.99)


def shadow(mask: Field, shift: tuple[float, float], softness: float) -> Field:
    """How dark the ground is under a floating shape: its mask, moved by whole pixels and blurred."""
    dx, dy = round(shift[0]), round(shift[1])
    return blurred(np.roll(mask, (dy, dx), (0, 1)), softness)


def cast(mask: Field, light: Light) -> Field:
    """The shadow that a standing thing throws over the floor, away from the light; as dark as 1 at its foot."""
    rows = mask.shape[0]
    filled = np.flatnonzero((mask > 0.4).any(1))
    if not len(filled):
        return np.zeros_like(mask)
    foot, top = filled[-1], filled[0]
    squash = 0.3
    result = np.zeros_like(mask)
    for row in range(max(0, int(foot - (foot - top) * squash)), foot + 1):
        up = (foot - row) / squash
        source = mask[max(0, int(foot - up))]
        fade = max(0.0, 1 - up / (1.1 * (foot - top) + 1))
        result[row] = np.roll(source, round(-light.x * up * 0.55)) * fade
    thick = max(1, round(0.03 * rows))
    result[foot : foot + thick] = result[foot]
    contact = np.zeros_like(mask)
    contact[max(0, foot - 1) : foot + thick] = mask[max(0, foot - thick) : foot + 1].max(0)
    return np.clip(0.55 * blurred(result, 0.028 * rows) + 0.75 * blurred(contact, 0.014 * rows), 0, 1)
