"""The families whose processors need torchvision: Qwen3-VL-Embedding and Qwen3-VL-Reranker.

`make test` runs this file in a process of its own, with torchvision on its path.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from catalog_search import Content
from catalog_search.backends.base import Embedder, Reranker
from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder
from catalog_search.images import Picture

from .conftest import Folder
from .contracts import checkpoints, named
from .contracts.embedder import EmbedderContract
from .contracts.reranker import RerankerContract

if find_spec("torchvision") is None:
    pytest.skip("torchvision is not on the path of this process; `make test` puts it there", allow_module_level=True)


@pytest.mark.parametrize(("kind", "name"), named.names(torchvision=True))
def test_it_works_by_naming_it(kind: Any, name: str, checkpoint: Folder, red: Picture) -> None:
    named.works_as_known(kind, name, checkpoint(named.NAMED[kind][name], name), red)


class TestQwen3VlEmbedding(EmbedderContract):
    """Qwen3-VL-Embedding-2B and -8B."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, checkpoint: Folder) -> Embedder:
        folder = checkpoint(checkpoints.qwen3_vl, "qwen3-vl")
        return SentenceTransformerEmbedder(model=str(folder), threads=1)

    def test_it_fuses(self, embedder: Embedder, red: Picture, blue: Picture) -> None:
        one, other, text = self.embed(embedder, Content("mug", red), Content("mug", blue), Content("mug"))

        assert embedder.fuses
        assert one @ other < 0.9999
        assert one @ text < 0.9999

    def test_the_articles_options_work(self, checkpoint: Folder, red: Picture) -> None:
        """Names of sentence-transformers 5.4's days: torch_dtype, tokenizer_kwargs, min_pixels, max_pixels."""
        embedder = SentenceTransformerEmbedder(
            model=str(checkpoint(checkpoints.qwen3_vl, "qwen3-vl")),
            revision="refs/pr/23",
            model_kwargs={"torch_dtype": "bfloat16", "attn_implementation": "eager"},
            processor_kwargs={"min_pixels": 8 * 8, "max_pixels": 16 * 16},
            truncate_dim=16,
        )
        transformer = embedder.model[0]
        features = transformer.preprocess([Content("", red).as_input()])

        assert transformer.auto_model.dtype == torch.bfloat16
        assert transformer.auto_model.config._attn_implementation == "eager"
        assert features["pixel_values"].shape[0] <= (16 * 16) / (4 * 4)
        assert self.embed(embedder, Content("mug", red))[0].shape == (16,)

    def test_roles_have_their_prompts(self, checkpoint: Folder) -> None:
        embedder: Any = SentenceTransformerEmbedder(
            model=str(checkpoint(checkpoints.qwen3_vl, "Qwen3-VL-Embedding-2B")), prompts={"document": "Look."}
        )
        assert embedder.model.prompts == {
            "query": "Retrieve images or text relevant to the user's query.",
            "document": "Look.",
        }
        query, document = (embedder.encode([Content("mug")], role)[0] for role in ("query", "document"))
        assert query != pytest.approx(document, abs=1e-3)


class TestQwen3VlReranker(RerankerContract):
    """Qwen3-VL-Reranker-2B and -8B."""

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, checkpoint: Folder) -> Reranker:
        folder = checkpoint(checkpoints.qwen3_vl_reranker, "Qwen3-VL-Reranker-2B")
        # In bfloat16, as on a GPU, scores that differ by little are the same.
        return CrossEncoderReranker(model=str(folder), threads=1, model_kwargs={"dtype": "float32"})

    def test_it_reads_both(self, reranker: Reranker, red: Picture, blue: Picture) -> None:
        assert reranker.fuses
        for query in (Content("red"), Content("", red), Content("red", red)):
            scores = reranker.score(
                query, [Content("mug", red), Content("mug", blue), Content("mug"), Content("", red)]
            )
            assert len({round(score, 9) for score in scores}) == 4
