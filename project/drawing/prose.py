"""Names and descriptions, put together from sentences as a shop would write them."""

import tomllib
from pathlib import Path

import numpy as np

from .assortment import Line
from .spec import ProductSpec

SENTENCES: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text("utf-8"))

BRANDS = (
    "Brindlemoor",
    "Wrenfold",
    "Quillmarsh",
    "Pondelle",
    "Hollivar",
    "Lumbrook",
    "Kestrelby",
    "Ottervale",
    "Tindleby",
    "Marlowind",
    "Junivar",
    "Peppercroft",
    "Snugfold",
    "Velloway",
    "Nimbrook",
    "Fennikin",
)

SERIES = (
    *(
        "Alma",
        "Bruno",
        "Cato",
        "Dagny",
        "Elin",
        "Fjord",
        "Gusto",
        "Harbour",
        "Ida",
        "Jonna",
        "Karlo",
        "Linden",
        "Marlow",
    ),
    *(
        "Nils",
        "Odette",
        "Pico",
        "Quinn",
        "Rasmus",
        "Solveig",
        "Tove",
        "Una",
        "Vilma",
        "Willow",
        "Ylva",
        "Zeno",
        "Atlas",
    ),
    *("Birch", "Cabin", "Dune", "Ember", "Fable", "Grove", "Haven", "Isla", "Juno", "Lark", "Meadow", "Nook", "Orla"),
)

PATTERN_WORDS: dict[str, tuple[str, ...]] = {
    "plain": ("Plain",),
    "stripes": ("Striped", "Stripy"),
    "dots": ("Dotted", "Polka dot", "Spotted"),
    "checks": ("Checked", "Gingham"),
    "zigzag": ("Zigzag", "Chevron"),
    "flowers": ("Floral", "Flowered"),
    "stars": ("Starry", "Star print"),
    "two-tone": ("Two-tone", "Colour-block"),
}

LOOKS: dict[str, tuple[str, ...]] = {
    "plain": (
        "In {colour} through and through, with nothing to distract from it.",
        "A plain {colour} that goes with nearly everything.",
        "We dyed it {colour} and left it at that.",
    ),
    "stripes": (
        "Even stripes in {second} on {colour}.",
        "{Colour} with {second} stripes, like a good beach hut.",
        "The {second} stripes run all the way round on a {colour} ground.",
    ),
    "dots": (
        "{Colour}, sprinkled with {second} dots.",
        "A cheerful pattern of {second} dots on {colour}.",
        "Round {second} spots on a {colour} ground.",
    ),
    "checks": (
        "A classic gingham in {colour} and {second}.",
        "Checked in {colour} and {second}, as for a picnic.",
        "{Colour} and {second} checks meet neatly at every edge.",
    ),
    "zigzag": (
        "A lively zigzag in {second} runs over the {colour}.",
        "{Colour}, with chevrons in {second}.",
        "Zigzag lines in {second} on a {colour} ground.",
    ),
    "flowers": (
        "Strewn with {second} flowers on {colour}.",
        "{Colour} with a floral print in {second}.",
        "Little {second} blossoms on a {colour} ground.",
    ),
    "stars": (
        "A sky of {second} stars on {colour}.",
        "{Colour}, covered in {second} stars.",
        "Printed with {second} stars on a {colour} ground.",
    ),
    "two-tone": (
        "Half {colour}, half {second}, with a clean line between.",
        "Two-tone: {colour} above and {second} below.",
        "{Colour} meets {second} in the middle.",
    ),
}

