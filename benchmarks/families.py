"""How large and how fast are the families on this machine, beside the smallest of their kind?

Weights are random and of the real sizes: neither memory nor speed depends on what they say. Texts have 32 tokens,
pairs 64. The reference of embedders is CLIP ViT-B/32, that of rerankers MiniLM-L6: both are timed again beside each of
the others, in turns, so that a busy machine slows both. On a CPU one torch thread is timed, one text and one picture;
on a GPU (``--device cuda``) also what it is for, batches. Qwen3-VL takes 16 GB of memory to make, and torchvision:
PYTHONPATH=.venv/vision.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"

ROUNDS = 5
TOKENS = 32
BATCH, PAIRS = 128, 128
"""Products and pairs of one call on a GPU."""


def wide(hidden: int, inner: int, layers: int, heads: int, **more: int) -> dict[str, int]:
    """Return the sizes of a transformer under the names that configurations give them."""
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    return dict(zip(names, (hidden, inner, layers, heads), strict=True)) | more


def families() -> dict[str, tuple[str, Callable[[Path], Path]]]:
    """Return how to make a checkpoint of each, the references first of their kind."""
    from tests.contracts import checkpoints as tiny

    def clip(text: dict[str, int], vision: dict[str, int], projection: int) -> Callable[[Path], Path]:
        sizes: Any = {"text": text | {"vocab_size": 49_408}, "vision": vision, "projection": projection}
        return lambda folder: tiny.clip(folder, **sizes)

    def siglip(**sizes: dict[str, int]) -> Callable[[Path], Path]:
        return lambda folder: tiny.siglip(folder, **sizes)

    def bert(**sizes: int) -> Callable[[Path], Path]:
        return lambda folder: tiny.cross_encoder(folder, **sizes)

    def chat(architecture: str, **sizes: int) -> Callable[[Path], Path]:
        return lambda folder: tiny.chat_reranker(folder, architecture, tie_word_embeddings=True, **sizes)

    def qwen3_vl(**sizes: Any) -> Callable[[Path], Path]:
        return lambda folder: tiny.qwen3_vl(folder, **sizes)

    def qwen3_vl_reranker(**sizes: Any) -> Callable[[Path], Path]:
        return lambda folder: tiny.qwen3_vl_reranker(folder, **sizes)

    vision: dict[str, Any] = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16}
    vision |= {"patch_size": 16, "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17]}
    heads = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}
    two_billion = {"text": wide(2048, 6144, 28, 16, **heads), "vision": vision, "sections": (24, 20, 20)}
    base, text = wide(768, 3072, 12, 12, image_size=224), wide(512, 2048, 12, 8)
    large = wide(1024, 4096, 24, 16, image_size=224, patch_size=14)
    return {
        "clip-ViT-B-32, BGE-VL-base": ("embedder", clip(text, base | {"patch_size": 32}, 512)),
        "clip-ViT-B-16": ("embedder", clip(text, base | {"patch_size": 16}, 512)),
        "clip-ViT-L-14, BGE-VL-large": ("embedder", clip(wide(768, 3072, 12, 12), large, 768)),
        "siglip-base-patch16-224": (
            "embedder",
            siglip(text=wide(768, 3072, 12, 12, vocab_size=32_000), vision=base | {"patch_size": 16}),
        ),
        "Qwen3-VL-Embedding-2B": ("embedder", qwen3_vl(**two_billion)),
        "ms-marco-MiniLM-L6-v2": ("reranker", bert(**wide(384, 1536, 6, 12, vocab_size=30_522))),
        "bge-reranker-v2-m3": ("reranker", bert(**wide(1024, 4096, 24, 16, vocab_size=250_002))),
        "mxbai-rerank-base-v2": (
            "reranker",
            chat("qwen2", **wide(896, 4864, 24, 14, num_key_value_heads=2, head_dim=64, vocab_size=151_936)),
        ),
        "Qwen3-Reranker-0.6B": (
            "reranker",
            chat("qwen3", **wide(1024, 3072, 28, 16, num_key_value_heads=8, head_dim=128, vocab_size=151_669)),
        ),
        "Qwen3-VL-Reranker-2B": ("reranker", qwen3_vl_reranker(**two_billion)),
    }


def load(kind: str, folder: Path, device: str) -> Any:
    """Load a checkpoint as a shop does."""
    from catalog_search.backends.local import CrossEncoderReranker, SentenceTransformerEmbedder

    backend = SentenceTransformerEmbedder if kind == "embedder" else CrossEncoderReranker
    return backend(model=str(folder), threads=1 if device == "cpu" else None, device=device)


def text_of(model: Any, tokens: int) -> str:
    """Return a text of so many tokens of this model: tiny vocabularies spell what real ones know whole."""
    words = "mug"
    while len(model.model.tokenizer(words)["input_ids"]) < tokens:
        words += " m"
    return words


def works(kind: str, model: Any) -> dict[str, Callable[[], Any]]:
    """Return what is timed."""
    from catalog_search.content import Content
    from catalog_search.images import read_picture

    noise = io.BytesIO()
    Image.effect_noise((512, 384), 64).convert("RGB").save(noise, "JPEG")
    text, photo = Content(text_of(model, TOKENS)), Content(image=read_picture(noise.getvalue()))
    if kind == "reranker":
        calls = {"ten pairs": lambda: model.score(text, [text] * 10)}
        answer = Content(text.text, photo.image) if "image" in model.modalities else text
        return calls | (
            {} if model.device == "cpu" else {f"{PAIRS} pairs": lambda: model.score(text, [answer] * PAIRS)}
        )
    calls = {"a text": lambda: model.encode([text], "query"), "a picture": lambda: model.encode([photo], "query")}
    kinds = [Content(text.text, photo.image)] if model.fuses else [text, photo]

    def products() -> None:
        for content in kinds:
            model.encode([content] * BATCH, "document")

    return calls | ({} if model.device == "cpu" else {f"{BATCH} products": products})


def seconds(call: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the name of a family; the references are shown too")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    settings.configure()
    if find_spec("torchvision"):
        from tests.contracts.vision import import_torchvision

        import_torchvision()
    references: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        for name, (kind, build) in families().items():
            if arguments.only not in name and kind in references:
                continue
            if name.startswith("Qwen3-VL") and not find_spec("torchvision"):
                print(f"{name:28} needs torchvision: PYTHONPATH=.venv/vision")
                continue
            model = load(kind, build(Path(root) / name.partition(",")[0]), arguments.device)
            reference = references.setdefault(kind, model)
            line = f"{name:28} {model.memory / 2**20:6.0f} MB"
            for what, call in works(kind, model).items():
                beside = works(kind, reference)[what]
                call(), beside()
                rounds = [(seconds(call), seconds(beside)) for _ in range(ROUNDS)]
                own = statistics.median(one for one, _ in rounds)
                ratio = statistics.median(one / other for one, other in rounds)
                line += f"   {what} {own * 1000:7.1f} ms, {ratio:5.1f} x"
            print(line, flush=True)
            del model
            gc.collect()


if __name__ == "__main__":
    main()
