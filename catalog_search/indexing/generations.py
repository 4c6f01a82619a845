"""Generations: what an index is declared and set to be today, and which generation was begun for that."""

from __future__ import annotations

import json
from typing import Any

from ..backends.configuration import identity, place
from ..conf import settings
from ..digests import canonical, digest_of
from ..indexes import SearchIndex
from ..languages import PARSING, text_config
from ..models import Generation
from ..models.generations import GenerationQuerySet
from ..registry import registry
from ..sql import read_committed, write_alias
from .claims import take_turn


def definition(index: SearchIndex) -> dict[str, Any]:
    """Return everything that decides the documents of an index, as JSON keeps it."""
    return {
        **index.definition(),
        "configs": [text_config(language) for language in index.language_codes],
        "parsing": PARSING,
        "embedder": _as_json(identity(settings.EMBEDDER)),
        "image_size": settings.IMAGE_SIZE,
        "quantization": settings.QUANTIZATION,
    }


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _fingerprint(value: Any) -> str:
    return digest_of(canonical(value))


def current_generation(index: SearchIndex) -> Generation | None:
    """Return the newest live generation that matches the code and the settings as they are now."""
    live = Generation.objects.using(write_alias(index.model)).of(index.label).live()
    return live.filter(fingerprint=_fingerprint(definition(index))).order_by("-id").first()


def of_same_model(generation: Generation) -> GenerationQuerySet:
    """Return the generations, prepared at least, whose vectors come from the same model, the latest first."""
    same = Generation.objects.using(generation.alias).filter(model_fingerprint=generation.model_fingerprint)
    found: GenerationQuerySet = same.filter(dimensions__isnull=False).order_by("-pk")
    return found


def is_outdated(index: SearchIndex) -> bool:
    """Tell whether the serving generation was built from another declaration, model or setting."""
    active = Generation.objects.serving(index)
    return active is not None and active.fingerprint != _fingerprint(definition(index))


def start_generation(index: SearchIndex, fresh: bool = False) -> Generation:
    """Return the generation to build: one that was begun for today's definition, or a new one."""
    alias = write_alias(index.model)
    with read_committed(alias):
        take_turn(alias)  # of two who begin at once, one would find its own given up for the other's
        found = None if fresh else current_generation(index)
        if found:
            return found
        generation = planned(index)
        generation.save(using=alias)
    return generation


def planned(index: SearchIndex) -> Generation:
    """Return the generation that today's definition asks for, not saved: for estimates and comparisons."""
    described = definition(index)
    return Generation(
        index=index.label,
        fingerprint=_fingerprint(described),
        model_fingerprint=_fingerprint([described["embedder"], described["image_size"]]),
        # With its place: it is asked there while it serves, even when the settings name another model.
        definition=described | {"embedder": _as_json(place(settings.EMBEDDER))},
    )


def changed_parts(generation: Generation) -> tuple[str, ...]:
    """Name what of a generation's definition is another today: "text", "embedder", "image_size" and so on."""
    now = planned(registry.get(generation.index))
    if now.fingerprint == generation.fingerprint:
        return ()
    names = [name for name in now.definition if now.definition[name] != generation.definition.get(name)]
    moved = now.model_fingerprint == generation.model_fingerprint
    return tuple(name for name in names if not (moved and name == "embedder"))
