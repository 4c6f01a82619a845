"""Measure the embedded model and write docs/embedded-models.md: `python -m project.embedded.measure`."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from ..drawing import ProductSpec
from . import examples, judged, real
from .model import WEIGHTS, build_embedder
from .report import Table, written
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
        alone = min(timed(model, [item]) for _ in range(10))
        rows.append((name, f"{alone:.1f}", f"{timed(model, [item] * 32) / 32:.1f}"))
    return Table("Latency", ("input", "alone, ms", "in a batch of 32, ms each"), rows)


def timed(model: SentenceTransformer, items: list[dict[str, object]]) -> float:
    """Milliseconds that encoding takes."""
    start = time.perf_counter()
    model.encode(items)
    return 1000 * (time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure with."""

    work: Path
    real: Sequence[Path]
    seed: int


def tables(model: SentenceTransformer, options: Options) -> list[Table]:
    """All tables of the page, in its order."""
    gallery = judged.Gallery.drawn(model, options.seed, options.work)
    shop = judged.Shop.drawn(model, options.work)
    return [
        judged.captions(model, gallery),
        judged.photo_queries(model, gallery),
        judged.told_in(model, shop),
        judged.compositions(model, gallery),
        *[real.photos(model, folder) for folder in options.real],
        latencies(model),
    ]


def main() -> None:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path(".data/embedded"), help="where drawings are kept for the next run"
    )
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders with catalog.jsonl and real photos")
    parser.add_argument("--seed", type=int, default=2, help="another one than that of the training")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = tables(build_embedder(), Options(options.work, options.real, options.seed))
    kind, colour, pattern = examples.combinations(kept_away=True)[EXAMPLE]
    example = f"a {plain_caption(ProductSpec(kind, colour, None, pattern))}"
    page = written(found, WEIGHTS.stat().st_size, example)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
