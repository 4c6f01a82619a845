"""Pictures that mean nothing to the tower, made up: what it must learn to distrust without seeing real photos."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .examples import SIDE

Picture = np.ndarray
"""Bytes (128, 128, 3)."""


def clouds(rng: np.random.Generator) -> Picture:
    """Colour noise with the spectrum of nature: as strong at every scale."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    frequency[0, 0] = 1
    wave = np.fft.fft2(rng.normal(size=(SIDE, SIDE, 3)), axes=(0, 1)) / frequency[..., None] ** rng.uniform(0.8, 1.6)
    noise = np.fft.ifft2(wave, axes=(0, 1)).real @ (np.eye(3) + rng.uniform(0.3, 2))
    noise = (noise - noise.mean()) / noise.std()
    return np.clip(rng.uniform(80, 180, 3) + rng.uniform(25, 60) * noise, 0, 255).astype(np.uint8)


def leaves(rng: np.random.Generator) -> Picture:
    """Things in front of things, of all sizes, as in a photograph: dead leaves, with some shade on each."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(30, 225, 3)))
    pen = ImageDraw.Draw(image)
    tones = rng.integers(20, 235, (5, 3))
    for _ in range(int(rng.integers(40, 220))):
        radius = 2 + 40 * rng.random() ** 3
        x, y = rng.uniform(0, SIDE, 2)
        tone = tuple(int(part) for part in np.clip(tones[rng.integers(5)] + rng.normal(0, 22, 3), 0, 255))
        corners = rng.integers(3, 9)
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.5, 1.3, (2, corners))
        pen.polygon([*zip(x + reach[0] * np.cos(angles), y + reach[1] * np.sin(angles), strict=True)], fill=tone)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2))), np.float32)
    return np.clip(soft * (0.75 + 0.5 * clouds(rng).mean(2, keepdims=True) / 255), 0, 255).astype(np.uint8)


def silhouette(rng: np.random.Generator) -> Picture:
    """A textured blob on a bright ground: the layout of a shop's photo, nothing that was ever drawn."""
    shape = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(shape)
    middle, width = SIDE * rng.uniform(0.42, 0.58), SIDE * rng.uniform(0.08, 0.24)
    rows = np.linspace(SIDE * rng.uniform(0.02, 0.25), SIDE * rng.uniform(0.75, 1.05), 9)
    reach = np.clip(width * (1 + 0.5 * np.cumsum(rng.normal(0, 0.5, (2, 9)), 1)), 4, SIDE * 0.45)
    left, right = zip(middle - reach[0], rows, strict=True), zip(middle + reach[1], rows, strict=True)
    pen.polygon([*left, *reversed([*right])], fill=255)
    for _ in range(int(rng.integers(0, 4))):
        x, y, r = rng.uniform(0.25, 0.75) * SIDE, rng.uniform(0.1, 0.9) * SIDE, rng.uniform(0.03, 0.14) * SIDE
        pen.ellipse([x - r, y - r * rng.uniform(0.5, 2), x + r, y + r], fill=255)
    mask = np.asarray(shape.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5))), np.float32)[..., None] / 255
    ground = rng.uniform(200, 255) + rng.normal(0, 4, 3) - rng.uniform(0, 25) * np.linspace(0, 1, SIDE)[:, None, None]
    inside = clouds(rng) if rng.random() < 0.5 else leaves(rng)
    tint = 0.35 * inside + 0.65 * rng.uniform(20, 235, 3) if rng.random() < 0.6 else inside
    return np.clip(ground * (1 - mask) + tint * mask, 0, 255).astype(np.uint8)


def scrap(rng: np.random.Generator, drawn: Picture) -> Picture:
    """A scrap of a drawn picture, turned on its side or upside down, with noise: it says nothing any more."""
    image = Image.fromarray(drawn).rotate(float(rng.choice([90, 180, 270, rng.uniform(60, 300)])))
    side = int(SIDE * rng.uniform(0.12, 0.3))
    x, y = rng.integers(0, SIDE - side, 2)
    image = image.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    noise = rng.normal(0, rng.uniform(3, 30), (SIDE, SIDE, 1))
    return np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)


def collage(rng: np.random.Generator, drawn: Picture) -> Picture:
    """A drawn picture in shuffled tiles: the right colours, no thing."""
    n = int(rng.choice([4, 8]))
    tiles = drawn.reshape(n, SIDE // n, n, SIDE // n, 3).swapaxes(1, 2).reshape(n * n, SIDE // n, SIDE // n, 3)
    tiles = tiles[rng.permutation(n * n)].reshape(n, n, SIDE // n, SIDE // n, 3)
    return tiles.swapaxes(1, 2).reshape(SIDE, SIDE, 3)


INVENTED: tuple[Callable[[np.random.Generator], Picture], ...] = (clouds, leaves, silhouette, silhouette)
SPOILT: tuple[Callable[[np.random.Generator, Picture], Picture], ...] = (scrap, collage)


def unreadable(drawn: np.ndarray, seed: int) -> np.ndarray:
    """As many unreadable pictures as drawn ones are given, of all sorts: bytes (n, 128, 128, 3)."""
    rng = np.random.default_rng(seed)
    sorts = len(INVENTED) + len(SPOILT)
    made = [
        INVENTED[i % sorts](rng) if i % sorts < len(INVENTED) else SPOILT[i % sorts - len(INVENTED)](rng, picture)
        for i, picture in enumerate(drawn)
    ]
    return np.stack(made)
