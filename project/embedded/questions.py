"""Questions that a shop is asked, with how well each of its products answers them: what the reranker learns from."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..drawing import COLOURS, ProductSpec
from ..drawing.catalogue import SAID_IN, SHARES, Entry, record
from ..drawing.prose import BRANDS, SERIES
from . import examples, wording
from .legibility import document_text
from .reader import ASPECTS


@dataclass(frozen=True, slots=True)
class Offer:
    """A product: its line of the catalogue, its text, and what is drawn for it (a closed carton among others)."""

    product: dict[str, Any]
    text: str
    spec: ProductSpec
    shown: ProductSpec


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: words, the number of the product whose photo goes with them (or None), what would be right.

    `wanted` holds the kind and those of colour, second colour and pattern that were named; `quoted` says that the words
    are a product's own, so that those are meant which say just that.
    """

    text: str
    photo: int | None
    wanted: dict[str, str]
    quoted: bool = False


def offer(number: int, spec: ProductSpec, rng: np.random.Generator, plainly: bool = False) -> Offer:
    """A product of a shop; its text is laid out as the demo's index does it, and unless `plainly` in other ways too."""
    said_in = str(rng.choice(SAID_IN, p=SHARES))
    entry = Entry(spec, said_in, str(rng.choice(BRANDS)), str(rng.choice(SERIES)), photo=number)
    product = record(number, entry, [""], rng)
    category = product["category"].split(" > ")[-1]
    indexed = "\n".join((product["name"], product["brand"], category, product["description"]))
    luck = 0.0 if plainly else rng.random()
    shorter = document_text(product) if luck < 0.85 else product["name"] if luck < 0.95 else product["description"]
    text = indexed if luck < 0.6 else shorter
    return Offer(product, text, spec, replace(spec, view="boxed") if said_in == "text" else spec)


def swapped(spec: ProductSpec) -> ProductSpec | None:
    """The same thing with its two colours exchanged, where training may show that."""
    if not spec.second or wording.held_out(spec.kind, spec.second, spec.pattern):
        return None
    return replace(spec, colour=spec.second, second=spec.colour)


def assortment(count: int, seed: int, alike: int = 2) -> list[Offer]:
    """So many products of the training side: few enough combinations that each has some `alike`, many look-alikes."""
    rng = np.random.default_rng([seed, 11])
    every = examples.combinations(kept_away=False)
    chosen = [every[i] for i in rng.permutation(len(every))[: max(1, count // alike)]]
    specs: list[ProductSpec] = []
    while len(specs) < count:
        for combination in chosen:
            specs.append(examples.spec_of(combination, rng))
            twin = swapped(specs[-1])
            if twin and rng.random() < 0.25:
                specs.append(twin)
    return [offer(number, spec, rng) for number, spec in enumerate(specs[:count])]


def named(text: str, colour: str | None) -> bool:
    """Does a caption name a colour, in any of its words?"""
    return bool(colour) and any(re.search(rf"\b{re.escape(word)}\b", text) for word in wording.COLOURS[colour])


def question(number: int, offers: list[Offer], rng: np.random.Generator) -> Question:
    """Any question that one of the products answers."""
    one = offers[number]
    spec, luck = one.spec, rng.random()
    if one.shown.view != "front":
        luck = 0.34 + 0.66 * luck  # a closed carton asks for nothing
    kind = {"kind": spec.kind}
    if luck < 0.08:
        return Question(one.product["name"], None, kind, quoted=True)
    if luck < 0.12:
        sentences = re.split(r"(?<=[.!?])\s+", one.product["description"])
        return Question(str(rng.choice(sentences)), None, kind, quoted=True)
    if luck < 0.22:
        every = {"kind": spec.kind, "colour": spec.colour, "pattern": spec.pattern}
        return Question("", number, every)
    if luck < 0.34:
        # "Like this, but in green": what is said goes before what is shown.
        noun = str(rng.choice(wording.KINDS[spec.kind].seen))
        colour = str(rng.choice([name for name in COLOURS if name != spec.colour]))
        frame = str(rng.choice(BUT))
        text = frame.format(colour=rng.choice(wording.COLOURS[colour]), kind=noun)
        return Question(text, number, {"kind": spec.kind, "colour": colour, "pattern": spec.pattern})
    if luck < 0.42:
        noun, pattern = rng.choice(wording.KINDS[spec.kind].seen), rng.choice(wording.PATTERNS[spec.pattern].seen)
        if rng.random() < 0.5:
            return Question(str(noun), None, kind)
        return Question(f"{pattern} {noun}", None, {**kind, "pattern": spec.pattern})
    text = wording.plain_caption(spec) if luck < 0.5 else wording.seen_caption(spec, rng)
    if luck > 0.85:
        text = str(rng.choice(FRAMES)).format(what=text)
    wanted = {**kind, "colour": spec.colour, "pattern": spec.pattern}
    if named(text, spec.second):
        wanted["second"] = str(spec.second)
    return Question(text, None, wanted)


FRAMES = (
    "looking for {what}",
    "is there a {what} in stock",
    "any {what} left",
    "best {what} under 50",
    "{what} for my sister",
    "could you find me a {what}",
    "my old one broke: {what}",
    "{what} sale",
    "have you got a {what}",
    "I need {what} like the one I saw",
)
BUT = (
    "but in {colour}",
    "in {colour}",
    "{colour}",
    "like this in {colour}",
    "the same in {colour}",
    "{colour} {kind}",
    "this {kind} in {colour}",
    "{colour} instead",
)


def grades(asked: Question, offers: list[Offer], places: np.ndarray) -> np.ndarray:
    """How well products answer, 0 to 4: nothing without the right kind, then one for each thing that was named."""
    wanted = asked.wanted
    found = np.zeros(len(places), np.float32)
    for row, place in enumerate(places):
        spec = offers[place].spec
        if spec.kind == wanted["kind"]:
            found[row] = sum(wanted[aspect] == getattr(spec, aspect) for aspect in ASPECTS if aspect in wanted)
        if asked.quoted and asked.text in offers[place].text:
            found[row] = 4
    return found


def matches(asked: Question, offers: list[Offer], places: np.ndarray) -> np.ndarray:
    """Whether kind, colour, second colour and pattern are those asked for (n, 4); NaN for what was not named."""
    wanted = asked.wanted
    return np.array(
        [
            [
                float(wanted[aspect] == getattr(offers[place].spec, aspect)) if aspect in wanted else np.nan
                for aspect in ASPECTS
            ]
            for place in places
        ],
        np.float32,
    )
