"""The pen that kinds of product are drawn with: parts first, then one picture of them all."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from . import lighting
from .fields import Field, resized, speckle
from .lighting import Light
from .materials import MATERIALS, Material
from .outline import Outline
from .palette import Colour, darker, jittered, lighter
from .patterns import PATTERNS
from .spec import ProductSpec

SHADE = (0.85, 0.82, 0.75)
"""How much red, green and blue a full shadow takes: shadows are a little blue."""

Paint = Callable[[Field, Field, float], Field]
"""From coordinates (u, v) and the size of a pixel, all in the product's unit, to a colour for every point."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a product lies in its picture: scale (pixels to a unit), turn in radians, place, flip and squash."""

    size: int
    scale: float
    turn: float = 0
    x: float = 0
    y: float = 0
    flip: int = 1
    squash: float = 1

    def matrix(self) -> np.ndarray:
        c, s = np.cos(self.turn), np.sin(self.turn)
        return self.scale * np.array([[c, -s], [s, c]]) @ np.diag([self.flip * self.squash, 1.0])

    def placed(self, outline: Outline) -> np.ndarray:
        """From the product's unit to pixels."""
        return outline @ self.matrix().T + (self.size / 2 + self.x * self.size, self.size / 2 + self.y * self.size)

    def coordinates(self, left: int, top: int, width: int, height: int) -> tuple[Field, Field]:
        """The product's own coordinates of every pixel in a box."""
        back = np.linalg.inv(self.matrix()).astype(np.float32)
        x = np.arange(left, left + width, dtype=np.float32)[None] + 0.5 - self.size * (0.5 + self.x)
        y = np.arange(top, top + height, dtype=np.float32)[:, None] + 0.5 - self.size * (0.5 + self.y)
        return back[0, 0] * x + back[0, 1] * y, back[1, 0] * x + back[1, 1] * y


@dataclass(frozen=True, slots=True)
class Part:
    """A shape with its paint.

    `form` is "puffy", "lathe", "sphere" or "flat"; `depth` is how far a puffy edge is rounded; `lift` is how much
    shade the part throws on those below.
    """

    outline: Outline
    paint: Paint
    material: Material
    form: str = "puffy"
    depth: float = 0.2
    lift: float = 0.25


class Pen:
    """Collects the parts of a product.

    Colours: `main` and `second` (a shade of main where there is none), `trim` (for edges and small parts).
    `style` is the generator that cut and proportions come from. A kind may set `ground` ("standing", "hanging",
    "flat"), `split` (where two-tone things change colour) and `zoom`.
    """

    def __init__(self, spec: ProductSpec) -> None:
        self.spec = spec
        self.style = np.random.default_rng([spec.style, 7])
        self.main = jittered(spec.colour, self.style)
        bright = self.main.mean() > 0.35
        shade = darker(self.main, 0.16) if bright else lighter(self.main, 0.14)
        self.second = jittered(spec.second, self.style) if spec.second else shade
        self.trim = shade
        self.material = MATERIALS[spec.material]
        self.parts: list[Part] = []
        self.ground = "standing"
        self.split = 0.1
        self.zoom = 1.0
        self.repeat = self.style.uniform(0.22, 0.31)

    def cloth(self, scale: float = 1, angle: float = 0, split: float | None = None) -> Paint:
        """Paint with the product's pattern; `angle` turns it, `scale` enlarges it."""
        pattern = PATTERNS[self.spec.pattern]
        step = self.repeat * scale
        level = self.split if split is None else split
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))

        def paint(u: Field, v: Field, pixel: float) -> Field:
            if self.spec.pattern == "two-tone":
                u, v = u, v - level
            u, v = c * u + s * v, c * v - s * u
            share = pattern(u / step, v / step, pixel / step)[..., None]
            return self.main * (1 - share) + self.second * share

        return paint

    def plain(self, colour: Colour) -> Paint:
        """Paint of one colour."""
        return lambda u, v, pixel: np.broadcast_to(colour, (*np.broadcast(u, v).shape, 3))

    def grained(self, colour: Colour, angle: float = 0) -> Paint:
        """Wood: long soft lines along the board."""
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))

        def paint(u: Field, v: Field, pixel: float) -> Field:
            along, across = c * u + s * v, c * v - s * u
            lines = np.sin(across * 46 + 2.2 * np.sin(along * 3.1) + 1.3 * np.sin(across * 13))
            return colour * (1 + 0.055 * lines)[..., None]

        return paint

    def add(
        self,
        outline: Outline,
        paint: Paint | Colour | None = None,
        form: str = "puffy",
        depth: float = 0.2,
        lift: float = 0.25,
        material: str | None = None,
    ) -> None:
        """Draw a shape over those before it; without a paint, in the product's pattern."""
        if paint is None:
            paint = self.cloth()
        elif isinstance(paint, np.ndarray):
            paint = self.plain(paint)
        self.parts.append(Part(outline, paint, MATERIALS[material] if material else self.material, form, depth, lift))

    def fitted(self, pose: Pose) -> Pose:
        """The pose with its scale and place chosen so that the product fills its frame alike, whatever its outline."""
        points = replace(pose, scale=1, x=0, y=0).placed(np.concatenate([part.outline for part in self.parts]))
        low, high = points.min(0), points.max(0)
        scale = pose.scale * self.zoom * 0.74 * pose.size / max(high - low)
        middle = ((low + high) / 2 - pose.size / 2) * scale / pose.size
        return replace(pose, scale=scale, x=pose.x - middle[0], y=pose.y - middle[1])


