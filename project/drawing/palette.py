"""Colours by name, and how they vary."""

import numpy as np

Colour = np.ndarray
"""Three floats in 0..1: red, green, blue."""


def rgb(code: str) -> Colour:
    """A colour from its six hexadecimal digits."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


COLOURS: dict[str, Colour] = {
    "red": rgb("cf2f33"),
    "orange": rgb("ee8226"),
    "yellow": rgb("f4cb36"),
    "green": rgb("4c9a4b"),
    "turquoise": rgb("37b6b0"),
    "blue": rgb("3a76d2"),
    "navy": rgb("232f5e"),
    "purple": rgb("7d4aa5"),
    "pink": rgb("f093b4"),
    "brown": rgb("7c4e31"),
    "beige": rgb("dcc6a0"),
    "grey": rgb("8d9197"),
    "black": rgb("29292d"),
    "white": rgb("f5f3ef"),
}

BACKDROPS: tuple[Colour, ...] = tuple(
    rgb(code)
    for code in (
        "efe6da",
        "dfe6dc",
        "f0dfd9",
        "d9e3ea",
        "e6e1ec",
        "e9e9e6",
        "cfd8d0",
        "e8cfc0",
        "c3cfd9",
        "d8c9b6",
        "bcc7b7",
        "c9bccb",
    )
)
"""Quiet colours for walls and tables."""

WOOD = rgb("b98a5a")
STEEL = rgb("b9bec4")
BRASS = rgb("c9a45c")
CARDBOARD = rgb("c39a6b")
LEAF = rgb("4f8a4a")
INK = rgb("3a3a40")
PAPER = rgb("faf8f3")


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with a `share` (0..1) of `second` in it."""
    return first * (1 - share) + second * share


def darker(colour: Colour, share: float = 0.25) -> Colour:
    """The colour in shade."""
    return colour * (1 - share)


def lighter(colour: Colour, share: float = 0.25) -> Colour:
    """The colour in light."""
    return mix(colour, np.ones(3, np.float32), share)


def contrasting(name: str) -> list[str]:
    """The colours that show on this one."""
    return [other for other, shade in COLOURS.items() if np.abs(shade - COLOURS[name]).sum() > 0.45]


def jittered(name: str, rng: np.random.Generator) -> Colour:
    """A colour as one maker would dye it: close to the name's, never twice the same."""
    base = COLOURS[name]
    return np.clip(base * rng.normal(1, 0.025) + rng.normal(0, 0.012, 3), 0, 1).astype(np.float32)
