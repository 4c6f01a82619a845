"""Content: one document of text and picture, for models exactly what they take."""

from __future__ import annotations

from collections.abc import Callable

from catalog_search import Content
from catalog_search.images import read_picture


def test_input_is_always_a_dict_in_one_order(picture_bytes: Callable[..., bytes]) -> None:
    picture = read_picture(picture_bytes("red"))

    assert list(Content("mug", picture).as_input()) == ["text", "image"]
    assert list(Content("", picture).as_input()) == ["image"]
    assert Content("https://example.com/a.jpg").as_input() == {"text": "https://example.com/a.jpg"}
    assert Content().as_input() == {"text": ""}


def test_digest_follows_what_models_see(picture_bytes: Callable[..., bytes]) -> None:
    red, blue = (read_picture(picture_bytes(colour)) for colour in ("red", "blue"))

    assert Content("mug", red).digest == Content(" mug ", red).digest
    assert (
        len({one.digest for one in (Content("mug"), Content("mug", red), Content("mug", blue), Content("", red))}) == 4
    )
    assert Content("mug", red, (blue,)).digest != Content("mug", red).digest


def test_modalities_and_truth(picture_bytes: Callable[..., bytes]) -> None:
    picture = read_picture(picture_bytes("red"))

    assert Content("mug", picture).modalities == ("image", "text")
    assert Content("mug").modalities == ("text",)
    assert not Content("  ")
    assert Content(image=picture)


def test_views_hold_one_picture_each(picture_bytes: Callable[..., bytes]) -> None:
    red, blue = (read_picture(picture_bytes(colour)) for colour in ("red", "blue"))

    assert list(Content("mug", red, (blue,)).views()) == [Content("mug", red), Content("mug", blue)]
    assert list(Content("mug").views()) == [Content("mug")]
