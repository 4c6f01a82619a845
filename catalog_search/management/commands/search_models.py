"""Show the configured models: what they can do, where they run, how fast, and whether the index is theirs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat
from PIL import Image

from catalog_search.backends import get_embedder, get_reranker
from catalog_search.backends.base import Backend, Embedder, Reranker
from catalog_search.backends.configuration import model_name
from catalog_search.conf import settings
from catalog_search.content import Content
from catalog_search.exceptions import reason_of
from catalog_search.images import Picture, read_picture
from catalog_search.indexing import is_outdated
from catalog_search.management.commandline import SearchCommand, table
from catalog_search.models import Generation
from catalog_search.registry import registry

HEADINGS = ["setting", "model", "reads", "dimensions", "device", "memory", "a text", "a picture", "ten pairs"]
NOTHING = [""] * (len(HEADINGS) - 2)
TEXT = (
    "A red summer dress with white dots\nAcme\nLight cotton, knee-length, with pockets. Machine washable at 30 degrees."
)
REPEATS = 3
"""How often each is timed; the median is shown, and a first call that warms the model up is not counted."""


class Command(SearchCommand):
    help = (
        "Shows the configured models: modalities, dimensions, device, memory, speed; and whether the index is theirs."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each model and for each index; raise CommandError where a model cannot be used."""
        rows, broken, dimensions = [HEADINGS], [], None
        for setting, load in MODELS.items():
            if not (written := getattr(settings, setting)):
                rows.append([setting, "none", *NOTHING])
                continue
            name = model_name(written.get("BACKEND", "?"), written.get("OPTIONS", {}))
            try:
                model = load()
                rows.append([setting, name, *described(model)])
                dimensions = model.dimensions if setting == "EMBEDDER" else dimensions
            except Exception as error:  # models are foreign code
                rows.append([setting, name, "cannot be used: see below", *NOTHING[1:]])
                broken.append(f"{setting}: {reason_of(error)}")
        self.stdout.write(table(rows, left=True))
        for index in registry:
            self.stdout.write(f"{index.label}: {generation_state(index, dimensions)}")
        if broken:
            raise CommandError("\n".join(broken))


MODELS: dict[str, Callable[[], Any]] = {
    "EMBEDDER": get_embedder,
    "RERANKER": get_reranker,
    "IMAGE_RERANKER": lambda: get_reranker("IMAGE_RERANKER"),
}


def described(model: Backend) -> Iterator[str]:
    """Yield what the columns after the name say of a model."""
    kinds = sorted(model.modalities, reverse=True)
    together = len(kinds) > 1 and getattr(model, "fuses", False)
    yield " and ".join(kinds) + (" together" if together else " apart" if len(kinds) > 1 else "")
    yield str(model.dimensions) if isinstance(model, Embedder) else "-"
    yield model.device or "elsewhere"
    yield filesizeformat(model.memory).replace("\xa0", " ") if model.memory else "-"
    text, seen = Content(TEXT), Content(image=picture())
    if isinstance(model, Embedder):
        for one, kind in ((text, "text"), (seen, "image")):
            yield timed(model.encode, [one], "query") if kind in model.modalities else "-"
        yield "-"
    elif isinstance(model, Reranker):
        yield from ("-", "-")
        query = text if "text" in model.modalities else seen
        pairs = [model.readable(Content(TEXT, seen.image), query)] * 10
        yield timed(model.score, query, pairs)


def timed(call: Callable[..., Any], *arguments: Any) -> str:
    """Return the milliseconds of a call."""
    taken = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        call(*arguments)
        taken.append(time.perf_counter() - start)
    return f"{1000 * median(taken[1:]):.1f} ms"


def picture() -> Picture:
    """Return a photo-sized picture that no encoder finds trivial."""
    buffer = io.BytesIO()
    Image.effect_noise((800, 600), 64).convert("RGB").save(buffer, "JPEG")
    return read_picture(buffer.getvalue())


def generation_state(index: Any, dimensions: int | None) -> str:
    """Say whether the serving generation was built with today's declaration and model, which gives so many dimensions
    as far as it could be loaded.
    """
    try:
        active = Generation.objects.serving(index)
    except DatabaseError as error:
        return f"unknown, run manage.py migrate: {str(error).splitlines()[0]}"
    if active is None:
        return "not built yet; run manage.py rebuild_search_index"
    if is_outdated(index):
        return f"generation {active.pk} was built from other settings and serves on; run manage.py rebuild_search_index"
    if dimensions and active.dimensions and active.dimensions != dimensions:
        return (
            f"generation {active.pk} has {active.dimensions} dimensions and the model {dimensions}: it is another one "
            'under the same name; give its OPTIONS a "revision", then run manage.py rebuild_search_index'
        )
    return f"generation {active.pk} matches, {active.dimensions} dimensions"
