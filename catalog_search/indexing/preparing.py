"""Preparing: the model of a new generation is loaded, and measured on a sample of the products."""

from __future__ import annotations

import logging
import time

from ..backends.base import Embedder
from ..content import Content
from ..embedding import embed, modality_means, needs_means
from ..exceptions import CatalogSearchError, Unavailable
from ..models import Document, Generation
from ..registry import registry
from ..routers import reading_what_was_written
from .generations import of_same_model
from .reading import draft, read

logger = logging.getLogger(__name__)

MEANS_SAMPLE = 200
RATE_SAMPLE = 32
PACE = {"rate", "pictures"}
"""What is measured of a model on a sample."""
RARE = 0.02
"""The share of products below which a sample may show none of what they have."""


@reading_what_was_written()
def prepare(generation: Generation) -> None:
    """Load the model, note its dimensions, measure the modality means; the generation then takes documents.

    Of several workers that do so at once the first counts, for means that were measured twice differ. Means are taken
    over from an earlier generation of the same model, so that its vectors can be reused; not where that one was begun
    before the shop had anything to measure.
    """
    if generation.state != Generation.State.PREPARING:
        return
    embedder = generation.embedder
    earlier = of_same_model(generation).filter(dimensions=embedder.dimensions).first()
    means = earlier.mean_vectors if earlier else {}
    lacking = embedder.modalities - means.keys() if needs_means(embedder) else set()
    if earlier and "rate" in earlier.measured and not lacking:
        generation.measured = {name: earlier.measured[name] for name in PACE & earlier.measured.keys()}
    else:
        contents, generation.measured = _measure(generation, embedder)
        if any(sum(kind in one.modalities for one in contents) > 1 for kind in lacking):
            means = modality_means(embedder, contents)
    generation.mean_vectors = means
    generation.move(
        {Generation.State.PREPARING},
        state=Generation.State.BUILDING,
        dimensions=embedder.dimensions,
        definition=generation.definition,
        means=generation.means,
        measured=generation.measured,
        error="",
    )


def measure_pace(generation: Generation) -> dict[str, float]:
    """Measure what an estimate needs of a generation that was begun before there were products."""
    return _measure(generation, generation.embedder)[1]


def unmeasured(generation: Generation) -> str:
    """Say what a generation holds by now that its model was not measured on; empty where there is nothing to say."""
    try:
        embedder = generation.embedder
    except CatalogSearchError:  # who needs it will hear of that
        return ""
    documents = generation.own(Document)
    held = {"image": documents.filter(pictures=Document.Pictures.OK), "text": documents.exclude(text="")}
    lacking = embedder.modalities - generation.mean_vectors.keys() if needs_means(embedder) else set()
    enough = 1 + documents.count() * RARE if lacking else 0
    kinds = " and ".join(sorted(kind for kind in lacking if held[kind].count() > enough))
    return f"The mean of {kinds} was not measured, for there was none: rebuild_search_index --fresh" if kinds else ""


def _measure(generation: Generation, embedder: Embedder) -> tuple[list[Content], dict[str, float]]:
    """Return a sample of contents, and what an estimate needs: products a second, and pictures of a product."""
    index = registry.get(generation.index)
    sample = index.index_queryset().using(generation.alias).order_by("?").values_list("pk", flat=True)[:MEANS_SAMPLE]
    keys = [str(key) for key in sample]
    start = time.perf_counter()
    contents, found = _contents(generation, keys)
    loading = time.perf_counter() - start
    measured = {"pictures": found / len(keys)} if keys else {}
    timed = contents[:RATE_SAMPLE]
    try:
        if timed:
            embed(embedder, timed[:1], "document", {})  # the first call of a model takes longer
            start = time.perf_counter()
            embed(embedder, timed, "document", {})
            each = loading / len(keys) + (time.perf_counter() - start) / len(timed)
            measured["rate"] = 1 / max(each, 1e-6)
    except Unavailable:
        raise
    except Exception as error:  # a product in the sample that the model, foreign code, refuses: the build names it
        logger.warning("%s: the rate could not be measured: %s", generation, error)
    return contents, measured


def _contents(generation: Generation, keys: list[str]) -> tuple[list[Content], int]:
    """Return what is there to embed of some products, the first picture of each, and how many pictures they have."""
    readings, _ = read(generation, keys)
    main = [one for one in readings if one.language == generation.languages[0]]
    contents = [Content(one.content.text, one.content.image) for one in draft(main)]
    return [one for one in contents if one], sum(len(one.files) for one in main)
