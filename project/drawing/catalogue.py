"""A shop's catalogue, written and drawn from a seed."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .assortment import ASSORTMENT
from .palette import COLOURS, contrasting
from .patterns import PATTERNS
from .picture import draw
from .prose import BRANDS, SERIES, description_of, name_of
from .spec import ProductSpec

SAID_IN = ("both", "photo", "text")
SHARES = (0.7, 0.18, 0.12)
"""How many products tell colour and pattern in photo and text, in the photo alone, in the text alone."""

FIRST_DAY = date(2024, 1, 8)
CODES = dict(zip(COLOURS, re.findall("..", "RDORYEGNTQBUNVPUPKBNBGGYBKWH"), strict=True))


@dataclass(frozen=True, slots=True)
class Entry:
    """A product before it is written down: looks, where they are told, and what it shares with its family."""

    spec: ProductSpec
    said_in: str
    brand: str
    series: str
    parent: str | None = None
    size: str | None = None
    photo: int = 0


def checksum(digits: str) -> str:
    """The thirteenth digit of an EAN from its first twelve."""
    return str(-sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits)) % 10)


def looks(kind: str, rng: np.random.Generator) -> ProductSpec:
    """A product of a kind, as its maker might choose it."""
    pattern = "plain" if rng.random() < 0.25 else str(rng.choice([name for name in PATTERNS if name != "plain"]))
    colour = str(rng.choice(list(COLOURS)))
    second = str(rng.choice(contrasting(colour)))
    material = str(rng.choice(ASSORTMENT[kind].materials))
    return ProductSpec(
        kind, colour, None if pattern == "plain" else second, pattern, material, int(rng.integers(1 << 30))
    )


def family(kind: str, first: int, rng: np.random.Generator) -> list[Entry]:
    """A product, or one with its variants in other colours or sizes; `first` is the number the family begins with."""
    spec = looks(kind, rng)
    said_in = str(rng.choice(SAID_IN, p=SHARES))
    parent = Entry(spec, said_in, str(rng.choice(BRANDS)), str(rng.choice(SERIES)), photo=first)
    sizes = ASSORTMENT[kind].sizes
    if sizes:
        middle = len(sizes) // 2
        parent = replace(parent, size=sizes[middle])
    chance = rng.random()
    if chance < 0.22:
        free = [colour for colour in contrasting(spec.second or spec.colour) if colour != spec.colour]
        others = [str(colour) for colour in rng.choice(free, int(rng.integers(1, 4)), replace=False)]
        looks_like = [replace(spec, colour=colour) for colour in others]
        variants = [replace(parent, spec=look, photo=first + 1 + i) for i, look in enumerate(looks_like)]
    elif sizes and chance < 0.5:
        others = [size for size in sizes if size != parent.size]
        chosen = sorted(rng.choice(len(others), min(len(others), int(rng.integers(2, 4))), replace=False))
        variants = [replace(parent, size=others[i]) for i in chosen]
    else:
        variants = []
    return [parent, *[replace(variant, parent=product_id(first)) for variant in variants]]


def product_id(number: int) -> str:
    """The id of the product with this number."""
    return f"P{number:04d}"


def entries(products: int, rng: np.random.Generator) -> Iterator[Entry]:
    """So many products, all kinds about equally often."""
    kinds, number = [], 0
    while number < products:
        kinds = kinds or [str(kind) for kind in rng.permutation(list(ASSORTMENT))]
        members = family(kinds.pop(), number, rng)[: products - number]
        yield from members
        number += len(members)


def sizes_of(entry: Entry) -> dict[str, str]:
    """Attributes that only some kinds have."""
    return {"size": entry.size} if entry.size else {}


def record(number: int, entry: Entry, images: list[str], words: np.random.Generator) -> dict[str, Any]:
    """One line of the catalogue. `words` chooses the sentences; members of a family bring equal ones."""
    spec, line = entry.spec, ASSORTMENT[entry.spec.kind]
    said = entry.said_in != "photo"
    own = np.random.default_rng([spec.style, number, 5])
    cheap, dear = line.price
    price = round(float(np.random.default_rng(spec.style).triangular(cheap, cheap + 0.3 * (dear - cheap), dear))) - 0.05
    initials = (entry.brand[0] + entry.brand[len(entry.brand) // 2]).upper()
    digits = f"400{int(own.integers(1e9)):09d}"
    name = name_of(spec, line, entry.series, said, words)
    told = {"colour": spec.colour, "pattern": spec.pattern} if said else {}
    if said and spec.second:
        told["second_colour"] = spec.second
    return {
        "id": product_id(number),
        "name": f"{name}, size {entry.size}" if entry.size and entry.parent else name,
        "description": description_of(spec, entry.brand, entry.series, said, words),
        "price": price,
        "currency": "EUR",
        "category": line.category,
        "attributes": {**told, "material": spec.material, **sizes_of(entry)},
        "image": images[0],
        "images": images,
        "brand": entry.brand,
        "sku": f"{initials}-{1000 + number * 7919 % 9000}-{CODES[spec.colour] if said else 'NX'}",
        "ean": digits + checksum(digits),
        "stock": 0 if own.random() < 0.06 else int(own.gamma(2, 20)) + 1,
        "popularity": round(float(own.beta(1.3, 4)), 3),
        "colour": spec.colour if said else "",
        "pattern": spec.pattern if said else "",
        "material": spec.material,
        "size": entry.size or "",
        "parent": entry.parent,
        "is_public": bool(own.random() > 0.03),
        "created": (FIRST_DAY + timedelta(days=int(own.integers(0, 900)))).isoformat(),
        "truth": {
            "kind": spec.kind,
            "colour": spec.colour,
            "second": spec.second,
            "pattern": spec.pattern,
            "said_in": entry.said_in,
        },
    }


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture of a product: its file, and what to draw."""

    file: str
    spec: ProductSpec
    seed: int


def photographs(entry: Entry, seed: int) -> list[Photograph]:
    """A product's pictures, one or two; sizes of one thing share theirs."""
    spec = replace(entry.spec, view="boxed") if entry.said_in == "text" else entry.spec
    many = 2 if entry.photo % 3 == 0 and entry.said_in != "text" else 1
    return [
        Photograph(f"images/{product_id(entry.photo)}{'ab'[i]}.jpg", spec, seed * 100_000 + entry.photo * 10 + i)
        for i in range(many)
    ]


def listed(products: int, seed: int) -> Iterator[tuple[dict[str, Any], list[Photograph]]]:
    """The lines of a catalogue, each with the photographs it names, which are not taken yet."""
    for number, entry in enumerate(entries(products, np.random.default_rng(seed))):
        photos = photographs(entry, seed)
        words = np.random.default_rng([seed, entry.spec.style, 9])
        yield record(number, entry, [photo.file for photo in photos], words), photos


def write_catalogue(
    folder: Path, products: int = 640, seed: int = 1, size: int = 480, progress: Callable[[str], object] | None = None
) -> Path:
    """Write `catalog.jsonl` and `images/*.jpg` into a folder and return the path of the first.

    The same arguments give the same files. `size` is the side of the pictures in pixels; `progress` is called with
    the id of every product once it is done, for a progress bar.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    drawn: set[str] = set()
    path = folder / "catalog.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for product, photos in listed(products, seed):
            for photo in photos:
                if photo.file not in drawn:
                    draw(photo.spec, photo.seed, size).save(folder / photo.file, quality=88)
                    drawn.add(photo.file)
            lines.write(json.dumps(product) + "\n")
            if progress:
                progress(product["id"])
    return path
