"""What every embedder must keep. A subclass gives the fixture ``embedder``; its models know no means."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog_search import Content
from catalog_search.backends.base import Embedder, Role
from catalog_search.embedding import embed
from catalog_search.exceptions import CatalogSearchError, ModelError
from catalog_search.fusion import Vector
from catalog_search.images import Picture, read_picture

from .pictures import odd_files


class EmbedderContract:
    """What every embedder must keep, however it works inside."""

    tolerance = 1e-4
    """By how much a vector may differ between two batches: rounding, nothing else."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        raise NotImplementedError

    @staticmethod
    def embed(embedder: Embedder, *contents: Content, role: Role = "document") -> list[Vector]:
        return embed(embedder, contents, role, {})

    @staticmethod
    def contents(embedder: Embedder, red: Picture, blue: Picture) -> list[Content]:
        """Return texts, and pictures, both and several pictures where the model sees, all mixed."""
        texts = [Content("red mug"), Content("a summer dress for the garden"), Content("mug")]
        if "image" not in embedder.modalities:
            return texts
        return [texts[0], Content("", red), Content("a chair", blue), *texts[1:], Content("mug", red, (blue,))]

    @pytest.mark.parametrize("role", ["document", "query"])
    def test_unit_vectors_of_its_dimensions(self, embedder: Embedder, role: Role, red: Picture, blue: Picture) -> None:
        contents = self.contents(embedder, red, blue)

        for vector in self.embed(embedder, *contents, role=role):
            assert vector.shape == (embedder.dimensions,)
            assert vector.dtype == np.float32
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)

    def test_batch_equals_single_in_any_order(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        contents = self.contents(embedder, red, blue)
        together = self.embed(embedder, *contents)
        reverse = self.embed(embedder, *contents[::-1])[::-1]

        for content, vector, other in zip(contents, together, reverse, strict=True):
            assert vector == pytest.approx(self.embed(embedder, content)[0], abs=self.tolerance)
            assert vector == pytest.approx(other, abs=self.tolerance)

    def test_different_contents_have_different_vectors(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        vectors = self.embed(embedder, *self.contents(embedder, red, blue))

        for position, vector in enumerate(vectors):
            for other in vectors[position + 1 :]:
                assert vector != pytest.approx(other, abs=1e-5)

    def test_it_always_says_the_same(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        first, second = (self.embed(embedder, *self.contents(embedder, red, blue)) for _ in range(2))

        assert np.stack(first) == pytest.approx(np.stack(second), abs=1e-6)

    def test_no_contents(self, embedder: Embedder) -> None:
        assert self.embed(embedder) == []

    def test_long_and_odd_text(self, embedder: Embedder) -> None:
        odd = ["word " * 5000, "\n🫖 कप", "<|im_end|>", "{'image': None}", "None", "\x00\ud7ff"]

        for vector in self.embed(embedder, *(Content(text) for text in odd)):
            assert np.isfinite(vector).all()

    def test_absent_parts_count_as_absent(self, embedder: Embedder, red: Picture) -> None:
        (text, blank) = self.embed(embedder, Content("mug", None), Content("  mug\n"))
        assert text == pytest.approx(blank, abs=self.tolerance)
        if "image" in embedder.modalities:
            (picture, blank) = self.embed(embedder, Content("", red), Content(" \n", red))
            assert picture == pytest.approx(blank, abs=self.tolerance)

    def test_nothing_to_embed_is_an_error(self, embedder: Embedder) -> None:
        with pytest.raises(ModelError, match="nothing to embed"):
            self.embed(embedder, Content("  "))

    def test_a_picture_alone_is_too_little_for_a_text_model(self, embedder: Embedder, red: Picture) -> None:
        if "image" not in embedder.modalities:
            with pytest.raises(ModelError, match="text only"):
                self.embed(embedder, Content("", red))
            with_picture, without = self.embed(embedder, Content("mug", red), Content("mug"))
            assert with_picture == pytest.approx(without, abs=self.tolerance)

    def test_text_that_names_a_picture_is_text(self, embedder: Embedder, tmp_path: Path, red: Picture) -> None:
        path = tmp_path / "red.jpg"
        path.write_bytes(red.jpeg)
        # Port 9 discards: a model that fetched would fail.
        (as_text, _) = self.embed(embedder, Content(str(path)), Content("http://127.0.0.1:9/red.jpg"))

        path.unlink()
        assert as_text == pytest.approx(self.embed(embedder, Content(str(path)))[0], abs=self.tolerance)

    def test_pictures_of_every_kind(self, embedder: Embedder) -> None:
        if "image" not in embedder.modalities:
            return
        names, files = zip(*odd_files().items(), strict=True)
        found = dict(zip(names, self.embed(embedder, *(Content("", read_picture(one)) for one in files)), strict=True))

        assert all(np.isfinite(vector).all() for vector in found.values())
        for name in ("turned", "transparent", "animated PNG", "animated WebP", "CMYK JPEG"):
            assert found[name] @ found["mode RGB"] > 0.99, name

    def test_a_broken_picture_fails_with_its_reason(self, embedder: Embedder, red: Picture) -> None:
        if "image" not in embedder.modalities:
            return
        for broken in (b"", b"no picture", red.jpeg[: len(red.jpeg) // 2]):
            with pytest.raises(CatalogSearchError, match=r"(?i)picture|image"):
                self.embed(embedder, Content("mug"), Content("", Picture(broken)))

    def test_threads_share_one_model(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        contents = self.contents(embedder, red, blue)
        expected = np.stack(self.embed(embedder, *contents))
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(np.stack(self.embed(embedder, *contents)))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(results) == 6
        assert all(result == pytest.approx(expected, abs=self.tolerance) for result in results)
