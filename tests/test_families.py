"""Every family of models, as a tiny checkpoint of its architecture through the real loading code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from catalog_search import Content
from catalog_search.backends import get_embedder
from catalog_search.backends.base import Embedder, Reranker
from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder
from catalog_search.exceptions import ConfigurationError, ModelError
from catalog_search.images import Picture, thumbnail_storage
from catalog_search.models import Change, Document, Generation

from .conftest import Folder
from .contracts import checkpoints, named
from .contracts.embedder import EmbedderContract
from .contracts.reranker import RerankerContract


@pytest.mark.parametrize(("kind", "name"), named.names(torchvision=False))
def test_it_works_by_naming_it(kind: Any, name: str, checkpoint: Folder, red: Picture) -> None:
    named.works_as_known(kind, name, checkpoint(named.NAMED[kind][name], name), red)


class TestClip(EmbedderContract):
    """clip-ViT-B-32, B-16 and L-14: one layout, other sizes."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        return SentenceTransformerEmbedder(model=str(checkpoint(checkpoints.legacy_clip, "clip-ViT-B-32")), threads=1)

    def test_capabilities(self, embedder: Embedder) -> None:
        assert embedder.dimensions == checkpoints.PROJECTION
        assert embedder.modalities == {"text", "image"}
        assert not embedder.fuses
        assert embedder.device.partition(":")[0] in ("cpu", "cuda", "mps")
        assert embedder.memory > 10_000


class TestBgeVl(EmbedderContract):
    """BGE-VL-base and -large: CLIP, whose own code is not needed and not run."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        return SentenceTransformerEmbedder(model=str(checkpoint(checkpoints.bge_vl, "BGE-VL-base")), threads=1)


class TestSiglip(EmbedderContract):
    """SigLIP, and SigLIP 2 of fixed resolution."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        folder = checkpoint(checkpoints.siglip, "siglip-base-patch16-224")
        return SentenceTransformerEmbedder(model=str(folder), threads=1)

    def test_texts_are_padded_as_in_training(self, embedder: Any) -> None:
        assert embedder.model.preprocess([{"text": "mug"}])["input_ids"].shape == (1, 64)


class TestSiglip2(EmbedderContract):
    """SigLIP 2 of native resolution."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        return SentenceTransformerEmbedder(model=str(checkpoint(checkpoints.siglip2, "some-fine-tuned-one")), threads=1)

    def test_texts_are_padded_by_architecture_whatever_its_name(self, embedder: Any) -> None:
        assert embedder.model.preprocess([{"text": "mug"}])["input_ids"].shape == (1, 64)


class TestTextModelBesideClip(EmbedderContract):
    """clip-ViT-B-32-multilingual-v1 reads the texts, clip-ViT-B-32 the pictures."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        return SentenceTransformerEmbedder(
            model=str(checkpoint(checkpoints.legacy_clip, "clip-ViT-B-32")),
            text_model=str(checkpoint(checkpoints.text_encoder, "clip-ViT-B-32-multilingual-v1")),
            threads=1,
        )

    def test_each_reads_its_own(self, embedder: Embedder, checkpoint: Folder, red: Picture) -> None:
        clip, texts = (
            SentenceTransformerEmbedder(model=str(checkpoint(build, name)))
            for build, name in (
                (checkpoints.legacy_clip, "clip-ViT-B-32"),
                (checkpoints.text_encoder, "clip-ViT-B-32-multilingual-v1"),
            )
        )

        assert not embedder.fuses
        assert embedder.memory == clip.memory + texts.memory
        for content, own in ((Content("mug"), texts), (Content("", red), clip)):
            assert embedder.encode([content], "query") == pytest.approx(own.encode([content], "query"), abs=1e-5)

    def test_both_must_share_one_space(self, checkpoint: Folder) -> None:
        with pytest.raises(ConfigurationError, match="text_model has 16 dimensions"):
            SentenceTransformerEmbedder(
                model=str(checkpoint(checkpoints.legacy_clip, "clip-ViT-B-32")),
                text_model={"model": str(checkpoint(checkpoints.text_encoder, "small", size=16))},
            )


