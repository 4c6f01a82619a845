"""The drawn catalogue: same seed same shop, every line complete, and no looks told that only the photo may show."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from project.drawing import COLOURS, KINDS, PATTERNS, ProductSpec, draw
from project.drawing.assortment import ASSORTMENT
from project.drawing.catalogue import checksum, listed, write_catalogue
from project.drawing.materials import MATERIALS
from project.drawing.prose import PATTERN_WORDS, SENTENCES

KEYS = {
    "id",
    "name",
    "description",
    "price",
    "currency",
    "category",
    "attributes",
    "image",
    "images",
    "brand",
    "sku",
    "ean",
    "stock",
    "popularity",
    "colour",
    "pattern",
    "material",
    "size",
    "parent",
    "is_public",
    "created",
    "truth",
}


@pytest.fixture(scope="module")
def products():
    return [product for product, _ in listed(640, seed=1)]


def test_same_spec_and_seed_give_the_same_picture():
    spec = ProductSpec("mug", "red", "white", "dots", "ceramic", style=4)

    first, second, other = (np.asarray(draw(spec, seed, 96), float) for seed in (1, 1, 2))

    assert np.array_equal(first, second)
    assert np.abs(first - other).mean() > 3


def test_one_seed_gives_one_scene_at_every_size():
    spec = ProductSpec("teapot", "blue", "white", "stripes", "ceramic")

    large = draw(spec, 5, 320).resize((80, 80), Image.Resampling.BOX)

    assert np.abs(np.asarray(large, float) - np.asarray(draw(spec, 5, 80), float)).mean() < 6


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_within_its_frame(kind):
    spec = ProductSpec(kind, "red", "white", "stripes", ASSORTMENT[kind].materials[0])

    picture = draw(spec, 3, 64)

    assert picture.size == (64, 64)
    assert picture.mode == "RGB"
    assert np.asarray(picture, float).std() > 12


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_shows_its_second_colour(pattern):
    spec = ProductSpec("cushion", "white", "red", pattern)

    pixels = np.asarray(draw(spec, 1, 96), float)
    reddish = (pixels[..., 0] - pixels[..., 1:].max(2) > 50).mean()

    assert (reddish > 0.04) == (pattern != "plain")


def test_a_boxed_product_hides_its_looks():
    red, blue = (draw(ProductSpec("mug", colour, view="boxed"), 1, 64) for colour in ("red", "blue"))

    # The backdrop may differ, since it is chosen to suit the product; the carton is the same.
    assert np.abs(np.asarray(red, float) - np.asarray(blue, float))[28:40, 28:36].mean() < 8


def test_unknown_kinds_are_refused():
    with pytest.raises(KeyError):
        draw(ProductSpec("spaceship", "red"), 1, 64)


def test_assortment_knows_every_kind_and_material():
    assert set(ASSORTMENT) == set(KINDS) == set(SENTENCES)
    assert len(KINDS) >= 24
    assert len(COLOURS) >= 12
    assert {material for line in ASSORTMENT.values() for material in line.materials} <= set(MATERIALS)


def test_the_default_catalogue_is_large_and_varied(products):
    assert len(products) == 640
    assert len({product["truth"]["kind"] for product in products}) >= 24
    assert len({product["description"] for product in products}) > 350
    assert {product["truth"]["said_in"] for product in products} == {"photo", "text", "both"}
    assert any(not product["is_public"] for product in products)
    assert any(len(product["images"]) == 2 for product in products)


def test_every_line_is_complete(products):
    for product in products:
        assert set(product) == KEYS
        assert product["image"] == product["images"][0]
        assert re.fullmatch(r"[A-Z]{2}-\d{4}-[A-Z]{2}", product["sku"])
        assert product["category"].count(" > ") == 2
        assert 0 <= product["popularity"] <= 1
        assert product["price"] > 0


def test_identifiers_are_valid_and_unique(products):
    for product in products:
        assert len(product["ean"]) == 13
        assert product["ean"][-1] == checksum(product["ean"][:12])
        assert sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(product["ean"])) % 10 == 0

    for key in ("id", "sku", "ean"):
        assert len({product[key] for product in products}) == len(products)


def test_variants_know_their_parent(products):
    by_id = {product["id"]: product for product in products}
    variants = [product for product in products if product["parent"]]

    assert len(variants) > 100
    for variant in variants:
        parent = by_id[variant["parent"]]
        assert parent["parent"] is None
        assert parent["truth"]["kind"] == variant["truth"]["kind"]
        assert (parent["truth"]["colour"], parent["size"]) != (variant["truth"]["colour"], variant["size"])


def test_looks_told_by_the_photo_alone_are_told_nowhere_else(products):
    looks = {
        *COLOURS,
        "gray",
        "violet",
        "teal",
        "scarlet",
        *(word for words in PATTERN_WORDS.values() for word in words),
    }
    looks |= {"dots", "stripes", "stars", "flowers", "checks", "chevrons", "zigzags", "spots", "blossoms"}
    told = re.compile(rf"\b({'|'.join(sorted(looks))})\b", re.IGNORECASE)
    secret = [product for product in products if product["truth"]["said_in"] == "photo"]

    assert len(secret) > 60
    for product in secret:
        fields = {key: value for key, value in product.items() if key != "truth"}
        # "plant", "flower" and the like name kinds; looks are whole words.
        assert not told.search(json.dumps(fields)), fields
        assert product["sku"].endswith("NX")


def test_writing_twice_gives_the_same_files(tmp_path):
    done = []

    paths = [write_catalogue(tmp_path / name, products=6, seed=3, size=48, progress=done.append) for name in "ab"]

    assert paths[0].read_bytes() == paths[1].read_bytes()
    pictures = [{file.name: file.read_bytes() for file in (tmp_path / name / "images").iterdir()} for name in "ab"]
    assert pictures[0] == pictures[1]
    assert done == 2 * [f"P000{i}" for i in range(6)]
    for line in paths[0].read_text().splitlines():
        assert all((tmp_path / "a" / image).exists() for image in json.loads(line)["images"])
