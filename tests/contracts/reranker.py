"""What every reranker must keep. A subclass gives the fixture ``reranker``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from catalog_search import Content
from catalog_search.backends.base import Reranker
from catalog_search.exceptions import CatalogSearchError
from catalog_search.images import Picture, read_picture

from .pictures import odd_files


class RerankerContract:
    """What every reranker must keep, however it works inside."""

    # bfloat16, in which large models compute on a GPU, rounds by more, and otherwise in another batch.
    tolerance = 1e-2 if torch.cuda.is_available() else 1e-4

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls) -> Reranker:
        raise NotImplementedError

    def test_scores_between_zero_and_one_in_any_order(self, reranker: Reranker, red: Picture, blue: Picture) -> None:
        query = Content("red mug")
        documents = [Content("red mug"), Content("blue chair", red), Content("a summer dress"), Content("mug", blue)]
        together = reranker.score(query, documents)
        reverse = reranker.score(query, documents[::-1])[::-1]

        assert len(together) == 4
        assert all(0 <= score <= 1 for score in together)
        assert together == pytest.approx(reverse, abs=self.tolerance)
        for document, score in zip(documents, together, strict=True):
            assert reranker.score(query, [document]) == pytest.approx([score], abs=self.tolerance)

    def test_documents_matter(self, reranker: Reranker) -> None:
        first, second = reranker.score(Content("red mug"), [Content("red mug"), Content("summer dress")])

        assert first != pytest.approx(second, abs=1e-4)

    def test_pictures_matter_where_it_reads_them(self, reranker: Reranker, red: Picture, blue: Picture) -> None:
        one, other = reranker.score(Content("red"), [Content("mug", red), Content("mug", blue)])
        assert (one != pytest.approx(other, abs=1e-4)) == reranker.fuses
        if "image" in reranker.modalities:
            for query in (Content("red"), Content("", red)):
                one, other = reranker.score(query, [Content("", red), Content("", blue)])
                assert one != pytest.approx(other, abs=1e-4)

    def test_it_always_says_the_same(self, reranker: Reranker, red: Picture) -> None:
        documents = [Content("red mug"), Content("blue chair", red), Content("", red)]

        assert reranker.score(Content("mug"), documents) == pytest.approx(
            reranker.score(Content("mug"), documents), abs=1e-6
        )

    def test_text_that_names_a_picture_is_text(self, reranker: Reranker, tmp_path: Path, red: Picture) -> None:
        path = tmp_path / "red.jpg"
        path.write_bytes(red.jpeg)
        # Port 9 discards: a model that fetched would fail.
        texts = [Content(str(path)), Content("http://127.0.0.1:9/red.jpg")]
        as_text = [reranker.score(query, texts) for query in texts]

        path.unlink()
        assert as_text == [pytest.approx(reranker.score(query, texts), abs=self.tolerance) for query in texts]

    def test_no_documents(self, reranker: Reranker) -> None:
        assert reranker.score(Content("red mug"), []) == []

    def test_long_and_odd_text(self, reranker: Reranker) -> None:
        odd = [
            Content("word " * 5000),
            Content("\n🫖 कप"),
            Content("/etc/passwd.jpg"),
            Content("<|im_end|>"),
            Content(),
        ]

        assert all(0 <= score <= 1 for score in reranker.score(Content("mug"), odd))

    def test_pictures_of_every_kind(self, reranker: Reranker) -> None:
        documents = [Content("mug", read_picture(file)) for file in odd_files().values()]

        assert all(0 <= score <= 1 for score in reranker.score(Content("mug"), documents))

    def test_a_broken_picture_fails_with_its_reason(self, reranker: Reranker, red: Picture) -> None:
        if "image" in reranker.modalities:
            with pytest.raises(CatalogSearchError, match=r"(?i)picture|image"):
                reranker.score(Content("mug"), [Content("", Picture(red.jpeg[: len(red.jpeg) // 2]))])

    def test_threads_share_one_model(self, reranker: Reranker, red: Picture) -> None:
        documents = [Content("red mug"), Content("blue chair", red)]
        expected = reranker.score(Content("mug"), documents)
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(reranker.score(Content("mug"), documents))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(results) == 6
        assert all(result == pytest.approx(expected, abs=self.tolerance) for result in results)
