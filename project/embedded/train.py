"""Train the image tower from nothing: `python -m project.embedded.train`."""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import numpy as np
import torch
from torch import Tensor, distributed
from torch.multiprocessing import spawn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from ..drawing import KINDS, PATTERNS, ProductSpec
from . import examples, judged
from .legibility import TRUSTED, learn_trust
from .lesson import Lesson, labels, photographed
from .model import WEIGHTS, build_embedder, save_weights, text_vectors
from .tower import DIMENSIONS, SIDE, Eye
from .wording import plain_caption, seen_caption

CAPTIONS = 2
"""Captions of each picture: a plain one, and one in any words."""

BANK = 3
"""Captions of each combination: a plain one, and others in any words."""

RUN = 20
"""So many pictures of one kind stand together in a batch."""

COARSE = 80
"""The side of the pictures in the first half of the training."""


def kept(cache: Path, make: Callable[[], np.ndarray], shape: tuple[int, ...]) -> Tensor:
    """What `make` returns, from the file `cache` where that has the right shape already."""
    if not cache.exists() or np.load(cache, mmap_mode="r").shape != shape:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, make())
    return torch.from_numpy(np.load(cache))


def caption_vectors(specs: list[ProductSpec], columns: int, seed: int) -> np.ndarray:
    """What MiniLM makes of the captions, a plain one and others: unit vectors (n, columns, 384)."""
    rng = np.random.default_rng(seed)
    texts = [seen_caption(spec, rng) if i else plain_caption(spec) for spec in specs for i in range(columns)]
    unique, places = np.unique(texts, return_inverse=True)
    return text_vectors(list(unique))[places].reshape(len(specs), columns, DIMENSIONS)


def swapped_vectors(specs: list[ProductSpec]) -> np.ndarray:
    """What MiniLM makes of plain captions that tell the two colours the wrong way round (n, 384)."""
    wrong = [replace(spec, colour=spec.second, second=spec.colour) if spec.second else spec for spec in specs]
    return text_vectors([plain_caption(spec) for spec in wrong])


def batches(kinds: Tensor, right: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Numbers of pictures (n, size), in runs of RUN of the same kind, those of one combination side by side:
    look-alikes teach more than strangers.
    """
    luck = torch.rand(int(right.max()) + 1, generator=rng, dtype=torch.float64)
    order = torch.argsort(kinds + luck[right])
    runs = order[: len(order) // RUN * RUN].view(-1, RUN)
    runs = runs[torch.randperm(len(runs), generator=rng)].flatten()
    return runs[: len(runs) // size * size].view(-1, size)


@dataclass(frozen=True, slots=True)
class Course:
    """How to train: on `pictures` drawings, each seen `epochs` times, by `jobs` processes of one thread each."""

    pictures: int
    epochs: int
    seed: int
    work: Path
    jobs: int
    batch: int = 320

    @property
    def specs(self) -> list[ProductSpec]:
        """What is drawn."""
        return examples.training_specs(self.pictures, self.seed)

    def drawn(self) -> np.ndarray:
        """The drawings (n, 128, 128, 3), from the working folder where they are there."""
        cache = self.work / f"pictures-{self.pictures}-{self.seed}.npy"
        return examples.pictures(self.specs, self.seed * 1_000_000, cache, self.jobs)

    def captions(self) -> tuple[Tensor, Tensor, Tensor]:
        """What MiniLM makes of captions: the pictures' own, those with swapped colours, and every combination's."""
        specs, size = self.specs, (self.pictures, CAPTIONS, DIMENSIONS)
        name, seed = f"{self.pictures}-{self.seed}.npy", self.seed
        every = [ProductSpec(kind, colour, None, pattern) for kind, colour, pattern in examples.combinations(False)]
        bank = (len(every), BANK, DIMENSIONS)
        return (
            kept(self.work / f"captions-{name}", lambda: caption_vectors(specs, CAPTIONS, seed), size),
            kept(self.work / f"swapped-{name}", lambda: swapped_vectors(specs), (self.pictures, DIMENSIONS)),
            kept(self.work / f"bank-{seed}.npy", lambda: caption_vectors(every, BANK, seed + 1), bank),
        )


def learn(rank: int, course: Course) -> None:
    """One of the processes that learn together: each has its share of every batch, and all agree on each step."""
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    meeting = (course.work / "meeting").absolute()
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=course.jobs)
    torch.manual_seed(course.seed)
    drawn, (said, swapped, bank) = course.drawn(), course.captions()
    place = {combination: i for i, combination in enumerate(examples.combinations(kept_away=False))}
    right = torch.tensor([place[spec.kind, spec.colour, spec.pattern] for spec in course.specs])
    named = labels(course.specs)
    lesson = Lesson(Eye()).to(memory_format=torch.channels_last)
    together = DistributedDataParallel(lesson)
    shared, own = (torch.Generator().manual_seed(seed) for seed in (course.seed, 1000 * course.seed + rank))
    optimiser = torch.optim.AdamW(lesson.parameters(), lr=2e-3, weight_decay=0.02)
    steps = course.epochs * (course.pictures // course.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.15)
    with tqdm(total=steps, desc="learning", mininterval=10, disable=rank > 0) as progress:
        for _ in range(course.epochs):
            for batch in batches(named[:, 0], right, course.batch, shared):
                some = batch.chunk(course.jobs)[rank]
                # Coarse pictures teach the first half of the way at half the price.
                side = COARSE if 2 * schedule.last_epoch < steps else SIDE
                seen = photographed(torch.from_numpy(drawn[some.numpy()]), own, side)
                columns = [0, int(torch.randint(1, BANK, (), generator=own))]
                loss = together(seen, said[some], swapped[some], named[some], bank[:, columns], right[some])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                progress.update()
    if rank == 0:
        torch.save(lesson.eye.state_dict(), course.work / "eye.pt")
    distributed.barrier()
    distributed.destroy_process_group()


def train(course: Course) -> Eye:
    """Draw, let MiniLM read the captions, learn."""
    course.drawn(), course.captions()
    (course.work / "meeting").unlink(missing_ok=True)
    spawn(learn, (course,), course.jobs)
    eye = Eye()
    eye.load_state_dict(torch.load(course.work / "eye.pt"))
    return eye.eval()


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


def spent() -> float:
    """Processor seconds of this process and of those that it waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def main() -> None:
    """Draw, learn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path(".data/embedded"), help="where drawings are kept for the next run"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to save")
    parser.add_argument("--pictures", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes, one core each")
    options = parser.parse_args()
    torch.set_num_threads(options.jobs)
    start = time.monotonic()
    course = Course(options.pictures, options.epochs, options.seed, options.work, options.jobs)
    eye = train(course)
    trust = learn_trust(eye, course.drawn()[:TRUSTED], landmarks(), options.seed)
    save_weights(eye, trust, options.weights)
    megabytes, minutes = options.weights.stat().st_size / 1e6, (time.monotonic() - start) / 60
    model = build_embedder(weights=options.weights)
    scores = judged.captions(model, judged.Gallery.drawn(model, options.seed + 1, options.work, known=500))
    print(f"{scores.title}\n{scores}")
    print(
        f"{options.weights}: {megabytes:.2f} MB, seed {options.seed}, "
        f"{minutes:.1f} minutes, {spent() / 60:.1f} of a processor's"
    )


if __name__ == "__main__":
    main()
