"""Measure the embedded models and write docs/embedded-models.md: `python -m project.embedded.measure`."""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import django
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer

from benchmarks.world import scratch_database

from ..drawing import ProductSpec
from . import examples, judged, judged_reranker, real, reranker, stages
from .model import WEIGHTS, build_embedder
from .report import Table, written
from .reranker import build_reranker
from .study import photograph
from .wording import plain_caption

EXAMPLE = 212
PAGE = Path(__file__).parents[2] / "docs" / "embedded-models.md"


def latencies(model: SentenceTransformer) -> Table:
    """Milliseconds for one input of each sort, and for each of a batch of 32."""
    picture = examples.opened(examples.pictures(examples.training_specs(1, 9), 9))[0].resize((480, 480))
    text = "A dress that goes from breakfast on the balcony to dancing at night. Little white blossoms on a red ground."
    inputs = {
        "query text": {"text": "red mug with white dots"},
        "photo of 480 pixels": {"image": picture},
        "photo and description": {"text": text, "image": picture},
    }
    rows = []
    for name, item in inputs.items():
        model.encode([item] * 4)
        alone = min(milliseconds(partial(model.encode, [item])) for _ in range(10))
        rows.append((name, f"{alone:.1f}", f"{milliseconds(partial(model.encode, [item] * 32)) / 32:.1f}"))
    return Table("Latency of the embedder", ("input", "alone, ms", "in a batch of 32, ms each"), rows)


def pairs(model: CrossEncoder) -> Table:
    """Milliseconds that the reranker takes for a query and 30 products with text and photo."""
    offers = judged_reranker.shop(9)[:60]
    photos = [photograph(one, number).resize((480, 480)) for number, one in enumerate(offers)]
    documents = [{"text": one.text, "image": photo} for one, photo in zip(offers, photos, strict=True)]
    first, again = ([(text, document) for document in documents[:30]] for text in ("red mug", "white mug"))
    model.predict([("blue mug", documents[-1])])
    cold = milliseconds(partial(model.predict, first))
    warm = min(milliseconds(partial(model.predict, again)) for _ in range(5))
    rows = [("none of them read before", f"{cold:.0f}"), ("all of them read lately", f"{warm:.0f}")]
    return Table("Latency of the reranker", ("30 pairs", "ms"), rows)


def milliseconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure with."""

    work: Path
    real: Sequence[Path]
    judged: Sequence[Path]
    seed: int
    jobs: int


def tables(options: Options) -> list[Table]:
    """All tables of the page, in its order."""
    model, cross = build_embedder(), build_reranker()
    module = cross[0]
    gallery = judged.Gallery.drawn(model, options.seed, options.work)
    shop = judged.Shop.drawn(model, options.work)
    catalogues = [real.Catalogue.read(folder) for folder in options.real]
    found = [
        judged.captions(model, gallery),
        judged.photo_queries(model, gallery),
        judged.told_in(model, shop),
        judged_reranker.reranked(module, options.seed, options.work),
    ]
    with scratch_database():
        django.setup()
        place = stages.opened(options.seed, options.jobs)
        found += [stages.orders(place, options.seed), stages.compositions(place, options.seed)]
        found += [real.photos(model, one) for one in catalogues]
        found += [real.reranked(module, one) for one in catalogues]
        found += [stages.judged(folder) for folder in options.judged]
    return [*found, latencies(model), pairs(cross)]


def main() -> None:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path(".data/embedded"), help="where drawings are kept for the next run"
    )
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders with catalog.jsonl and real photos")
    parser.add_argument("--judged", type=Path, nargs="*", default=[], help="folders with judged queries")
    parser.add_argument("--seed", type=int, default=2, help="another one than that of the training")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = tables(Options(options.work, options.real, options.judged, options.seed, options.threads))
    kind, colour, pattern = examples.combinations(kept_away=True)[EXAMPLE]
    example = f"a {plain_caption(ProductSpec(kind, colour, None, pattern))}"
    page = written(found, WEIGHTS.stat().st_size, reranker.WEIGHTS.stat().st_size, example)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
