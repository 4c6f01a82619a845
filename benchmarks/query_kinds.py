"""How well are photo with words, and "that is not", answered on the demo shop?

The drawn catalogue is indexed with the embedded model in a database that is dropped afterwards, and searched as a
visitor would. The reference in the same run is the model alone: the nearest to the whole sentence, or to what the model
makes of photo and words together. "Reranked" is the whole search, with the demo's small reranker.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np
from tqdm import tqdm

from benchmarks.vector_lane import scratch_database

CASES = 1000
FIRST = 5


def main() -> None:
    """Draw, index, measure, print."""
    with scratch_database(), tempfile.TemporaryDirectory() as folder:
        import torch

        torch.set_num_threads(1)
        os.environ["MEDIA_ROOT"] = f"{folder}/media"
        django.setup()
        from django.conf import settings

        # The model runs here: no worker serves the demo's queue beside this.
        # However slow the machine is, the reranker finishes.
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"MODEL_QUEUE": "", "RERANK_SECONDS": 60.0}
        measure(Path(folder) / "catalogue")


def measure(folder: Path) -> None:
    """Print both questions, the model alone beside the search."""
    from django.core.management import call_command

    from catalog_search.images import read_picture
    from project.drawing.catalogue import write_catalogue
    from project.embedded.wording import KINDS
    from project.shop.catalogue import load_catalogue
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    call_command("migrate", verbosity=0)
    write_catalogue(folder, products=640)
    load_catalogue(folder)
    call_command("rebuild_search_index", sync=True, verbosity=0)

    lines = {line["id"]: line for line in map(json.loads, (folder / "catalog.jsonl").open())}
    shop = list(Product.objects.public().order_by("pk"))
    truth = {product.pk: lines[product.reference]["truth"] for product in shop}
    rng = np.random.default_rng(0)

    def found(size: int, **options: Any) -> list[int]:
        usual: dict[str, Any] = {
            "facet_counts": False,
            "cutoff": None,
            "group_by": False,
            "arrange": (),
        }
        results = ProductIndex.search(page_size=size, **usual, **options)
        return [hit.object.pk for hit in results]

    def is_a(key: int, kind: str, colour: str) -> bool:
        return truth[key]["kind"] == kind and truth[key]["colour"] == colour

    wishes = []
    for product in shop:
        own = truth[product.pk]
        colours = {truth[other.pk]["colour"] for other in shop if truth[other.pk]["kind"] == own["kind"]}
        if own["said_in"] != "text" and len(colours) > 1:  # a photo of a closed box shows nothing
            wishes.append((product, own["kind"], str(rng.choice(sorted(colours - {own["colour"]})))))
    wishes = [wishes[number] for number in rng.permutation(len(wishes))[:CASES]]
    alone: list[float] = []
    searched: dict[bool, list[float]] = {False: [], True: []}
    for product, kind, colour in tqdm(wishes, "photo and words"):
        picture = read_picture((folder / lines[product.reference]["image"]).read_bytes())
        text = f"but in {colour}"

        def right(keys: list[int], own: int = product.pk, kind: str = kind, colour: str = colour) -> float:
            return float(any(is_a(key, kind, colour) for key in [key for key in keys if key != own][:FIRST]))

        alone.append(right(nearest(ProductIndex, text, picture, FIRST + 1)))
        for rerank, hits in searched.items():
            hits.append(right(found(FIRST + 1, text=text, image=picture, rerank=rerank)))
    report(f"photo and “but in green”, R@{FIRST}", alone, searched)

    pairs = sorted({(own["kind"], own["colour"]) for own in truth.values()})
    alone, searched = [], {False: [], True: []}
    for number in tqdm(rng.permutation(len(pairs))[:CASES], "that is not"):
        kind, colour = pairs[number]
        wanted = {key for key, own in truth.items() if own["kind"] == kind and own["colour"] != colour}
        if len(wanted) > 2:
            size = min(10, len(wanted))
            text = f"{KINDS[kind].seen[0]} that is not {colour}"
            for rerank, hits in searched.items():
                hits.append(len(wanted & set(found(size, text=text, rerank=rerank))) / size)
            alone.append(len(wanted & set(nearest(ProductIndex, text, None, size))) / size)
    report("“chair that is not black”, right kind and another colour, P@10", alone, searched)


def nearest(declaration: Any, text: str, picture: Any, size: int) -> list[int]:
    """Return the public products nearest to what the model makes of a query whole."""
    from catalog_search.backends import get_embedder
    from catalog_search.content import Content
    from catalog_search.models import Generation
    from catalog_search.searching import lanes
    from catalog_search.searching.scope import Scope

    index = declaration.registered()
    generation = Generation.objects.active(index.label)
    scope = Scope(index, generation, index.language_codes[0], index.queryset())  # type: ignore[arg-type]
    (vector,) = get_embedder().encode([Content(text, picture)], "query")
    return [int(key) for key, _ in lanes.vectors(scope, vector, -1.0, size)]


def report(question: str, alone: Sequence[float], searched: Mapping[bool, Sequence[float]]) -> None:
    """Print one line."""
    print(
        f"{question}: the model alone {np.mean(alone):.3f}, search {np.mean(searched[False]):.3f}, "
        f"reranked {np.mean(searched[True]):.3f}, {len(alone)} queries"
    )


if __name__ == "__main__":
    main()
