"""Late fusion: what a dual encoder keeps apart is brought together fairly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from catalog_search import Content
from catalog_search.backends.base import Embedder, Role
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.embedding import Means, embed, modality_means, needs_means
from catalog_search.exceptions import ModelError
from catalog_search.fusion import mean_direction, unit
from catalog_search.images import Picture

PRODUCTS = 240
SIZE = 48
NOISE = 1.2
GAP = 8.0


class GapEmbedder(Embedder):
    """A dual encoder with a planted gap.

    A text and a photo of one product are two noisy views of the same point; all texts are moved one way and all photos
    another, as CLIP does. A text is the number of a product, a photo too.
    """

    dimensions = SIZE
    modalities = frozenset({"text", "image"})
    fuses = False

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        points = random.standard_normal((PRODUCTS, SIZE))
        moved = {kind: points + GAP * random.standard_normal(SIZE) for kind in ("text", "image")}
        self._views = {
            role: {kind: view + NOISE * random.standard_normal(points.shape) for kind, view in moved.items()}
            for role in ("document", "query")
        }

    def encode(self, contents: Sequence[Content], role: Role) -> Any:
        return np.stack([unit(self._view(content, role).astype(np.float32)) for content in contents])

    def _view(self, content: Content, role: Role) -> Any:
        number = int(content.image.jpeg if content.image else content.text)
        return self._views[role]["image" if content.image else "text"][number]


def text(number: int) -> Content:
    return Content(str(number))


def photo(number: int) -> Content:
    return Content(image=Picture(str(number).encode()))


def both(number: int) -> Content:
    return Content(str(number), Picture(str(number).encode()))


embedder = GapEmbedder()
catalogue = [both(number) for number in range(PRODUCTS)]
MEANS = modality_means(embedder, catalogue)


def ranks(ask: Any, show: Any, means: Means) -> Any:
    """Return where each product stands, shown in its own way among others that show both."""
    others = np.stack(embed(embedder, catalogue, "document", means))
    shown = embed(embedder, [show(number) for number in range(PRODUCTS)], "document", means)
    asked = embed(embedder, [ask(number) for number in range(PRODUCTS)], "query", means)
    found = []
    for number, query in enumerate(asked):
        similarities = others @ query
        similarities[number] = -1
        found.append(1 + int((similarities > shown[number] @ query).sum()))
    return np.array(found)


@pytest.mark.parametrize("remains", [text, photo])
def test_losing_photo_or_text_does_not_lift_a_product(remains: Any) -> None:
    alone, whole = ranks(remains, remains, MEANS), ranks(remains, both, MEANS)

    assert alone.mean() > whole.mean() > 1.5
    # What is noise in the other half helps a few; four times as many it costs.
    assert (alone < whole).mean() < 0.1
    assert (alone > whole).mean() > 0.3


@pytest.mark.parametrize("remains", [text, photo])
def test_the_planted_gap_would_lift_it(remains: Any) -> None:
    assert (ranks(remains, remains, {}) < ranks(remains, both, {})).mean() > 0.8


def shares_of_the_best(means: Means) -> dict[str, float]:
    """Return how much of the first twenty each kind takes, where a third of the catalogue is of each."""
    ways = [text, photo, both]
    mixed = [ways[number % 3](number) for number in range(PRODUCTS)]
    documents = np.stack(embed(embedder, mixed, "document", means))
    found = dict.fromkeys((way.__name__ for way in ways), 0)
    for number, query in enumerate(embed(embedder, [text(one) for one in range(PRODUCTS)], "query", means)):
        similarities = documents @ query
        similarities[number] = -1  # the others' chances are what is compared
        for position in np.argsort(-similarities)[:20]:
            found[ways[position % 3].__name__] += 1
    total = sum(found.values())
    return {name: count / total for name, count in found.items()}


def test_all_kinds_of_documents_compete_fairly() -> None:
    assert all(share == pytest.approx(1 / 3, abs=0.05) for share in shares_of_the_best(MEANS).values())


def test_with_the_gap_open_texts_find_texts_only() -> None:
    assert shares_of_the_best({})["text"] > 0.95


def test_means_do_without_what_cannot_be_encoded() -> None:
    poisonous = DummyEmbedder(fuses=False, poison="bad")
    sample = [Content("red"), Content("bad"), Content("blue"), Content("bad green"), Content("red")]
    good = [content for content in sample if "bad" not in content.text]

    assert modality_means(poisonous, sample)["text"] == pytest.approx(modality_means(poisonous, good)["text"])
    with pytest.raises(ModelError, match="bad"):
        modality_means(poisonous, [Content("bad"), Content("bad")])


def test_the_means_can_be_left_in() -> None:
    apart, fused = DummyEmbedder(fuses=False), DummyEmbedder()
    assert needs_means(apart)
    assert not needs_means(fused)

    apart.modality_means = False
    assert not needs_means(apart)


def test_weights_of_text_and_photo() -> None:
    weighted = GapEmbedder()
    weighted.weights = {"text": 1.0, "image": 3.0}
    (words,), (seen,) = (embed(weighted, [one], "document", MEANS) for one in (text(1), photo(1)))
    (mixed,) = embed(weighted, [both(1)], "document", MEANS)

    assert mixed == pytest.approx(mean_direction([words, seen], [1, 3]), abs=1e-6)
    assert mixed @ seen > mixed @ words


def test_what_stands_alone_counts_whole_whatever_its_weight() -> None:
    blind = GapEmbedder()
    blind.weights = {"text": 1.0, "image": 0.0}
    (seen,) = embed(blind, [photo(1)], "document", MEANS)
    (mixed, words) = embed(blind, [both(1), text(1)], "document", MEANS)

    assert np.linalg.norm(seen) == pytest.approx(1, abs=1e-5)
    assert mixed == pytest.approx(words, abs=1e-6)
