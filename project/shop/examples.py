"""Example searches over whatever catalogue is loaded: what `demo --check` runs, and the table it prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db.models import Count

from catalog_search.exceptions import ImageError
from catalog_search.facets import FacetValue
from catalog_search.images import Picture, read_picture
from catalog_search.merchandising import editing
from catalog_search.models import Rule
from catalog_search.searching import Results

from .models import Product
from .search import ProductIndex

STAGES = ("encode", "identifiers", "words", "vectors", "rerank", "hydrate", "facets", "total")
SAMPLES = 3
FAVOURITES = "our favourites"
RECOLOURED = "photo + colour"
MEANING = "meaning"
PAGE = 24


@dataclass(frozen=True, slots=True)
class Example:
    """A search made from a product, which should find it among the first ``within``; 0 demands nothing."""

    kind: str
    product: Product
    text: str = ""
    picture: Picture | None = None
    facets: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    within: int = 10

    @property
    def title(self) -> str:
        """What is searched for, in words."""
        shown = f"photo of {self.product.name}" if self.picture else ""
        return " + ".join(filter(None, (shown, self.text, *(", ".join(values) for values in self.facets.values()))))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an example search gave."""

    example: Example
    results: Results
    rank: int | None
    """Where the product, a variant or one of the same name stands; None where it is not on the page."""

    @property
    def failure(self) -> str:
        """Why this is not good enough, or ""."""
        if self.results.degraded:
            return f"degraded: {', '.join(self.results.degraded)}"
        if self.example.within and (self.rank is None or self.rank > self.example.within):
            return f"not among the first {self.example.within}"
        if self.example.kind == "variant" and self.rank and self.results.hits[self.rank - 1].variants < 2:
            return "no other variant found"
        guidance = self.results.guidance
        if self.example.kind == "misspelt" and not (guidance.instead_of or self.results.did_you_mean):
            return "not corrected"
        return self._miscounted()

    def _miscounted(self) -> str:
        for name in self.example.facets:
            values = self.results.facets[name].found
            if isinstance(values, list) and self.results.total not in [
                one.count for one in _flat(values) if one.chosen
            ]:
                return f"{name} counts something else"
        return ""

    def row(self) -> list[str]:
        """Return the outcome as the cells of the table."""
        best = self.results.hits[0] if self.results.hits else None
        return [
            self.example.kind,
            self.example.title[:44],
            self.results.total_text,
            str(best.object)[:30] if best else "-",
            f"{best.score:.3f}" if best else "-",
            str(self.rank or "-"),
            *(f"{self.results.timings.get(stage, 0):.1f}" for stage in STAGES),
            self.failure or "ok",
        ]


def examples(reads_pictures: bool) -> Iterator[Example]:
    """Yield searches of every kind, made from products spread over the catalogue.

    ``reads_pictures`` says that the model was made for such pictures, so that a photo alone must find its product.
    """
    keys = list(Product.objects.public().order_by("pk").values_list("pk", flat=True))
    spread = [keys[len(keys) * (2 * step + 1) // (2 * SAMPLES)] for step in range(min(SAMPLES, len(keys)))]
    for product in Product.objects.select_related("category").filter(pk__in=spread).order_by("pk"):
        yield Example("text", product, text=product.name)
        yield Example("identifier", product, text=product.sku, within=1)
        yield Example("identifier", product, text=product.sku.lower().replace("-", " "), within=1)
        if product.category:
            yield Example("facet", product, text=product.name, facets={"category": [product.category.path]})
        if (typed := misspelt(product.name)) != product.name:
            yield Example("misspelt", product, text=typed)
    variant = Product.objects.public().filter(parent__is_public=True).order_by("pk").first()
    if variant:
        yield Example("variant", variant, text=f"{variant.name} {variant.colour} {variant.size}")
    slippers = Product.objects.public().filter(category__path__contains="Slippers").order_by("pk").first()
    if reads_pictures and slippers:  # none of these words is in their names
        yield Example(MEANING, slippers, text="something to keep my feet warm")
    for product in Product.objects.filter(pk__in=favourites()):
        yield Example("rule", product, text=FAVOURITES, within=1)
    for product, picture in _pictured(spread):
        yield Example("photo", product, picture=picture, within=10 if reads_pictures else 0)
        yield Example("photo + text", product, text=product.name, picture=picture)
        alike = Product.objects.public().filter(category=product.category).exclude(colour__in=["", product.colour])
        other = alike.select_related("category").order_by("pk").first()
        if other:
            text = f"but in {other.colour}"
            yield Example(RECOLOURED, other, text, picture, within=PAGE if reads_pictures else 0)


def misspelt(name: str) -> str:
    """Return a name with two letters of its longest word swapped; as it is where all words are short."""
    word = max(re.findall(r"[^\W\d_]{6,}", name), key=len, default="")
    for place in range(2, len(word) - 1):
        if word[place] != word[place + 1]:
            swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
            return name.replace(word, swapped, 1)
    return name


def favourites() -> list[str]:
    """Make the demo's rule, where it is not there: it pins the most popular product. Return what it pins."""
    best = Product.objects.public().order_by("-popularity", "pk").first()
    with editing("demo"):
        rule, is_new = Rule.objects.get_or_create(
            index=ProductIndex.registered().label, name="Our favourites", defaults={"searches": FAVOURITES}
        )
        if is_new and best:
            rule.actions.create(kind="pin", product=str(best.pk), position=1)
            rule.actions.create(kind="banner", text="What other visitors like best")
    return list(rule.actions.filter(kind="pin").values_list("product", flat=True))


def run(example: Example) -> Outcome:
    """Run one example through the public search of the index."""
    search = partial(ProductIndex.search, example.text, image=example.picture, facets=example.facets)
    results = search()
    if results.degraded:  # a machine with other work may be late once
        results = search()
    wanted = example.product
    family = set(ProductIndex.registered().family(wanted))

    def right(found: Product) -> bool:
        if example.kind == RECOLOURED:  # any of its kind in that colour
            return (found.category, found.colour) == (wanted.category, wanted.colour)
        if example.kind == MEANING:
            return found.category == wanted.category
        return found in family or found.name == wanted.name

    ranks = (rank for rank, hit in enumerate(results.hits, start=1) if right(hit.object))
    return Outcome(example, results, next(ranks, None))


def table(outcomes: Sequence[Outcome]) -> str:
    """Lay outcomes out as a table; times in milliseconds."""
    header = ["query", "searched for", "found", "first", "score", "rank", *STAGES, "verdict"]
    rows = [header, *(outcome.row() for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _flat(values: Iterable[FacetValue]) -> Iterator[FacetValue]:
    for value in values:
        yield value
        yield from _flat(value.children)


def _pictured(near: Sequence[int]) -> Iterator[tuple[Product, Picture]]:
    """Yield products with a readable picture, from those places of the catalogue on.

    Those with most pictures come first: the only one of a product may be of its closed box.
    """
    for start in near:
        shown = Product.objects.public().filter(pk__gte=start).annotate(pictures=Count("images")).order_by("pk")
        for product in sorted(shown.filter(pictures__gt=0)[:20], key=lambda one: -one.pictures):
            picture = _picture(product)
            if picture:
                yield product, picture
                break


def _picture(product: Product) -> Picture | None:
    image = product.images.first()
    try:
        with image.file.open() as file:
            return read_picture(file)
    except (OSError, ImageError):
        return None