def rasterised(outline: Outline, pose: Pose) -> tuple[slice, slice, Field] | None:
    """Rows, columns and coverage (0..1) of a shape, within its box; None where it is out of the picture."""
    points = pose.placed(outline)
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + 2, pose.size)
    if right - left < 2 or bottom - top < 2:
        return None
    fine = 4 if pose.size <= 256 else 3
    image = Image.new("L", ((right - left) * fine, (bottom - top) * fine))
    ImageDraw.Draw(image).polygon([tuple(p) for p in (points - (left, top)) * fine], fill=255)
    mask = np.asarray(image.reduce(fine), np.float32) / 255
    return slice(top, bottom), slice(left, right), mask


def rendered(pen: Pen, pose: Pose, light: Light, scene: Field, rng: np.random.Generator) -> Field:
    """The parts over a coarse scene, shadows first: (size, size, 3)."""
    pieces = [(part, piece) for part in pen.parts if (piece := rasterised(part.outline, pose))]
    whole = np.zeros((pose.size, pose.size), np.float32)
    for _, (rows, columns, mask) in pieces:
        np.maximum(whole[rows, columns], mask, out=whole[rows, columns])
    scene = grounded(scene, whole, pen.ground, light)
    corner = tuple(rng.integers(0, 255, 2))
    for part, (rows, columns, mask) in pieces:
        if part.lift:
            shade_below(scene, rows, columns, mask, part.lift, light, pose.size)
        colour = painted(part, rows, columns, mask, pose, light, corner)
        below = scene[rows, columns]
        below += (colour - below) * mask[..., None]
    return scene


def painted(
    part: Part, rows: slice, columns: slice, mask: Field, pose: Pose, light: Light, corner: tuple[int, int]
) -> Field:
    """The colours of a part in its box: paint, texture of the material, light."""
    height, width = mask.shape
    u, v = pose.coordinates(columns.start, rows.start, width, height)
    if part.form == "lathe":
        nx, ny = lighting.lathe(mask)
        # A pattern printed around: near the sides it is seen from the edge.
        u = np.arcsin(nx) * (np.ptp(part.outline[:, 0]) / 2)
    elif part.form == "sphere":
        nx, ny = lighting.sphere(mask)
        radius = np.ptp(part.outline[:, 0]) / 2
        u, v = np.arcsin(nx) * radius, np.arcsin(ny) * radius
    else:
        nx, ny = cushioned(part, mask, pose.scale, corner)
    colour = part.paint(u, v, 1 / pose.scale)
    left, white = (resized(field, width, height) for field in light.falls(nx, ny, part.material))
    if part.material.grain:
        left = left * (1 + part.material.grain * speckle()[rows, columns])
    keep = left * (1 - white)
    return colour * keep[..., None] + white[..., None]


def cushioned(part: Part, mask: Field, scale: float, corner: tuple[int, int]) -> tuple[Field, Field]:
    """The normals of a puffy or flat part, at a coarser size than its mask: light on them is soft."""
    height, width = mask.shape
    step = max(1, min(4, min(height, width) // 24))
    coarse = resized(mask, max(2, width // step), max(2, height // step))
    if part.form == "puffy":
        nx, ny = lighting.puffy(np.clip(coarse, 0, 1), max(1.5, part.depth * scale / step))
    else:
        nx, ny = np.zeros_like(coarse), np.zeros_like(coarse)
    if part.material.folds:
        nx, ny = lighting.folded(nx, ny, part.material.folds, corner)
    return nx, ny


def grounded(scene: Field, whole: Field, ground: str, light: Light) -> Field:
    """The coarse scene (n, n, 3) in the size of the mask `whole`, darker where the product keeps the light away."""
    n, size = len(scene), len(whole)
    small = np.clip(resized(whole, n, n), 0, 1)
    if ground == "standing":
        dark = 0.62 * lighting.cast(small, light)
    else:
        far = 0.035 if ground == "flat" else 0.05
        dark = 0.38 * lighting.shadow(small, (-light.x * far * n, -light.y * far * n), 0.02 * n)
        dark += 0.2 * lighting.shadow(small, (-light.x * 3 * far * n, -light.y * 2.5 * far * n), 0.06 * n)
    dark = np.clip(dark, 0, 1)
    return np.stack([resized(scene[..., i] * (1 - dark * keep), size, size) for i, keep in enumerate(SHADE)], 2)


def shade_below(scene: Field, rows: slice, columns: slice, mask: Field, lift: float, light: Light, size: int) -> None:
    """Let a part throw a narrow shade on what is already drawn."""
    reach, step = max(2, size // 40), 1 if size <= 192 else 3
    top, left = max(0, rows.start - reach), max(0, columns.start - reach)
    bottom, right = min(size, rows.stop + reach), min(size, columns.stop + reach)
    around = np.zeros((bottom - top, right - left), np.float32)
    around[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = mask
    height, width = around.shape
    small = resized(around, max(2, width // step), max(2, height // step))
    offset = size / 44 / step
    dark = lighting.shadow(small, (-light.x * offset, -light.y * offset), size / 70 / step)
    scene[top:bottom, left:right] *= 1 - lift * np.clip(resized(dark, width, height), 0, 1)[..., None]