MATERIALS: dict[str, tuple[str, ...]] = {
    "cotton": (
        "Woven from organic cotton.",
        "The cotton comes from small farms and is washed before sewing.",
        "Pure cotton, machine washable at 40 degrees.",
    ),
    "linen": (
        "Linen that gets better with every wash.",
        "Made of European linen, cool to the touch.",
        "A linen with a little texture.",
    ),
    "wool": (
        "Spun from the wool of sheep that live outdoors.",
        "Fine merino wool; wash it by hand.",
        "The wool is soft and does not pill.",
    ),
    "denim": ("A mid-weight denim, washed once.", "Sturdy denim with a bit of give."),
    "canvas": ("Heavy cotton canvas that ages well.", "Made of waxed canvas, so drizzle is no matter."),
    "velvet": ("Upholstery velvet with a short, dense pile.", "A velvet that hardly marks."),
    "plush": ("The softest plush we could find.", "Short plush that stays fluffy."),
    "leather": (
        "Vegetable-tanned leather, dyed through.",
        "The leather is smooth now and will be handsome later.",
        "Made of full-grain leather; feed it once a year.",
    ),
    "nylon": ("Light ripstop nylon.", "Woven from recycled nylon."),
    "ceramic": (
        "Thrown in stoneware and glazed twice.",
        "Ceramic with a glossy glaze.",
        "Fired at 1,240 degrees, so it minds no dishwasher.",
    ),
    "porcelain": ("Fine porcelain, thin at the lip.", "Hard porcelain with a clear ring."),
    "enamel": ("Enamelled steel, almost indestructible.", "Steel with a smooth coat of enamel."),
    "aluminium": ("Spun from a single sheet of aluminium.", "Light, recyclable aluminium."),
    "plastic": ("Made of recycled plastic, free of BPA.", "A tough plastic that can be recycled again."),
    "wood": (
        "Solid beech from managed forests.",
        "Made of ash, sanded and lacquered.",
        "Birch wood with a water-based finish.",
    ),
    "rubber": ("Natural rubber, vulcanised in one piece.", "Made of natural rubber."),
    "paper": ("Made without plastic, from certified fibres.", "Carefully made from renewable material."),
    "wax": ("Made of rapeseed wax.", "A blend of beeswax and plant wax."),
    "glass": ("Mouth-blown glass, tinted in the mass.", "Thick glass with a soft sheen."),
    "foam": ("A closed-cell foam that wipes clean.", "Foam made from natural latex."),
}

CLOSERS = (
    "A small thing that makes a good day better.",
    "A present that nobody has two of.",
    "Made in small runs; when they are gone, they are gone.",
    "Designed in our studio by the harbour.",
    "Sent without plastic packaging.",
    "We have used ours for three years and see no reason to stop.",
    "Spare parts are available for as long as we exist.",
    "Bring it back within sixty days if it does not make you smile.",
    "{brand} has made these since 1974.",
    "{brand} gives five years of guarantee on it.",
    "The {series} series is one of our oldest and still the most loved.",
    "Goes well with the rest of the {series} series.",
    "Winner of our customers' choice last year.",
    "For yourself, or for somebody you would like to see more often.",
    "Easy to look after and hard to wear out.",
    "Quietly good design at a fair price.",
)


def name_of(spec: ProductSpec, line: Line, series: str, said: bool, rng: np.random.Generator) -> str:
    """A product's name; only where `said` does it tell colour and pattern."""
    noun = str(rng.choice(line.nouns))
    if not said:
        return f"{series} {noun}"
    pattern = "" if spec.pattern == "plain" else f"{rng.choice(PATTERN_WORDS[spec.pattern])} "
    colours = f"{spec.colour} and {spec.second}" if spec.second and rng.random() < 0.5 else spec.colour
    if rng.random() < 0.5:
        lower = noun if noun == "T-shirt" else noun.lower()
        return f"{series} {pattern.lower()}{lower} in {colours}" if pattern else f"{series} {lower} in {colours}"
    return f"{pattern}{noun} {series}, {colours}"


def description_of(spec: ProductSpec, brand: str, series: str, said: bool, rng: np.random.Generator) -> str:
    """Three to five sentences about the thing, its material and, where `said`, its looks."""
    about = [str(sentence) for sentence in rng.permutation(SENTENCES[spec.kind])[: rng.integers(1, 4)]]
    parts = [about[0]]
    if said:
        look = str(rng.choice(LOOKS[spec.pattern]))
        parts.append(look.format(colour=spec.colour, Colour=spec.colour.capitalize(), second=spec.second))
    parts += about[1:]
    if rng.random() < 0.8:
        parts.insert(int(rng.integers(1, len(parts) + 1)), str(rng.choice(MATERIALS[spec.material])))
    if rng.random() < 0.6:
        parts.append(str(rng.choice(CLOSERS)).format(brand=brand, series=series))
    return " ".join(parts)