class TestRemoteCodeEmbedder(EmbedderContract):
    """llama-nemotron-embed-vl-1b-v2, omni-embed-nemotron-3b, BGE-VL-MLLM: repositories with code of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        folder = checkpoint(checkpoints.remote_code, "llama-nemotron-embed-vl-1b-v2", class_name="TinyEmbedder")
        return SentenceTransformerEmbedder(model=str(folder), trust_remote_code=True, threads=1)

    def test_it_fuses(self, embedder: Embedder) -> None:
        assert embedder.fuses

    def test_it_asks_for_trust_first(self, embedder: Any, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.remote_code, "llama-nemotron-embed-vl-1b-v2", class_name="TinyEmbedder")
        with pytest.raises(ConfigurationError, match=r"trust_remote_code.*revision"):
            SentenceTransformerEmbedder(model=str(folder))


class TestRemoteTransformer(EmbedderContract):
    """The other way to bring code: classes that transformers is mapped to."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        folder = checkpoint(checkpoints.remote_transformer, "transformer-with-code")
        return SentenceTransformerEmbedder(model=str(folder), trust_remote_code=True, threads=1)

    def test_its_own_class_runs(self, embedder: Any) -> None:
        assert type(embedder.model[0].auto_model).__name__ == "OwnModel"

    def test_without_trust_nothing_of_it_runs(self, settings: Any, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.remote_transformer, "transformer-with-code")
        settings.CATALOG_SEARCH = {
            "EMBEDDER": {
                "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
                "OPTIONS": {"model": str(folder)},
            }
        }
        with pytest.raises(ModelError, match="trust_remote_code"):
            get_embedder()


class TestTextEncoder(EmbedderContract):
    """Any text-only SentenceTransformer."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        return SentenceTransformerEmbedder(model=str(checkpoint(checkpoints.text_encoder, "text")), threads=1)


class TestBertCrossEncoder(RerankerContract):
    """The ms-marco-MiniLM family."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        return CrossEncoderReranker(
            model=str(checkpoint(checkpoints.cross_encoder, "ms-marco-MiniLM-L6-v2")), threads=1
        )


class TestXlmRobertaCrossEncoder(RerankerContract):
    """bge-reranker-v2-m3."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        folder = checkpoint(checkpoints.xlm_roberta_cross_encoder, "bge-reranker-v2-m3")
        return CrossEncoderReranker(model=str(folder), threads=1)


class TestQwen3Reranker(RerankerContract):
    """Qwen3-Reranker-0.6B, -4B and -8B."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        folder = checkpoint(checkpoints.chat_reranker, "Qwen3-Reranker-0.6B", architecture="qwen3")
        return CrossEncoderReranker(model=str(folder), threads=1)

    def test_a_picture_is_never_rendered_as_words(self, reranker: Reranker, red: Picture) -> None:
        assert reranker.modalities == {"text"}
        assert reranker.score(Content("red"), [Content("mug", red)]) == pytest.approx(
            reranker.score(Content("red"), [Content("mug")])
        )


class TestMxbaiReranker(RerankerContract):
    """mxbai-rerank-base-v2 and -large-v2."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        folder = checkpoint(checkpoints.chat_reranker, "mxbai-rerank-base-v2", architecture="qwen2")
        return CrossEncoderReranker(model=str(folder), threads=1)


class TestRemoteCodeReranker(RerankerContract):
    """llama-nemotron-rerank-vl-1b-v2: the code of a repository, reading text and picture together."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        name = "llama-nemotron-rerank-vl-1b-v2"
        folder = checkpoint(checkpoints.remote_code, name, class_name="TinyFusingReranker")
        return CrossEncoderReranker(model=str(folder), trust_remote_code=True, threads=1)


class TestRerankerOfOneKindAtATime(RerankerContract):
    """jina-reranker-m0: the code of a repository, reading text or picture. (Its own name asks for torchvision.)"""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        folder = checkpoint(checkpoints.remote_code, "reranker-with-code", class_name="TinyReranker")
        return CrossEncoderReranker(model=str(folder), trust_remote_code=True, threads=1)

    def test_a_photo_is_compared_with_photos(self, reranker: Reranker, red: Picture, blue: Picture) -> None:
        assert not reranker.fuses
        same, other = reranker.score(Content("", red), [Content("mug", red), Content("mug", blue)])

        assert same > other


@pytest.mark.django_db
def test_a_thumbnail_that_was_damaged_is_made_again_for_another_model(
    indexed_shop: dict[str, Any], settings: Any, checkpoint: Folder
) -> None:
    dress = Document.objects.get(object_key=str(indexed_shop["dress"].pk))
    damaged = Path(thumbnail_storage().path(dress.thumbnail))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:300])
    clip = {"model": checkpoint(checkpoints.legacy_clip, "clip-ViT-B-32"), "threads": 1}
    settings.CATALOG_SEARCH |= {
        "EMBEDDER": {"BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder", "OPTIONS": clip}
    }
    call_command("rebuild_search_index", sync=True, verbosity=0)
    generation = Generation.objects.active("shop.product")
    assert generation is not None

    assert generation.dimensions == checkpoints.PROJECTION
    assert set(generation.mean_vectors) == {"text", "image"}
    assert not Change.objects.exists()
    assert Document.objects.filter(generation=generation, pictures="ok").count() == len(indexed_shop)
    assert damaged.read_bytes() == whole
