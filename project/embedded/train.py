"""Train the image tower from nothing: `python -m project.embedded.train`."""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from ..drawing import KINDS, PATTERNS, ProductSpec
from . import examples, judged
from .lesson import Lesson, labels, photographed
from .model import WEIGHTS, build_embedder, save_weights, text_vectors
from .reading import TRUSTED, learn_trust
from .tower import DIMENSIONS, Eye
from .wording import plain_caption, seen_caption

CAPTIONS = 2
"""Captions of each picture and of each combination: a plain one, and one in any words."""


def kept(cache: Path, make: Callable[[], np.ndarray], shape: tuple[int, ...]) -> Tensor:
    """What `make` returns, from the file `cache` where that has the right shape already."""
    if not cache.exists() or np.load(cache, mmap_mode="r").shape != shape:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, make())
    return torch.from_numpy(np.load(cache))


def caption_vectors(specs: list[ProductSpec], seed: int) -> np.ndarray:
    """What MiniLM makes of the captions, a plain one and others: unit vectors (n, CAPTIONS, 384)."""
    rng = np.random.default_rng(seed)
    texts = [seen_caption(spec, rng) if i else plain_caption(spec) for spec in specs for i in range(CAPTIONS)]
    unique, places = np.unique(texts, return_inverse=True)
    return text_vectors(list(unique))[places].reshape(len(specs), CAPTIONS, DIMENSIONS)


def swapped_vectors(specs: list[ProductSpec]) -> np.ndarray:
    """What MiniLM makes of plain captions that tell the two colours the wrong way round (n, 384)."""
    wrong = [replace(spec, colour=spec.second, second=spec.colour) if spec.second else spec for spec in specs]
    return text_vectors([plain_caption(spec) for spec in wrong])


def batches(kinds: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Numbers of pictures (n, size), in runs of eight of the same kind: look-alikes teach more than strangers."""
    shuffled = torch.randperm(len(kinds), generator=rng)
    shuffled = shuffled[torch.argsort(kinds[shuffled], stable=True)]
    runs = shuffled[: len(kinds) // 8 * 8].view(-1, 8)
    runs = runs[torch.randperm(len(runs), generator=rng)].flatten()
    return runs[: len(runs) // size * size].view(-1, size)


def train(count: int, epochs: int, seed: int, work: Path, jobs: int = 1, batch: int = 192) -> Eye:
    """Learn from `count` drawings, made by `jobs` processes and seen `epochs` times each."""
    torch.manual_seed(seed)
    specs = examples.training_specs(count, seed)
    drawn = examples.pictures(specs, seed * 1_000_000, work / f"pictures-{count}-{seed}.npy", jobs)
    shape = (CAPTIONS, DIMENSIONS)
    said = kept(work / f"captions-{count}-{seed}.npy", lambda: caption_vectors(specs, seed), (count, *shape))
    swapped = kept(work / f"swapped-{count}-{seed}.npy", lambda: swapped_vectors(specs), (count, DIMENSIONS))
    every = examples.combinations(kept_away=False)
    plain = [ProductSpec(kind, colour, None, pattern) for kind, colour, pattern in every]
    bank = kept(work / f"bank-{seed}.npy", lambda: caption_vectors(plain, seed + 1), (len(every), *shape))
    place = {combination: i for i, combination in enumerate(every)}
    right = torch.tensor([place[spec.kind, spec.colour, spec.pattern] for spec in specs])
    named = labels(specs)
    lesson = Lesson(Eye()).to(memory_format=torch.channels_last)
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(lesson.parameters(), lr=2e-3, weight_decay=0.02)
    steps = epochs * len(batches(named[:, 0], batch, rng))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.15)
    with tqdm(total=steps, desc="learning", mininterval=10) as progress:
        for _ in range(epochs):
            for some in batches(named[:, 0], batch, rng):
                seen = photographed(torch.from_numpy(drawn[some.numpy()]), rng)
                column = int(torch.randint(CAPTIONS, (), generator=rng))
                loss = lesson(seen, said[some], swapped[some], named[some], bank[:, column], right[some])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                progress.update()
    return lesson.eye.eval()


def landmarks() -> Tensor:
    """What was taught, coarsely: the unit vectors of a plain caption for every kind in every pattern (n, 384)."""
    colours = ("red", "yellow", "green", "blue", "black", "white")
    captions = [
        [plain_caption(ProductSpec(kind, colour, None, pattern)) for colour in colours]
        for kind in KINDS
        for pattern in PATTERNS
    ]
    vectors = torch.from_numpy(text_vectors([caption for row in captions for caption in row]))
    return F.normalize(vectors.view(len(captions), len(colours), DIMENSIONS).mean(1), dim=1)


def main() -> None:
    """Draw, learn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("var/embedded"), help="where drawings are kept for the next run"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to save")
    parser.add_argument("--pictures", type=int, default=14_000)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = time.monotonic()
    eye = train(options.pictures, options.epochs, options.seed, options.work, options.threads)
    familiar = np.load(options.work / f"pictures-{options.pictures}-{options.seed}.npy", mmap_mode="r")
    trust = learn_trust(eye, familiar[:TRUSTED], landmarks(), options.seed)
    save_weights(eye, trust, options.weights)
    megabytes, minutes = options.weights.stat().st_size / 1e6, (time.monotonic() - start) / 60
    model = build_embedder(weights=options.weights)
    scores = judged.captions(model, judged.Gallery.drawn(model, options.seed + 1, options.work, known=500))
    print(f"{scores.title}\n{scores}")
    print(f"{options.weights}: {megabytes:.2f} MB, seed {options.seed}, {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
