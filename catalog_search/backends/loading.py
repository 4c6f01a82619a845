"""Loading a model of sentence-transformers: defaults of its family, old names and new; what cannot work is refused."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from ..exceptions import ConfigurationError
from .presets import Kind, preset, preset_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LOADERS: Mapping[Kind, str] = {"embedder": "SentenceTransformer", "reranker": "CrossEncoder"}


def complete(kind: Kind, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return OPTIONS with the defaults of the model's family, which they override."""
    completed = dict(options)
    if older := completed.pop("tokenizer_kwargs", None):  # its name before sentence-transformers 5.4
        completed["processor_kwargs"] = older | (completed.get("processor_kwargs") or {})
    known = preset(str(options.get("model", "")), kind)
    for name, value in (known.options if known else {}).items():
        own = completed.get(name) or {}
        completed[name] = value | own if isinstance(own, dict) else own
    return completed


def load(kind: Kind, model: str, factory: str, options: dict[str, Any]) -> Any:
    """Load a model by name or folder, or build it by a factory.

    Raises ConfigurationError where the options cannot work, and whatever the libraries raise on a broken checkpoint.
    """
    if bool(model) == bool(factory):
        raise ConfigurationError('OPTIONS of a local model name either a "model" or a "factory", not both.')
    if factory:
        options.pop("revision", None)
        return import_string(factory)(**options)
    import sentence_transformers  # takes seconds, so only the process that needs a model pays

    loader = getattr(sentence_transformers, _LOADERS[kind])
    options = complete(kind, {"model": model, **options})
    del options["model"]
    known = inspect.signature(loader).parameters
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ConfigurationError(
            f"{_LOADERS[kind]} has no option {', '.join(unknown)}; it has: {', '.join(sorted(known))}."
        )
    family = preset(model, kind)
    if family and family.remote_code and not options.get("trust_remote_code"):
        raise ConfigurationError(
            f'{model} runs code of its repository. Read it, then write "trust_remote_code": True and '
            '"revision": "the full hash of the commit that you read".'
        )
    if family and family.torchvision and find_spec("torchvision") is None:
        raise ConfigurationError(f"{model} needs torchvision: pip install 'django-catalog-search[vision]'")
    device = str(options.get("device") or sentence_transformers.util.get_device_name())
    try:
        return loader(model, **_of_today(options, device, family.dtype if family else ""))
    except OSError as error:
        if "safetensors" not in str(error):
            raise
        raise ConfigurationError(
            f'{model} keeps its weights in another way than safetensors. To read them all the same: "model_kwargs": '
            f'{{"use_safetensors": False}}. It says: {error}'
        ) from error


def _of_today(options: dict[str, Any], device: str, dtype: str) -> dict[str, Any]:
    """Return options as today's libraries take them: older names translated, the fastest number format chosen."""
    options = dict(options)
    processor = dict(options.get("processor_kwargs") or {})
    # Code of a repository may know its own names only.
    if {"min_pixels", "max_pixels"} <= processor.keys() and not options.get("trust_remote_code"):
        bounds = {"shortest_edge": processor.pop("min_pixels"), "longest_edge": processor.pop("max_pixels")}
        options["processor_kwargs"] = {"size": bounds} | processor
    if options.get("backend", "torch") == "torch":
        model = dict(options.get("model_kwargs") or {})
        if "torch_dtype" in model:
            model.setdefault("dtype", model.pop("torch_dtype"))
        if isinstance(written := model.get("dtype"), str):  # torch.float16 is kept by a generation as that word
            model["dtype"] = written.removeprefix("torch.")
        # Half precision is several times slower than float32 on most CPUs.
        wanted = "float32" if device == "cpu" else dtype
        # Other weights are pickles.
        options["model_kwargs"] = {"use_safetensors": True} | ({"dtype": wanted} if wanted else {}) | model
    return options


def refuse_other_similarity(model: SentenceTransformer) -> None:
    """Raise ConfigurationError where neighbours by cosine are not the neighbours that the model means."""
    similarity = str(model.similarity_fn_name or "cosine")
    last = list(model.children())[-1]
    if similarity != "cosine" and not (similarity == "dot" and type(last).__name__ == "Normalize"):
        raise ConfigurationError(
            f"This model compares by {similarity}, the index by cosine: its neighbours would be wrong. "
            "Choose a model trained for cosine, or for the dot product of unit vectors."
        )


def pad_texts(model: SentenceTransformer) -> None:
    """Pad texts as the model was trained: SigLIP's vectors of texts padded otherwise are others."""
    first: Any = next(iter(model.children()), None)
    known = preset_of(str(getattr(getattr(first, "config", None), "model_type", "")))
    if known and known.text_length:
        text = {"padding": "max_length", "max_length": known.text_length, "truncation": True}
        first.processing_kwargs["text"] = text | first.processing_kwargs.get("text", {})
