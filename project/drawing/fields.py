"""Small operations on pictures held as float arrays."""

from functools import cache

import numpy as np
from PIL import Image

Field = np.ndarray


@cache
def bell(radius: float) -> tuple[float, ...]:
    """The weights of a blur, from one side to the other."""
    reach = int(np.ceil(3 * radius))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    return tuple(weights / weights.sum())


def blurred(field: Field, radius: float) -> Field:
    """A soft version of a 2-d field, in float: 8-bit blurs show as terraces once light falls on them.

    What lies outside counts as empty. Sums of shifted copies: as quick as matrix products at this size, and they
    start no threads.
    """
    rows, columns = field.shape
    if radius >= 6 and min(rows, columns) >= 24:
        half = resized(field, columns // 2, rows // 2)
        return resized(blurred(half, radius / 2), columns, rows)
    weights = bell(max(0.5, round(radius * 4) / 4))
    reach = len(weights) // 2
    for _ in range(2):
        wide = np.zeros((field.shape[0] + 2 * reach, field.shape[1]), np.float32)
        wide[reach : reach + field.shape[0]] = field
        field = sum(weight * wide[i : i + field.shape[0]] for i, weight in enumerate(weights)).T
    return field


def resized(field: Field, width: int, height: int) -> Field:
    """A 2-d field at another size, smoothly."""
    if field.shape == (height, width):
        return field
    return np.asarray(Image.fromarray(field.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))


@cache
def relief() -> Field:
    """A fixed smooth landscape (512, 512), about -1..1, from which folds are cut."""
    rng = np.random.default_rng(11)
    land = sum(
        resized(rng.normal(size=(n, n)).astype(np.float32), 512, 512) * share
        for n, share in ((5, 1.0), (11, 0.5), (23, 0.16))
    )
    return (land / np.abs(land).max()).astype(np.float32)


@cache
def speckle() -> Field:
    """Fixed fine noise (1280, 1280) with unit deviation: the threads of a cloth."""
    return np.random.default_rng(12).normal(size=(1280, 1280)).astype(np.float32)
