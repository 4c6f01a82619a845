"""Presets: what the families of the field need, so that nobody has to learn it the hard way.

They give defaults, which OPTIONS override, and tell the checks what to warn about before anything is loaded. A model
that is not here works too: it is asked what it can do once it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Kind = Literal["embedder", "reranker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One family. Facts from the model cards and the documentation of sentence-transformers, as of autumn 2026."""

    pattern: str
    """Names of its models, of whatever organisation and in whatever folder: only the last part is compared."""
    kind: Kind = "embedder"
    modalities: tuple[str, ...] = ("text",)
    fuses: bool = False
    """Text and picture go through the model together; otherwise vectors of both are averaged here (late fusion)."""
    dimensions: int | None = None
    matryoshka: tuple[int, ...] = ()
    """The sizes that ``truncate_dim`` may shorten its vectors to."""
    architecture: str = ""
    """transformers' ``model_type``: a model under another name that has it is treated alike."""
    text_length: int | None = None
    """Texts are padded and cut to this many tokens, as the model was trained."""
    min_pixels: int | None = None
    max_pixels: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Instructions for the roles "query" and "document", where the repository does not bring them."""
    opens_answer: bool = False
    """Its vectors are read where an answer to the chat begins: sentence-transformers knows, vLLM has to be told."""
    scores: Literal["logits", "unit"] = "logits"
    """Of a reranker: raw log-odds, or 0 to 1 already."""
    languages: str = "English"
    dtype: str = ""
    """What it computes in on a GPU; on a CPU all models compute in float32, which is the fastest there."""
    gpu_gigabytes: int = 0
    """Memory of the GPU that it needs; 0: a CPU will do."""
    remote_code: bool = False
    """Its repository brings code of its own: ``trust_remote_code`` has to be written, with a pinned revision."""
    torchvision: bool = False
    restriction: str = ""
    """What its licence forbids to a shop."""

    @property
    def options(self) -> dict[str, Any]:
        """What its models are loaded with where OPTIONS say nothing else."""
        options: dict[str, Any] = {}
        if self.min_pixels and self.max_pixels:
            options["processor_kwargs"] = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}
        if self.prompts:
            options["prompts"] = dict(self.prompts)
        return options


def preset(model: str, kind: Kind) -> Preset | None:
    """Return what is known about a model by its name or folder, or None."""
    name = model.rstrip("/").rpartition("/")[2].lower()
    return next((one for one in PRESETS if one.kind == kind and fnmatchcase(name, one.pattern)), None)


def preset_of(architecture: str) -> Preset | None:
    """Return what is known about embedders of an architecture, whatever they are called, or None."""
    return next((one for one in PRESETS if architecture and one.architecture == architecture), None)


_MANY: dict[str, Any] = {"languages": "100 and more"}
_DUAL: dict[str, Any] = {"modalities": ("image", "text")}
_TEXTS: dict[str, Any] = {"kind": "reranker", "dtype": "bfloat16", **_MANY}
_VISION: dict[str, Any] = {"modalities": ("image", "text"), "fuses": True, "dtype": "bfloat16"}
_QWEN_VL: dict[str, Any] = {
    **_VISION,
    "torchvision": True,
    "languages": "30 and more",
    "min_pixels": 4 * 32 * 32,
    "max_pixels": 1800 * 32 * 32,
}
_QWEN_VL_PROMPTS = {
    "query": "Retrieve images or text relevant to the user's query.",
    "document": "Represent the user's input.",
}
_NON_COMMERCIAL = "research only, not for commercial use"

PRESETS = (
    Preset(pattern="clip-vit-b-32-multilingual-v1", dimensions=512, languages="50 and more"),
    Preset(pattern="clip-vit-b-*", dimensions=512, **_DUAL),
    Preset(pattern="clip-vit-l-14*", dimensions=768, **_DUAL),
    Preset(pattern="siglip-base-*", dimensions=768, architecture="siglip", text_length=64, **_DUAL),
    Preset(pattern="siglip-so400m-*", dimensions=1152, text_length=64, **_DUAL),
    Preset(pattern="siglip2-base-*", dimensions=768, architecture="siglip2", text_length=64, **_MANY, **_DUAL),
    Preset(pattern="siglip2-large-*", dimensions=1024, text_length=64, **_MANY, **_DUAL),
    Preset(pattern="siglip2-so400m-*", dimensions=1152, text_length=64, **_MANY, **_DUAL),
    Preset(pattern="bge-vl-base", dimensions=512, **_DUAL),
    Preset(pattern="bge-vl-large", dimensions=768, **_DUAL),
    Preset(pattern="bge-vl-mllm-s?", dimensions=4096, gpu_gigabytes=18, remote_code=True, **_VISION),
    Preset(
        pattern="qwen3-vl-embedding-2b",
        dimensions=2048,
        matryoshka=(64, 128, 256, 512, 768, 1024, 1536, 2048),
        prompts=_QWEN_VL_PROMPTS,
        opens_answer=True,
        gpu_gigabytes=8,
        **_QWEN_VL,
    ),
    Preset(
        pattern="qwen3-vl-embedding-8b",
        dimensions=4096,
        matryoshka=(64, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096),
        prompts=_QWEN_VL_PROMPTS,
        opens_answer=True,
        gpu_gigabytes=20,
        **_QWEN_VL,
    ),
    Preset(
        pattern="llama-nemotron-embed-vl-1b-v2",
        dimensions=2048,
        gpu_gigabytes=6,
        remote_code=True,
        languages="several",
        **_VISION,
    ),
    Preset(
        pattern="omni-embed-nemotron-3b",
        dimensions=2048,
        gpu_gigabytes=12,
        remote_code=True,
        torchvision=True,
        restriction=_NON_COMMERCIAL,
        **_VISION,
    ),
    *(
        Preset(
            pattern=f"multilingual-e5-{size}",
            dimensions=dimensions,
            languages="90 and more",
            prompts={"query": "query: ", "document": "passage: "},
        )
        for size, dimensions in (("small", 384), ("base", 768), ("large", 1024))
    ),
    Preset(pattern="qwen3-vl-reranker-2b", kind="reranker", gpu_gigabytes=8, **_QWEN_VL),
    Preset(pattern="qwen3-vl-reranker-8b", kind="reranker", gpu_gigabytes=20, **_QWEN_VL),
    Preset(
        pattern="llama-nemotron-rerank-vl-1b-v2",
        kind="reranker",
        gpu_gigabytes=6,
        remote_code=True,
        languages="several",
        **_VISION,
    ),
    Preset(
        pattern="jina-reranker-m0",
        kind="reranker",
        modalities=("image", "text"),
        dtype="bfloat16",
        gpu_gigabytes=8,
        remote_code=True,
        torchvision=True,
        scores="unit",
        languages="29 and more",
        restriction=_NON_COMMERCIAL,
    ),
    Preset(pattern="qwen3-reranker-0.6b", gpu_gigabytes=2, **_TEXTS),
    Preset(pattern="qwen3-reranker-4b", gpu_gigabytes=10, **_TEXTS),
    Preset(pattern="qwen3-reranker-8b", gpu_gigabytes=20, **_TEXTS),
    Preset(pattern="mxbai-rerank-base-v2", gpu_gigabytes=2, **_TEXTS),
    Preset(pattern="mxbai-rerank-large-v2", gpu_gigabytes=4, **_TEXTS),
    Preset(pattern="ms-marco-*", kind="reranker"),
    Preset(pattern="bge-reranker-v2-m3", kind="reranker", gpu_gigabytes=3, **_MANY),
)
