"""Presets and options: defaults of the families, names of old and new, what cannot work refused with its reason."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from django.core.management import call_command

from catalog_search import Content
from catalog_search.backends.configuration import identity
from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder
from catalog_search.backends.presets import PRESETS, Preset, preset
from catalog_search.checks import check_models
from catalog_search.embedding import embed
from catalog_search.exceptions import ConfigurationError, ModelError
from catalog_search.fusion import mean_direction
from catalog_search.images import Picture

from .conftest import Folder
from .contracts import checkpoints
from .contracts.named import NAMED

LOCAL = "catalog_search.backends.local"
EMBEDDERS, RERANKERS = ([f"somebody/{name}" for name in NAMED[kind]] for kind in ("embedder", "reranker"))


def known(model: str, kind: Any = "embedder") -> Preset:
    found = preset(model, kind)
    assert found is not None, model
    return found


class TestTable:
    @pytest.mark.parametrize("model", EMBEDDERS)
    def test_embedders_are_known(self, model: str) -> None:
        one = known(model)

        assert one.dimensions
        assert not one.matryoshka or max(one.matryoshka) == one.dimensions
        assert preset(model, "reranker") is None

    @pytest.mark.parametrize("model", RERANKERS)
    def test_rerankers_are_known(self, model: str) -> None:
        assert known(model, "reranker").dimensions is None

    def test_every_preset_is_of_use(self) -> None:
        used = [known(model) for model in EMBEDDERS] + [known(model, "reranker") for model in RERANKERS]

        assert {id(one) for one in used} == {id(one) for one in PRESETS}

    def test_what_differs(self) -> None:
        assert known("clip-ViT-B-32-multilingual-v1").modalities == ("text",)
        assert known("/models/clip-ViT-B-32/").modalities == ("image", "text")
        assert known("google/siglip-base-patch16-224").text_length == 64
        assert known("Qwen/Qwen3-VL-Embedding-2B").fuses
        assert known("jinaai/jina-reranker-m0", "reranker").scores == "unit"
        assert preset("somebody/something", "embedder") is None


class TestOptions:
    def test_the_family_gives_defaults_that_options_override(self) -> None:
        written = {"model": "Qwen/Qwen3-VL-Embedding-2B", "prompts": {"query": "Find it."}}
        completed = SentenceTransformerEmbedder.complete(written | {"processor_kwargs": {"max_pixels": 90_000}})

        assert completed["prompts"] == {"query": "Find it.", "document": "Represent the user's input."}
        assert completed["processor_kwargs"] == {"min_pixels": 4096, "max_pixels": 90_000}

    def test_a_generation_keeps_the_defaults_it_was_built_with(self) -> None:
        configuration = {
            "BACKEND": f"{LOCAL}.SentenceTransformerEmbedder",
            "OPTIONS": {"model": "intfloat/multilingual-e5-small", "device": "cpu"},
        }
        kept = identity(configuration)["options"]

        assert kept["prompts"] == {"query": "query: ", "document": "passage: "}
        assert SentenceTransformerEmbedder.complete(kept) == kept

    def test_the_old_name_of_processor_kwargs(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.text_encoder, "text")
        embedder = SentenceTransformerEmbedder(model=str(folder), tokenizer_kwargs={"model_max_length": 7})

        assert embedder.model.max_seq_length == 7
        assert "tokenizer_kwargs" not in SentenceTransformerEmbedder.complete({"tokenizer_kwargs": None})

    def test_model_kwargs_reach_the_model(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.clip, "plain-clip")
        embedder = SentenceTransformerEmbedder(
            model=str(folder), model_kwargs={"torch_dtype": "float16", "attn_implementation": "eager"}
        )
        transformer = embedder.model[0]

        assert str(transformer.auto_model.dtype) == "torch.float16"
        assert transformer.auto_model.config._attn_implementation == "eager"

    def test_what_a_generation_keeps_of_objects_loads_the_same_model(self, checkpoint: Folder) -> None:
        """It keeps JSON, and is asked by that once the settings name another model."""
        written = {"model": checkpoint(checkpoints.clip, "plain-clip"), "model_kwargs": {"dtype": torch.float16}}
        kept = json.loads(json.dumps(written, default=str))

        assert kept != written
        for options in (written, kept):
            assert SentenceTransformerEmbedder(**options).model[0].auto_model.dtype == torch.float16

    def test_a_cpu_computes_in_float32_whatever_was_saved(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.chat_reranker, "in-halves", architecture="qwen3", dtype="bfloat16")

        assert str(CrossEncoderReranker(model=str(folder), device="cpu").model[0].auto_model.dtype) == "torch.float32"

    def test_prompts_for_the_roles(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.text_encoder, "multilingual-e5-small")
        embedder = SentenceTransformerEmbedder(model=str(folder))
        (asked,), (shown,) = (embedder.encode([Content("mug")], role) for role in ("query", "document"))
        (plain,) = embedder.encode([Content("query: mug")], "query")
        bare = SentenceTransformerEmbedder(model=str(folder), prompts={"query": "", "document": ""})

        assert asked != pytest.approx(shown, abs=1e-3)
        assert plain != pytest.approx(asked, abs=1e-3)
        assert bare.encode([Content("query: mug")], "query")[0] == pytest.approx(asked, abs=1e-5)

    def test_truncated_vectors_are_of_unit_length_again(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.clip, "plain-clip")
        embedder = SentenceTransformerEmbedder(model=str(folder), truncate_dim=8)

        assert embedder.dimensions == 8
        assert np.linalg.norm(embedder.encode([Content("mug")], "query")[0]) == pytest.approx(1, abs=1e-4)

    def test_weights_of_late_fusion(self, checkpoint: Folder, red: Picture) -> None:
        folder = checkpoint(checkpoints.clip, "plain-clip")
        embedder = SentenceTransformerEmbedder(model=str(folder), text_weight=1, image_weight=3)
        text, image, both = embed(embedder, [Content("mug"), Content("", red), Content("mug", red)], "document", {})

        assert both == pytest.approx(mean_direction([text, image], [1, 3]), abs=1e-4)

    @pytest.mark.parametrize(
        ("build", "options", "message"),
        [
            (checkpoints.text_encoder, {"image_weight": 2}, "take text and picture apart"),
            (checkpoints.clip, {"image_weight": -1}, "not negative"),
            (checkpoints.clip, {"image_weight": 0, "text_weight": 0}, "above zero"),
        ],
    )
    def test_weights_that_make_no_sense(
        self, checkpoint: Folder, build: Any, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            SentenceTransformerEmbedder(model=str(checkpoint(build, f"weights-{build.__name__}")), **options)

    @pytest.mark.parametrize(
        ("similarity", "normalised", "fits"),
        [("cosine", False, True), ("dot", True, True), ("dot", False, False), ("euclidean", True, False)],
    )
    def test_other_similarities_are_refused(
        self, checkpoint: Folder, similarity: str, normalised: bool, fits: bool
    ) -> None:
        name = f"compares-by-{similarity}-{normalised}"
        folder = checkpoint(checkpoints.text_encoder, name, similarity=similarity, normalised=normalised)
        if fits:
            SentenceTransformerEmbedder(model=str(folder))
        else:
            with pytest.raises(ConfigurationError, match=f"compares by {similarity}"):
                SentenceTransformerEmbedder(model=str(folder))

    def test_a_classifier_is_no_reranker(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.cross_encoder, "nli", labels=3)

        with pytest.raises(ConfigurationError, match="3 scores for a pair"):
            CrossEncoderReranker(model=str(folder))

    def test_what_needs_torchvision_says_so(self, checkpoint: Folder) -> None:
        if find_spec("torchvision"):
            pytest.skip("torchvision is on the path of this process")
        folder = checkpoint(checkpoints.remote_code, "jina-reranker-m0", class_name="TinyReranker")

        with pytest.raises(ConfigurationError, match=r"pip install.*vision"):
            CrossEncoderReranker(model=str(folder), trust_remote_code=True)

    def test_a_model_may_map_its_scores_itself(self, checkpoint: Folder) -> None:
        # Without a word in its configuration a CrossEncoder of one label applies a sigmoid of its own.
        folder = checkpoint(checkpoints.cross_encoder, "ms-marco-MiniLM-L6-v2")
        documents = [Content("mug"), Content("summer dress")]
        own, ours = (
            CrossEncoderReranker(model=str(folder), activation=activation).score(Content("red"), documents)
            for activation in ("none", "sigmoid")
        )

        assert own == pytest.approx(ours, abs=1e-6)

    def test_raw_scores_are_refused_where_none_were_announced(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.chat_reranker, "raw-scores", architecture="qwen3")
        documents = [Content("mug"), Content("summer dress"), Content("a photo of the garden")]
        mapped = CrossEncoderReranker(model=str(folder)).score(Content("red"), documents)
        unmapped = CrossEncoderReranker(model=str(folder), activation="none")
        unmapped.model.activation_fn = torch.nn.Identity()

        with pytest.raises(ModelError, match=r'"activation": "sigmoid"'):
            unmapped.score(Content("red"), documents)
        raw = unmapped.model.predict([("red", document.text) for document in documents])
        assert list(np.argsort(mapped)) == list(np.argsort(raw))

    def test_weights_in_a_pickle_are_read_only_where_asked_for(self, checkpoint: Folder) -> None:
        folder = checkpoint(checkpoints.pickled, "of-years-ago")

        with pytest.raises(ConfigurationError, match=r'"use_safetensors": False'):
            SentenceTransformerEmbedder(model=str(folder))
        embedder = SentenceTransformerEmbedder(model=str(folder), model_kwargs={"use_safetensors": False})
        assert embedder.encode([Content("mug")], "query").shape == (1, checkpoints.PROJECTION)


class TestAdvice:
    @pytest.fixture
    def advised(self, settings: Any) -> Any:
        def check(setting: str = "EMBEDDER", **options: Any) -> list[str]:
            backend = "CrossEncoderReranker" if "RERANKER" in setting else "SentenceTransformerEmbedder"
            settings.CATALOG_SEARCH = {setting: {"BACKEND": f"{LOCAL}.{backend}", "OPTIONS": options}}
            return [str(message.id) for message in check_models(None)]

        return check

    def test_nothing_to_say_about_small_models(self, advised: Any) -> None:
        assert advised(model="sentence-transformers/clip-ViT-B-32") == []
        assert advised("RERANKER", model="cross-encoder/ms-marco-MiniLM-L6-v2", device="cpu") == []
        assert advised(factory="project.embedded.model.build_embedder") == []

    def test_large_models_on_a_cpu(self, advised: Any) -> None:
        assert advised(model="Qwen/Qwen3-VL-Embedding-2B", device="cpu") == ["catalog_search.W032"]
        assert advised(model="Qwen/Qwen3-VL-Embedding-2B", device="cuda") == []
        assert advised("RERANKER", model="Qwen/Qwen3-Reranker-8B", device="cpu") == ["catalog_search.W032"]
        assert advised("IMAGE_RERANKER", model="Qwen/Qwen3-VL-Reranker-8B", device="cpu") == ["catalog_search.W032"]

    def test_the_device_is_looked_up_where_none_is_written(self, advised: Any, monkeypatch: Any) -> None:
        for there in (True, False):
            monkeypatch.setattr(torch.accelerator, "is_available", lambda there=there: there)
            assert advised(model="Qwen/Qwen3-VL-Embedding-2B") == ([] if there else ["catalog_search.W032"])

    def test_code_of_strangers(self, advised: Any, tmp_path: Any) -> None:
        model = {"model": "somebody/something", "trust_remote_code": True}

        assert advised(**model) == ["catalog_search.W030"]
        assert advised(**model, revision="main") == ["catalog_search.W030"]
        assert advised(**model, revision="0123456789abcdef0123456789abcdef01234567") == []
        assert advised(model=str(tmp_path), trust_remote_code=True) == []
        assert advised(model="clip-ViT-B-32", text_model=model) == ["catalog_search.W030"]
        assert advised(model=tmp_path, text_model=tmp_path, trust_remote_code=True) == []

    def test_licences(self, advised: Any) -> None:
        pinned = {"trust_remote_code": True, "revision": "a" * 40, "device": "cuda"}

        assert advised(model="nvidia/omni-embed-nemotron-3b", **pinned) == ["catalog_search.W031"]
        assert advised("RERANKER", model="jinaai/jina-reranker-m0", **pinned) == ["catalog_search.W031"]

    def test_a_model_behind_a_server_has_the_same_licence_and_its_own_machine(self, settings: Any) -> None:
        remote = "catalog_search.backends.remote.Remote"
        place = {"url": "http://gpu/v1", "api": "vllm"}
        settings.CATALOG_SEARCH = {
            "EMBEDDER": {
                "BACKEND": f"{remote}Embedder",
                "OPTIONS": {"model": "Qwen/Qwen3-VL-Embedding-2B", "truncate_dim": 32, "server": place},
            },
            "RERANKER": {
                "BACKEND": f"{remote}Reranker",
                "OPTIONS": {"model": "jinaai/jina-reranker-m0", "server": place},
            },
        }
        assert [one.id for one in check_models(None)] == ["catalog_search.W033", "catalog_search.W031"]

    def test_sizes_that_a_model_was_not_trained_for(self, advised: Any) -> None:
        assert advised(model="clip-ViT-B-32", truncate_dim=128) == ["catalog_search.W033"]
        assert advised(model="Qwen3-VL-Embedding-8B", truncate_dim=32, device="cuda") == ["catalog_search.W033"]
        assert advised(model="Qwen3-VL-Embedding-8B", truncate_dim=2048, device="cuda") == []

    def test_they_are_bound_and_security_asks_too(self, settings: Any, capsys: Any) -> None:
        settings.CATALOG_SEARCH = {
            "EMBEDDER": {
                "BACKEND": f"{LOCAL}.SentenceTransformerEmbedder",
                "OPTIONS": {"model": "somebody/something", "trust_remote_code": True},
            }
        }
        for tag in ("security", "catalog_search"):
            call_command("check", "--tag", tag)
            assert "catalog_search.W030" in capsys.readouterr().err
