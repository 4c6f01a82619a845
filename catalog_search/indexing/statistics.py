"""Statistics: what is measured of a loaded generation, so that searches can tell near from far."""

from __future__ import annotations

import logging
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..content import Content
from ..embedding import embed
from ..exceptions import Unavailable
from ..fusion import Vector
from ..languages import LETTER
from ..models import Document, Generation
from ..sql import execute

logger = logging.getLogger(__name__)

_DOCUMENTS = Document._meta.db_table

SAMPLE = 2000
BACKGROUND = 500
PHRASES = 200
FEWEST_PHRASES = 20
"""With fewer phrases a catalogue tells too little about itself."""
SHARED_BY = 3
"""Documents that must hold a phrase: one alone may be a name."""
_WORD = re.compile(rf"{LETTER}{{3,}}")


def measure(generation: Generation) -> None:
    """Sample the documents of a generation and keep what the sample tells; the caller saves it.

    ``background`` holds vectors of products in general, ``statistics`` how many "documents" there are, the average
    length of each field ("lengths") and how near a text query comes to the products it means ("nearness"). Raises
    Unavailable where the model does not answer: that passes, and what was not measured would lack for long.
    """
    rows = execute(
        generation.alias,
        # A fixed pseudo-random order, so that the same documents give the same statistics.
        f"""
        SELECT text, lengths, embedding FROM {_DOCUMENTS} WHERE generation_id = %s
        ORDER BY md5(object_key || language) LIMIT {SAMPLE}
        """,
        (generation.pk,),
    )
    if not rows:
        generation.background, generation.statistics = None, {}
        return
    vectors = np.stack([row[2].to_numpy() for row in rows]).astype(np.float32)
    generation.background = vectors[vectors.any(axis=1)][:BACKGROUND].astype("<f2").tobytes()
    lengths = np.mean([row[1] for row in rows], axis=0).round(3).tolist()
    generation.statistics = {"documents": generation.own(Document).count(), "lengths": lengths}
    try:
        nearness = _nearness(generation, [row[0].partition("\n")[0] for row in rows], vectors)
    except Unavailable:
        raise
    except Exception as error:  # a model is foreign code; without this figure searches are only less strict
        logger.error("%s: how near queries come could not be measured: %s", generation, error)
        return
    if nearness is not None:
        generation.statistics["nearness"] = nearness


def _nearness(generation: Generation, titles: Sequence[str], vectors: Vector) -> float | None:
    """Ask for what the catalogue itself says, and see how near the nearest product that says it comes: the median.

    The questions are two neighbouring words of titles ("toner cartridge"), as visitors ask. Half of them find no
    product nearer than this, so a query that stays below it most likely asks for what the shop does not have.
    """
    holders: dict[str, set[int]] = defaultdict(set)
    for position, title in enumerate(titles):
        words = _WORD.findall(title.lower())
        for pair in pairwise(words):
            holders[" ".join(pair)].add(position)
    phrases = sorted(phrase for phrase, positions in holders.items() if len(positions) >= SHARED_BY)
    if len(phrases) < FEWEST_PHRASES:
        return None
    phrases = random.Random(0).sample(phrases, min(len(phrases), PHRASES))  # noqa: S311  reproducible, not secret
    embedder = generation.embedder
    if "text" not in embedder.modalities:
        return None
    asked = embed(embedder, [Content(phrase) for phrase in phrases], "query", generation.mean_vectors)
    reached = [
        float((vectors[sorted(holders[phrase])] @ vector).max()) for phrase, vector in zip(phrases, asked, strict=True)
    ]
    return round(float(np.median(reached)), 4)
