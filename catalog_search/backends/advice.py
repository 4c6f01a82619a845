"""Advice on the options of a model, from its preset: what the system checks say before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Warning

from .presets import Kind, Preset, preset

_COMMIT = re.compile(r"[0-9a-f]{40}")


def about(setting: str, kind: Kind, options: Mapping[str, Any], elsewhere: bool = False) -> Iterator[CheckMessage]:
    """Yield what somebody should know who wrote these OPTIONS; ``elsewhere``: a server loads the model."""
    model = str(options.get("model", ""))
    place = f'CATALOG_SEARCH["{setting}"]'
    pinned = _COMMIT.fullmatch(str(options.get("revision", ""))) or Path(model).exists()
    if options.get("trust_remote_code") and model and not pinned and not elsewhere:
        yield Warning(
            f"{place} runs whatever code the repository {model} holds at the next start.",
            hint='"revision": "the full hash of the commit whose code you have read"',
            id="catalog_search.W030",
        )
    known = preset(model, kind)
    if known:
        yield from _about_family(place, model, known, options, elsewhere)
    if own := options.get("text_model"):
        inherited = {"device": options.get("device")}
        yield from about(setting, kind, inherited | (own if isinstance(own, dict) else {"model": own}))


def _about_family(
    place: str, model: str, known: Preset, options: Mapping[str, Any], elsewhere: bool
) -> Iterator[CheckMessage]:
    if known.restriction:
        yield Warning(
            f"{place}: the licence of {model} says: {known.restriction}.",
            hint="Buy a licence, choose another model, or silence this check where yours is no business.",
            id="catalog_search.W031",
        )
    if known.gpu_gigabytes and not elsewhere and _on_cpu(options):
        yield Warning(
            f"{place}: {model} needs a GPU of {known.gpu_gigabytes} GB; on a CPU searches wait seconds for it.",
            hint='"OPTIONS": {"device": "cuda"} on a machine with one, an inference server, or a smaller model',
            id="catalog_search.W032",
        )
    size, least = options.get("truncate_dim"), min(known.matryoshka, default=known.dimensions or 0)
    if isinstance(size, int) and size < least:
        yield Warning(
            f"{place}: vectors of {model} cut to {size} dimensions lose their meaning: it was not trained for that.",
            hint=f'"truncate_dim": {least}',
            id="catalog_search.W033",
        )


def _on_cpu(options: Mapping[str, Any]) -> bool:
    if (options.get("model_kwargs") or {}).get("device_map"):
        return False
    if device := options.get("device"):
        return str(device) == "cpu"
    try:
        import torch  # heavy: only who names a large model pays for the answer
    except ImportError:
        return False  # it runs elsewhere
    return not torch.accelerator.is_available()
