"""Measure the embedded models and write docs/embedded-models.md: `python -m project.embedded.measure`."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
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


def tables(options: Options) -> Iterator[Table]:
    """All tables of the page, in its order."""
    model, cross = build_embedder(), build_reranker()
    module = cross[0]
    gallery = judged.Gallery.drawn(model, options.seed, options.work)
    yield judged.captions(model, gallery)
    yield judged.by_size(model, gallery)
    yield judged.photo_queries(model, gallery)
    yield judged.told_in(model, judged.Shop.drawn(model, options.work))
    yield judged_reranker.reranked(module, options.seed, options.work)
    with scratch_database():
        django.setup()
        place = stages.opened(options.seed, options.jobs)
        yield stages.orders(place, options.seed)
        yield stages.compositions(place, options.seed)
        for catalogue in map(real.Catalogue.read, options.real):
            yield real.photos(model, catalogue)
            yield real.reranked(module, catalogue)
        for folder in options.judged:
            yield stages.judged(folder)
    yield latencies(model)
    yield pairs(cross)


def main() -> None:
    """Measure, print each table, write the page."""
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
    found = []
    for table in tables(Options(options.work, options.real, options.judged, options.seed, options.threads)):
        print(f"## {table.title}\n\n{table}\n", flush=True)
        found.append(table)
    kind, colour, pattern = examples.combinations(kept_away=True)[EXAMPLE]
    example = f"a {plain_caption(ProductSpec(kind, colour, None, pattern))}"
    page = written(found, WEIGHTS.stat().st_size, reranker.WEIGHTS.stat().st_size, example)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
