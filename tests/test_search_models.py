"""manage.py search_models: what is configured, loaded and measured."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.models import Generation

from .conftest import DUMMY, Folder
from .contracts import checkpoints

LOCAL = "catalog_search.backends.local"

pytestmark = pytest.mark.django_db


def shown() -> dict[str, list[str]]:
    """Return the cells of each line by its first."""
    out = StringIO()
    call_command("search_models", stdout=out)
    return {cells[0]: cells[1:] for line in out.getvalue().splitlines() if (cells := re.split(r"  +|: ", line))}


def test_models_are_loaded_and_timed(indexed_shop: Any, settings: Any, checkpoint: Folder) -> None:
    clip = checkpoint(checkpoints.legacy_clip, "clip-ViT-B-32")
    texts = checkpoint(checkpoints.cross_encoder, "ms-marco-MiniLM-L6-v2")
    settings.CATALOG_SEARCH |= {
        "EMBEDDER": {"BACKEND": f"{LOCAL}.SentenceTransformerEmbedder", "OPTIONS": {"model": str(clip)}},
        "RERANKER": {"BACKEND": f"{LOCAL}.CrossEncoderReranker", "OPTIONS": {"model": str(texts), "device": "cpu"}},
    }
    lines = shown()
    name, reads, dimensions, device, memory, text, picture, pairs = lines["EMBEDDER"]

    assert name == str(clip)
    assert reads == "text and image apart"
    assert dimensions == "24"
    assert device == "cpu"
    assert re.fullmatch(r"[\d.]+ (KB|MB)", memory)
    assert text.endswith(" ms")
    assert picture.endswith(" ms")
    assert pairs == "-"
    assert lines["RERANKER"][1] == "text"
    assert lines["RERANKER"][-1].endswith(" ms")
    assert lines["IMAGE_RERANKER"] == ["none"]
    assert "other settings" in lines["shop.product"][0]


def test_any_backend_will_do(indexed_shop: Any, settings: Any) -> None:
    reranker = {"BACKEND": "catalog_search.backends.dummy.DummyReranker"}
    settings.CATALOG_SEARCH |= {"EMBEDDER": DUMMY, "RERANKER": reranker, "IMAGE_RERANKER": reranker}
    lines = shown()

    assert lines["EMBEDDER"][:5] == ["DummyEmbedder", "text and image together", "64", "elsewhere", "-"]
    assert lines["IMAGE_RERANKER"][-1].endswith(" ms")
    assert re.fullmatch(r"generation \d+ matches, 64 dimensions", lines["shop.product"][0])


def test_another_model_under_the_same_name_is_told(indexed_shop: Any, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"EMBEDDER": DUMMY}
    Generation.objects.update(dimensions=32)

    state = " ".join(shown()["shop.product"])
    assert "32 dimensions and the model 64" in state
    assert '"revision"' in state


def test_without_an_index_it_says_what_to_run(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": DUMMY}

    assert "rebuild_search_index" in shown()["shop.product"][0]


def test_without_tables_it_says_what_to_run(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": DUMMY}
    with connection.cursor() as cursor:  # undone with the test's transaction
        cursor.execute(f"ALTER TABLE {Generation._meta.db_table} RENAME TO elsewhere")

    assert shown()["shop.product"][0].startswith("unknown, run manage.py migrate")


def test_a_model_that_cannot_be_loaded_ends_it_after_the_others(settings: Any, tmp_path: Any) -> None:
    broken = {"BACKEND": f"{LOCAL}.CrossEncoderReranker", "OPTIONS": {"model": str(tmp_path)}}
    settings.CATALOG_SEARCH = {"EMBEDDER": DUMMY, "RERANKER": broken}
    out = StringIO()

    with pytest.raises(CommandError, match=r"RERANKER: .*cannot be loaded"):
        call_command("search_models", stdout=out)
    assert "DummyEmbedder" in out.getvalue()
    assert "cannot be used" in out.getvalue()


def test_a_model_of_a_shops_own_that_fails_in_its_own_way_is_told(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CATALOG_SEARCH = {
        "EMBEDDER": DUMMY,
        "RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker"},
    }
    monkeypatch.setattr(DummyEmbedder, "encode", lambda *_: 1 // 0)
    out = StringIO()

    with pytest.raises(CommandError, match="EMBEDDER: ZeroDivisionError"):
        call_command("search_models", stdout=out)
    assert "DummyReranker" in out.getvalue()
