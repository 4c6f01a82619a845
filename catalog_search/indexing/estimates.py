"""Estimates: what building a generation will take, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

from ..conf import settings
from ..models import Generation
from ..registry import registry
from ..sql import execute
from .documents import REUSABLE, reusable
from .generations import of_same_model


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left to do for a prepared generation."""

    products: int
    """Products in the shop."""
    known: int
    """Those that this model embedded before, in this or another generation: free where they did not change."""
    pictures: int
    """About how many pictures belong to those that are to be embedded."""
    rate: float | None
    """Products a second that one worker loaded and embedded of a sample; None where it could not be measured."""
    languages: int = 1

    @property
    def new(self) -> int:
        """How many products have to be embedded."""
        return max(0, self.products - self.known)

    @property
    def cost(self) -> float:
        """What that costs at PRICE_PER_THOUSAND, in its currency."""
        return self.new * self.languages * settings.PRICE_PER_THOUSAND / 1000

    def seconds(self, workers: int) -> float | None:
        """Return how long so many workers take for what is new, each with a processor of its own."""
        return self.new / (self.rate * workers) if self.rate else None


def estimate(generation: Generation) -> Estimate:
    """Estimate what building takes, of a generation that is prepared, or planned with a model measured before."""
    index = registry.get(generation.index)
    measured = generation.measured or of_same_model(generation).values_list("measured", flat=True).first() or {}
    products = index.index_queryset().using(generation.alias).count()
    # One that is planned takes the means over.
    prepared = generation if generation.dimensions else of_same_model(generation).first() or generation
    statement = f"SELECT count(DISTINCT document.object_key) {REUSABLE} WHERE generation.index = %s"
    ((recorded,),) = execute(generation.alias, statement, (*reusable(prepared), generation.index))
    known = min(products, recorded)
    pictures = round((products - known) * measured.get("pictures", 0))
    return Estimate(products, known, pictures, measured.get("rate"), len(index.language_codes))
