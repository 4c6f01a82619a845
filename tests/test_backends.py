"""Backends: the real loading code on tiny checkpoints with random weights, and the dummies that ship."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog_search import Content, backends
from catalog_search.backends.base import Embedder, Reranker, identity
from catalog_search.backends.dummy import DummyEmbedder, DummyReranker
from catalog_search.embedding import embed, modality_means
from catalog_search.exceptions import ConfigurationError, ModelError
from catalog_search.fusion import mean_direction, unit
from catalog_search.images import Picture, read_picture

WORDS = ["red", "blue", "green", "mug", "chair", "dress", "summer", "a", "photo", "of", "the"]


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP checkpoint of two thin layers, as transformers saves it."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    thin = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = {"bos_token_id": len(vocabulary) - 2, "eos_token_id": len(vocabulary) - 1, "pad_token_id": 1}
    config = CLIPConfig(
        text_config={**thin, **end, "vocab_size": len(vocabulary), "max_position_embeddings": 77},
        vision_config={**thin, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder)
    size = {"shortest_edge": 32}
    images = CLIPImageProcessor(size=size, crop_size={"height": 32, "width": 32})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT cross-encoder of one thin layer."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("cross-encoder")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture
def red(picture_bytes: Callable[..., bytes]) -> Picture:
    return read_picture(picture_bytes("red"))


@pytest.fixture
def blue(picture_bytes: Callable[..., bytes]) -> Picture:
    return read_picture(picture_bytes("blue"))


class EmbedderContract:
    """What every embedder must keep, however it works inside."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        raise NotImplementedError

    def embed(self, embedder: Embedder, *contents: Content, role: Any = "document") -> list[Any]:
        return embed(embedder, contents, role, {})

    def test_unit_vectors_of_its_dimensions(self, embedder: Embedder, red: Picture) -> None:
        for vector in self.embed(embedder, Content("red mug"), Content("", red), Content("mug", red)):
            assert vector.shape == (embedder.dimensions,)
            assert vector.dtype == np.float32
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)

    def test_batch_equals_single_in_any_order(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        contents = [Content("red mug"), Content("", red), Content("a chair", blue), Content("mug", red, (blue,))]
        together = self.embed(embedder, *contents)
        reverse = self.embed(embedder, *contents[::-1])[::-1]

        for content, vector, other in zip(contents, together, reverse, strict=True):
            assert vector == pytest.approx(self.embed(embedder, content)[0], abs=1e-4)
            assert vector == pytest.approx(other, abs=1e-4)

    def test_long_and_odd_text(self, embedder: Embedder) -> None:
        self.embed(embedder, Content("word " * 5000), Content("\n🫖 कप"), Content("/etc/passwd.jpg"))

    def test_nothing_to_embed_is_an_error(self, embedder: Embedder) -> None:
        with pytest.raises(ModelError, match="nothing to embed"):
            self.embed(embedder, Content("  "))

    def test_text_that_names_a_picture_is_text(self, embedder: Embedder, tmp_path: Path, red: Picture) -> None:
        path = tmp_path / "red.jpg"
        path.write_bytes(red.jpeg)
        (as_text,) = self.embed(embedder, Content(str(path)))
        (as_picture,) = self.embed(embedder, Content("", red))

        assert as_text != pytest.approx(as_picture, abs=1e-2)

    def test_threads_share_one_model(self, embedder: Embedder) -> None:
        (expected,) = self.embed(embedder, Content("red mug"))
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.extend(self.embed(embedder, Content("red mug")))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(results) == 8
        assert all(result == pytest.approx(expected, abs=1e-5) for result in results)


class TestDummyEmbedder(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        return DummyEmbedder()

    def test_words_and_colours_are_alike(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        text, same, other = self.embed(embedder, Content("red"), Content("", red), Content("", blue))

        assert text @ same > 0.9 > text @ other


class TestDummyEmbedderApart(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        return DummyEmbedder(fuses=False)


class TestClip(EmbedderContract):
    """A dual encoder: text and picture are encoded apart and fused by us."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, tiny_clip: Path) -> Embedder:
        from catalog_search.backends.local import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(model=str(tiny_clip), threads=1)

    def test_capabilities(self, embedder: Embedder) -> None:
        assert embedder.dimensions == 24
        assert embedder.modalities == {"text", "image"}
        assert not embedder.fuses

    def test_means_of_the_modalities_are_taken_out(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        sample = [Content("red mug", red), Content("blue chair", blue), Content("summer dress")]
        means = modality_means(embedder, sample)
        (both,) = embed(embedder, [Content("red mug", red)], "document", means)
        text, image = (
            unit(embedder.encode([part], "document")[0] - means[kind])
            for kind, part in (("text", Content("red mug")), ("image", Content("", red)))
        )

        assert set(means) == {"text", "image"}
        assert both == pytest.approx(mean_direction([text, image]), abs=1e-4)


class TestTextModel(EmbedderContract):
    """A text model leaves pictures out."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        from catalog_search.backends.local import SentenceTransformerEmbedder
        from project.embedded.model import text_model_folder

        return SentenceTransformerEmbedder(model=str(text_model_folder()), threads=1)

    def test_unit_vectors_of_its_dimensions(self, embedder: Embedder, red: Picture) -> None:
        with_picture, without = self.embed(embedder, Content("red mug", red), Content("red mug"))

        assert with_picture == pytest.approx(without)
        assert np.linalg.norm(without) == pytest.approx(1, abs=1e-4)

    def test_batch_equals_single_in_any_order(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        first, second = self.embed(embedder, Content("red mug"), Content("a chair", blue))

        assert first == pytest.approx(self.embed(embedder, Content("red mug"))[0], abs=1e-4)
        assert second == pytest.approx(self.embed(embedder, Content("a chair"))[0], abs=1e-4)

    def test_text_that_names_a_picture_is_text(self, embedder: Embedder, tmp_path: Path, red: Picture) -> None:
        (tmp_path / "red.jpg").write_bytes(red.jpeg)
        self.embed(embedder, Content(str(tmp_path / "red.jpg")))

    def test_a_picture_alone_is_an_error_that_says_why(self, embedder: Embedder, red: Picture) -> None:
        with pytest.raises(ModelError, match="text only"):
            self.embed(embedder, Content("", red))

    def test_meaning(self, embedder: Embedder) -> None:
        cup, mug, bicycle = self.embed(embedder, Content("a cup for coffee"), Content("mug"), Content("bicycle"))

        assert mug @ cup > bicycle @ cup


class RerankerContract:
    """What every reranker must keep."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls) -> Reranker:
        raise NotImplementedError

    def test_scores_between_zero_and_one_in_order(self, reranker: Reranker, red: Picture) -> None:
        documents = [Content("red mug"), Content("blue chair", red), Content("a summer dress")]
        together = reranker.score(Content("red mug"), documents)

        assert len(together) == 3
        assert all(0 <= score <= 1 for score in together)
        for document, score in zip(documents, together, strict=True):
            assert reranker.score(Content("red mug"), [document]) == pytest.approx([score], abs=1e-4)

    def test_no_documents(self, reranker: Reranker) -> None:
        assert reranker.score(Content("red mug"), []) == []


class TestDummyReranker(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls) -> Reranker:
        return DummyReranker()


class TestTextCrossEncoder(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, tiny_cross_encoder: Path) -> Reranker:
        from catalog_search.backends.local import CrossEncoderReranker

        return CrossEncoderReranker(model=str(tiny_cross_encoder), threads=1)

    def test_reads_text_only(self, reranker: Reranker, red: Picture) -> None:
        assert reranker.modalities == {"text"}
        assert reranker.score(Content("red"), [Content("mug", red)]) == pytest.approx(
            reranker.score(Content("red"), [Content("mug")])
        )


def test_a_process_loads_a_model_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    original = DummyEmbedder.__init__
    monkeypatch.setattr(
        DummyEmbedder, "__init__", lambda self, **options: (built.append(1), original(self, **options))[1]
    )
    dummy = {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": 17}}
    settings.CATALOG_SEARCH = {"EMBEDDER": dummy}
    backends.unload()
    threads = [threading.Thread(target=backends.get_embedder) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert built == [1]
    assert backends.get_embedder().dimensions == 17


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({}, "BACKEND"),
        ({"BACKEND": "nowhere.Nothing"}, "cannot be imported"),
        ({"BACKEND": "json.JSONDecoder"}, "subclass of Embedder"),
        ({"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"colour": 1}}, "OPTIONS.*colour"),
        ({"BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder"}, "model.*factory"),
        (
            {
                "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
                "OPTIONS": {"model": "x", "devise": "cpu"},
            },
            "no option devise",
        ),
    ],
)
def test_wrong_configurations_say_what_to_write(settings: Any, configuration: dict[str, Any], message: str) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": configuration}

    with pytest.raises(ConfigurationError, match=message):
        backends.get_embedder()


def test_a_checkpoint_that_cannot_be_loaded_is_a_model_error(settings: Any, tmp_path: Path) -> None:
    local = {"BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder"}
    settings.CATALOG_SEARCH = {"EMBEDDER": local | {"OPTIONS": {"model": str(tmp_path)}}}

    with pytest.raises(ModelError, match="cannot be loaded"):
        backends.get_embedder()


def test_speed_options_do_not_change_the_identity() -> None:
    slow = {"BACKEND": "a.B", "OPTIONS": {"model": "m", "batch_size": 1, "device": "cpu"}}
    quick = {"BACKEND": "a.B", "OPTIONS": {"model": "m", "batch_size": 64}}

    assert identity(slow) == identity(quick)
    assert identity(slow) != identity({"BACKEND": "a.B", "OPTIONS": {"model": "n"}})


@pytest.mark.django_db
def test_a_search_is_reranked_by_a_real_cross_encoder(
    indexed_shop: dict[str, Any], settings: Any, tiny_cross_encoder: Path
) -> None:
    from project.shop.search import ProductIndex

    local = "catalog_search.backends.local.CrossEncoderReranker"
    settings.CATALOG_SEARCH |= {
        "RERANKER": {"BACKEND": local, "OPTIONS": {"model": str(tiny_cross_encoder), "threads": 1}},
        "RERANK_SECONDS": 60,
    }
    results = ProductIndex.search("mug", cutoff=None)

    assert results.degraded == ()
    assert results.reranked == results.total == 5
    assert all(hit.why.rerank is not None for hit in results)
    assert [hit.score for hit in results] == sorted((hit.score for hit in results), reverse=True)
