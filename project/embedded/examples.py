"""Examples to learn from: specs drawn at random, their pictures, and what people would call them."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..drawing import COLOURS, KINDS, PATTERNS, ProductSpec, draw
from ..drawing.assortment import ASSORTMENT
from ..drawing.palette import contrasting
from .wording import held_out

SIDE = 128
"""Pictures are kept a little larger than the tower's input, so that they can be moved and scaled in training."""


def combinations(kept_away: bool) -> list[tuple[str, str, str]]:
    """All (kind, colour, pattern) of the training side, or of the held-out side."""
    every = [(kind, colour, pattern) for kind in KINDS for colour in COLOURS for pattern in PATTERNS]
    return [combination for combination in every if held_out(*combination) == kept_away]


def spec_of(combination: tuple[str, str, str], rng: np.random.Generator) -> ProductSpec:
    """A product with these attributes; the second colour, the material and the cut are left to chance."""
    kind, colour, pattern = combination
    second = None if pattern == "plain" else str(rng.choice(contrasting(colour)))
    material = str(rng.choice(ASSORTMENT[kind].materials))
    return ProductSpec(kind, colour, second, pattern, material, int(rng.integers(1 << 30)))


def training_specs(count: int, seed: int) -> list[ProductSpec]:
    """`count` products over all combinations of the training side, each about equally often."""
    rng = np.random.default_rng(seed)
    every = combinations(kept_away=False)
    order = np.concatenate([rng.permutation(len(every)) for _ in range(-(-count // len(every)))])[:count]
    return [spec_of(every[i], rng) for i in order]


def picture(spec: ProductSpec, seed: int) -> np.ndarray:
    """One drawing as bytes (128, 128, 3)."""
    return np.asarray(draw(spec, seed, SIDE))


def pictures(specs: list[ProductSpec], seed: int, cache: Path | None = None, jobs: int = 1) -> np.ndarray:
    """Bytes (n, 128, 128, 3), drawn once by `jobs` processes and kept in the file `cache` for the next time."""
    if cache and cache.exists():
        kept = np.load(cache, mmap_mode="r")
        if len(kept) == len(specs):
            return kept
    seeds = range(seed, seed + len(specs))
    if jobs > 1:
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            made = list(tqdm(pool.map(picture, specs, seeds, chunksize=64), "drawing", len(specs), mininterval=5))
    else:
        made = [picture(*one) for one in tqdm(zip(specs, seeds, strict=True), "drawing", len(specs), mininterval=5)]
    drawn = np.stack(made)
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, drawn)
    return drawn


def opened(drawn: np.ndarray) -> list[Image.Image]:
    """The pictures as PIL images."""
    return [Image.fromarray(picture) for picture in drawn]


def file(path: Path) -> Image.Image:
    """A picture from its file, read at once."""
    with Image.open(path) as image:
        return image.convert("RGB")
