"""How people name what they look for: captions to train with, and wordings kept away from training."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from ..drawing import ProductSpec


@dataclass(frozen=True, slots=True)
class Words:
    """Names for one thing: `seen` in training, the first being the plain one, and `unseen`, kept for the test."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]


def vocabulary(part: str) -> dict[str, Words]:
    """A table of the vocabulary: "kinds" or "patterns"."""
    tables = tomllib.loads((Path(__file__).parent / "vocabulary.toml").read_text("utf-8"))
    return {name: Words(tuple(words["seen"]), tuple(words["unseen"])) for name, words in tables[part].items()}


KINDS = vocabulary("kinds")
PATTERNS = vocabulary("patterns")
COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("red", "red", "red", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow", "yellow", "yellow", "lemon yellow"),
    "green": ("green",),
    "turquoise": ("turquoise", "turquoise", "teal"),
    "blue": ("blue",),
    "navy": ("navy", "navy blue", "dark blue"),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "pink", "rose pink"),
    "brown": ("brown",),
    "beige": ("beige", "beige", "sand-coloured"),
    "grey": ("grey", "gray"),
    "black": ("black",),
    "white": ("white", "white", "white", "off-white"),
}

SEEN = (
    "{what}",
    "a {what}",
    "a photo of a {what}",
    "{what} for sale",
    "I am looking for a {what}",
    "buy {what} online",
    "The {what} from our new collection.",
    "cheap {what} as a present",
    "we need a {what} by Friday",
    "where can I get a {what}",
)
UNSEEN = ("I'd like to buy a {what}", "do you have {what}?", "{what}, please", "show me a {what}")

HELD_OUT_SHARE = 10
"""One in so many combinations of kind, colour and pattern is never shown in training."""


def held_out(kind: str, colour: str, pattern: str) -> bool:
    """Whether a combination of attributes is kept away from training."""
    return crc32(f"{kind}/{colour}/{pattern}".encode()) % HELD_OUT_SHARE == 0


def described(kind: str, colour: str, second: str | None, pattern: str, pattern_first: bool = False) -> str:
    """Words put together: an adjective goes in front of the kind, "with ..." behind it."""
    behind = pattern.startswith(("with ", "covered in ", "full of ", "in "))
    if kind.startswith("something"):
        return f"{kind}, {colour}" + (f" and {second}, {pattern}" if second else f", {pattern}")
    if behind and second and pattern.startswith("with ") and " " not in pattern.removeprefix("with "):
        return f"{colour} {kind} with {second} {pattern.removeprefix('with ')}"
    if behind:
        return f"{colour} and {second} {kind} {pattern}" if second else f"{colour} {kind} {pattern}"
    if second:
        return f"{colour} and {second} {pattern} {kind}".replace("  ", " ")
    return f"{pattern} {colour} {kind}" if pattern_first else f"{colour} {pattern} {kind}"


def plain_caption(spec: ProductSpec) -> str:
    """The first word for everything, both colours, no sentence around it."""
    words = PATTERNS[spec.pattern].seen
    pattern = "" if spec.pattern == "two-tone" and spec.second else words[1] if spec.second else words[0]
    return described(KINDS[spec.kind].seen[0], spec.colour, spec.second, pattern)


def seen_caption(spec: ProductSpec, rng: np.random.Generator) -> str:
    """A caption in any of the words and sentences that training shows."""
    kinds = KINDS[spec.kind].seen
    kind = kinds[0] if rng.random() < 0.3 else str(rng.choice(kinds))
    colour = str(rng.choice(COLOURS[spec.colour]))
    second = str(rng.choice(COLOURS[spec.second])) if spec.second and rng.random() < 0.6 else None
    pattern = str(rng.choice(PATTERNS[spec.pattern].seen))
    # Shops rarely say "plain": a colour and a noun mean that often enough.
    if spec.pattern == "plain" and rng.random() < 0.5:
        what = f"{kind}, {colour}" if kind.startswith("something") else f"{colour} {kind}"
    elif rng.random() < 0.25 and not kind.startswith("something"):
        # Attributes come in any order, and often as afterthoughts.
        what = f"{colour}{f' and {second}' if second else ''} {kind}, {pattern}"
    else:
        what = described(kind, colour, second, pattern, rng.random() < 0.3)
    return what if kind.startswith("something") else str(rng.choice(SEEN)).format(what=what)


def unseen_caption(spec: ProductSpec, rng: np.random.Generator) -> str:
    """A caption in words for kind and pattern, and in a sentence, that training never showed."""
    kind, pattern = str(rng.choice(KINDS[spec.kind].unseen)), str(rng.choice(PATTERNS[spec.pattern].unseen))
    tail = "" if spec.pattern == "plain" else f", {pattern}"
    if kind.startswith("something"):
        return f"{kind}, {spec.colour}{tail}"
    return str(rng.choice(UNSEEN)).format(what=f"{spec.colour} {kind}{tail}")
