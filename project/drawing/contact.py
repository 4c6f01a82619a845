"""The contact sheets in docs/images: `python -m project.drawing.contact`."""

from pathlib import Path

import numpy as np
from PIL import Image

from .assortment import ASSORTMENT
from .catalogue import looks
from .picture import draw

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
COLUMNS, ROWS, SIDE, GAP = 10, 6, 150, 10
SHEETS = {
    "wardrobe": ("Clothing", "Shoes", "Bags"),
    "home": ("Kitchen", "Furniture", "Home"),
    "leisure": ("Toys", "Sports", "Stationery", "Garden"),
}
"""Categories on each sheet."""


def sheet(categories: tuple[str, ...], seed: int) -> Image.Image:
    """Products of these categories, the kinds in turn, each look by chance."""
    rng = np.random.default_rng(seed)
    kinds = [kind for kind, line in ASSORTMENT.items() if line.category.split(" > ")[0] in categories]
    whole = Image.new("RGB", tuple(GAP + count * (SIDE + GAP) for count in (COLUMNS, ROWS)), "white")
    for place in range(COLUMNS * ROWS):
        photo = draw(looks(kinds[place % len(kinds)], rng), seed * 1000 + place, 2 * SIDE)
        row, column = divmod(place, COLUMNS)
        corner = GAP + column * (SIDE + GAP), GAP + row * (SIDE + GAP)
        whole.paste(photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS), corner)
    return whole


def main() -> None:
    """Draw all sheets."""
    for seed, (name, categories) in enumerate(SHEETS.items(), start=21):
        sheet(categories, seed).save(IMAGES / f"contact-{name}.jpg", quality=84, optimize=True, progressive=True)


if __name__ == "__main__":
    main()
