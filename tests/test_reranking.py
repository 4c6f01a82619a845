"""Reranking: the right model for each query, and no pair compared with one of another kind."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from catalog_search import Content, backends, fetching
from catalog_search.backends import reranker_setting
from catalog_search.images import Picture, thumbnail_storage
from catalog_search.models import Document
from catalog_search.searching.candidates import Candidates
from catalog_search.searching.ranking import blend
from catalog_search.searching.results import Results
from project.shop.search import ProductIndex

from .conftest import Folder
from .contracts import checkpoints
from .shop import Shop

LOCAL = "catalog_search.backends.local.CrossEncoderReranker"
BROKEN = {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {"fails": True}}
ANYTHING = None


def local(folder: Path, **options: Any) -> dict[str, Any]:
    return {"BACKEND": LOCAL, "OPTIONS": {"model": str(folder), "threads": 1, **options}}


@pytest.fixture
def texts(checkpoint: Folder) -> dict[str, Any]:
    """A real cross-encoder that reads text only."""
    return local(checkpoint(checkpoints.cross_encoder, "ms-marco-MiniLM-L6-v2"))


@pytest.fixture
def photos(checkpoint: Folder) -> dict[str, Any]:
    """One that reads a text or a photo at a time, from a repository with code of its own."""
    folder = checkpoint(checkpoints.remote_code, "reranker-with-code", class_name="TinyReranker")
    return local(folder, trust_remote_code=True)


@pytest.fixture
def rerankers(settings: Any) -> Any:
    def use(texts: Any = None, photos: Any = None) -> None:
        settings.CATALOG_SEARCH |= {"RERANKER": texts, "IMAGE_RERANKER": photos, "RERANK_SECONDS": 60}

    return use


def judged(results: Results) -> int:
    return sum(hit.why.rerank is not None for hit in results)


def candidates(**scores: float) -> Candidates:
    return Candidates(list(scores), scores, fused=scores)


@pytest.mark.django_db
class TestTheRightModel:
    def test_is_chosen_per_query(self, settings: Any, red: Picture) -> None:
        settings.CATALOG_SEARCH = {"RERANKER": BROKEN, "IMAGE_RERANKER": BROKEN}
        assert reranker_setting(Content("mug")) == "RERANKER"
        assert reranker_setting(Content("mug", red)) == reranker_setting(Content("", red)) == "IMAGE_RERANKER"

        settings.CATALOG_SEARCH = {"RERANKER": BROKEN}
        assert reranker_setting(Content("mug", red)) == "RERANKER"

    def test_reranks_texts(self, indexed_shop: Shop, rerankers: Any, texts: Any) -> None:
        rerankers(texts, BROKEN)
        results = ProductIndex.search("mug", cutoff=ANYTHING)

        assert results.degraded == ()
        assert results.reranked == judged(results) == results.total == 5
        assert [hit.score for hit in results] == sorted((hit.score for hit in results), reverse=True)

    def test_reranks_photos(self, indexed_shop: Shop, rerankers: Any, photos: Any, red: Picture) -> None:
        rerankers(BROKEN, photos)
        results = ProductIndex.search(image=red, cutoff=ANYTHING)

        assert results.degraded == ()
        assert results.reranked == 5
        best = sorted(results, key=lambda hit: -(hit.why.rerank or 0))[:2]
        assert {hit.object.name for hit in best} == {"Red mug", "Red chair"}

    def test_a_broken_one_is_told(self, indexed_shop: Shop, rerankers: Any, texts: Any, red: Picture) -> None:
        rerankers(texts, BROKEN)

        assert ProductIndex.search(image=red, cutoff=ANYTHING).degraded == ("reranker",)

    def test_a_text_model_leaves_photos_alone(
        self, indexed_shop: Shop, rerankers: Any, texts: Any, red: Picture
    ) -> None:
        rerankers(texts)
        for words in ("", "mug"):
            results = ProductIndex.search(words, image=red, cutoff=ANYTHING)

            assert results.degraded == ()
            assert results.reranked == judged(results) == 0
            assert len(results) == 5

    def test_likeness_asks_nothing_that_could_be_read(self, indexed_shop: Shop, rerankers: Any) -> None:
        rerankers(BROKEN, BROKEN)

        assert ProductIndex.search(like=[indexed_shop["red mug"]], cutoff=ANYTHING).degraded == ()

    def test_a_product_without_photo_is_judged_among_its_like(
        self, indexed_shop: Shop, rerankers: Any, photos: Any, red: Picture, settings: Any
    ) -> None:
        dress = Document.objects.get(object_key=str(indexed_shop["dress"].pk))
        thumbnail_storage().delete(dress.thumbnail)
        rerankers(None, photos)
        settings.CATALOG_SEARCH |= {"RERANK_BLEND": 1}
        results = ProductIndex.search(image=red, cutoff=ANYTHING)
        plain = ProductIndex.search(image=red, cutoff=ANYTHING, rerank=False)

        assert results.degraded == ()
        assert results.reranked == 5
        assert [hit.score for hit in results] == pytest.approx([hit.score for hit in plain])

    @pytest.mark.parametrize("stuck", [1, 99])
    def test_a_storage_that_hangs_holds_no_search_up(
        self,
        indexed_shop: Shop,
        rerankers: Any,
        photos: Any,
        red: Picture,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        stuck: int,
    ) -> None:
        """Whether it hangs for one thumbnail or for all."""
        plain = ProductIndex.search(image=red, cutoff=ANYTHING, rerank=False)
        rerankers(None, photos)
        backends.get_reranker("IMAGE_RERANKER")
        settings.CATALOG_SEARCH |= {"RERANK_SECONDS": 0.5}
        monkeypatch.setattr(fetching, "_lost", fetching._Lost())
        opened, asked, go = FileSystemStorage.open, count(), threading.Event()

        def hang(*told: Any) -> Any:
            if next(asked) < stuck:
                go.wait(60)
            return opened(*told)

        monkeypatch.setattr(FileSystemStorage, "open", hang)
        results = ProductIndex.search(image=red, cutoff=ANYTHING)
        go.set()

        # Whoever had waited for it would have been judged by its photo.
        assert results.degraded == ("reranker",)
        assert [hit.key for hit in results] == [hit.key for hit in plain]

    def test_a_damaged_thumbnail_fails_alone(
        self, indexed_shop: Shop, rerankers: Any, photos: Any, red: Picture, caplog: pytest.LogCaptureFixture
    ) -> None:
        dress = Document.objects.get(object_key=str(indexed_shop["dress"].pk))
        Path(thumbnail_storage().path(dress.thumbnail)).write_bytes(red.jpeg[:300])
        rerankers(None, photos)
        results = ProductIndex.search(image=red, cutoff=ANYTHING)

        assert results.degraded == ()
        assert results.reranked == judged(results) == 4
        assert "thumbnail is damaged" in caplog.text
        thumbnail_storage().delete(dress.thumbnail)


def test_two_settings_of_one_model_share_it(settings: Any, texts: dict[str, Any]) -> None:
    backends.unload()
    settings.CATALOG_SEARCH = {"RERANKER": texts, "IMAGE_RERANKER": texts}

    assert backends.get_reranker("RERANKER") is backends.get_reranker("IMAGE_RERANKER")


class TestBlending:
    def test_one_kind_is_taken_as_it_is(self) -> None:
        blended = blend(candidates(a=0.9, b=0.5), {"a": ("text", 0.1), "b": ("text", 0.9)}, 0.5)

        assert [(one.key, round(one.score, 3)) for one in blended] == [("b", 0.7), ("a", 0.5)]

    def test_kinds_of_pairs_never_compete_by_their_scores(self) -> None:
        # A scale on which everything with a photo is near 1, and every text near 0.
        found = candidates(a=0.9, b=0.8, c=0.7, d=0.6)
        scores = {"a": ("text", 0.01), "b": ("image", 0.97), "c": ("text", 0.03), "d": ("image", 0.98)}
        blended = blend(found, scores, 1.0)

        assert [one.key for one in blended] == ["c", "d", "a", "b"]
        assert [one.score for one in blended] == [0.9, 0.8, 0.7, 0.6]
        assert [one.why.rerank for one in blended] == [0.03, 0.98, 0.01, 0.97]

    @pytest.mark.parametrize("scale", [1, 0.001])
    def test_the_scale_of_a_kind_does_not_matter_in_company(self, scale: float) -> None:
        found = candidates(a=0.9, b=0.8, c=0.7, d=0.6)
        texts = {"a": ("text", 0.2 * scale), "c": ("text", 0.8 * scale)}
        blended = blend(found, texts | {"b": ("image", 0.3), "d": ("image", 0.9)}, 0.6)

        assert [one.key for one in blended] == ["c", "a", "d", "b"]

    def test_only_the_slots_of_what_was_judged_change(self) -> None:
        blended = blend(candidates(a=0.9, b=0.8, c=0.7), {"a": ("text", 0.0), "c": ("text", 1.0)}, 1.0)

        assert [one.key for one in blended] == ["c", "b", "a"]
        assert blended[1].why.rerank is None

    def test_nothing_judged_changes_nothing(self) -> None:
        found = candidates(a=0.9, b=0.8)

        assert blend(found, {}, 0.5) == found
