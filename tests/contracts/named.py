"""Every model that docs/models.md names, with a tiny checkpoint of its architecture, loaded by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from catalog_search import Content
from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder
from catalog_search.backends.presets import Kind, preset
from catalog_search.images import Picture

from . import checkpoints

Build = Callable[[Path], Path]

_code = partial(partial, checkpoints.remote_code)
_chat = partial(partial, checkpoints.chat_reranker)

NAMED: Mapping[Kind, Mapping[str, Build]] = {
    "embedder": {
        "clip-ViT-B-32": checkpoints.legacy_clip,
        "clip-ViT-B-16": checkpoints.legacy_clip,
        "clip-ViT-L-14": checkpoints.legacy_clip,
        "clip-ViT-B-32-multilingual-v1": checkpoints.text_encoder,
        "siglip-base-patch16-224": checkpoints.siglip,
        "siglip-so400m-patch14-384": checkpoints.siglip,
        "siglip2-base-patch16-naflex": checkpoints.siglip2,
        "siglip2-large-patch16-256": checkpoints.siglip,
        "siglip2-so400m-patch14-384": checkpoints.siglip,
        "BGE-VL-base": checkpoints.bge_vl,
        "BGE-VL-large": checkpoints.bge_vl,
        "BGE-VL-MLLM-S1": _code(class_name="TinyEmbedder"),
        "BGE-VL-MLLM-S2": _code(class_name="TinyEmbedder"),
        "Qwen3-VL-Embedding-2B": checkpoints.qwen3_vl,
        "Qwen3-VL-Embedding-8B": checkpoints.qwen3_vl,
        "llama-nemotron-embed-vl-1b-v2": _code(class_name="TinyEmbedder"),
        "omni-embed-nemotron-3b": _code(class_name="TinyEmbedder"),
        "multilingual-e5-small": checkpoints.text_encoder,
        "multilingual-e5-base": checkpoints.text_encoder,
        "multilingual-e5-large": checkpoints.text_encoder,
    },
    "reranker": {
        "Qwen3-VL-Reranker-2B": checkpoints.qwen3_vl_reranker,
        "Qwen3-VL-Reranker-8B": checkpoints.qwen3_vl_reranker,
        "llama-nemotron-rerank-vl-1b-v2": _code(class_name="TinyFusingReranker"),
        "jina-reranker-m0": _code(class_name="TinyReranker"),
        "Qwen3-Reranker-0.6B": _chat(architecture="qwen3"),
        "Qwen3-Reranker-4B": _chat(architecture="qwen3"),
        "Qwen3-Reranker-8B": _chat(architecture="qwen3"),
        "mxbai-rerank-base-v2": _chat(architecture="qwen2"),
        "mxbai-rerank-large-v2": _chat(architecture="qwen2"),
        "ms-marco-MiniLM-L6-v2": checkpoints.cross_encoder,
        "ms-marco-MiniLM-L12-v2": checkpoints.cross_encoder,
        "bge-reranker-v2-m3": checkpoints.xlm_roberta_cross_encoder,
    },
}


def names(torchvision: bool) -> list[tuple[Kind, str]]:
    """Return kind and name of those that need torchvision, or of those that do not."""
    return [
        (kind, name)
        for kind, builds in NAMED.items()
        for name in builds
        if (known := preset(name, kind)) and known.torchvision == torchvision
    ]


def works_as_known(kind: Kind, name: str, folder: Path, picture: Picture) -> None:
    """Load the checkpoint as a shop would that names it, and find what the preset says of it."""
    known = preset(f"somebody/{name}", kind)
    assert known
    trust = {"trust_remote_code": True} if known.remote_code else {}
    kinds = {"text": Content("red mug"), "image": Content(image=picture), "both": Content("red mug", picture)}
    read = [kinds[one] for one in sorted(known.modalities)] + ([kinds["both"]] if known.fuses else [])
    if kind == "embedder":
        embedder = SentenceTransformerEmbedder(model=str(folder), threads=1, **trust)
        assert (embedder.modalities, embedder.fuses) == (set(known.modalities), known.fuses)
        assert {name: embedder.model.prompts[name] for name in known.prompts} == known.prompts
        assert all(embedder.encode([one], "document").shape == (1, embedder.dimensions) for one in read)
    else:
        reranker = CrossEncoderReranker(model=str(folder), threads=1, **trust)
        assert (reranker.modalities, reranker.fuses) == (set(known.modalities), known.fuses)
        # Each kind of query beside each kind of document, photos beside photos among them.
        scores = [reranker.score(query, [document, kinds["text"]]) for query in read for document in read]
        assert all(0 <= score <= 1 for pair in scores for score in pair)
