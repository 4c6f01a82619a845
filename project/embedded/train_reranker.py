"""Train the embedded reranker: `python -m project.embedded.train_reranker`."""

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

from . import questions
from .model import weights_digest
from .questions import Offer, Question
from .reader import Reader
from .reranker import WEIGHTS, pair_reader, save_reader
from .study import Study, blended, gains, photographs, read, some

SHARPNESS = 20.0
"""How sharply good candidates are told from others by their score, which lies between 0 and 1."""

EACH = 12
"""Candidates of each question in a batch."""


def chosen(grades: Tensor, rng: torch.Generator) -> Tensor:
    """Columns of candidates (m, EACH): some with the best grade there is, the rest by chance."""
    luck = torch.rand(grades.shape, generator=rng)
    best = grades == grades.amax(1, keepdim=True)
    kept = best & (luck > 0.5)
    return (luck + 2 * kept).topk(EACH, dim=1).indices


def worth(study: Study, of: Callable[[Question, list[Offer], np.ndarray], np.ndarray]) -> Tensor:
    """What `of` says of all candidates (m, 30, ...): their grades, or what about them is right."""
    rows = [
        of(asked, study.offers, places.numpy()) for asked, places in zip(study.asked, study.candidates, strict=True)
    ]
    return torch.from_numpy(np.stack(rows))


def disorder(scores: Tensor, grades: Tensor) -> Tensor:
    """How far the shares (n,) that candidates have of their scores are from those they have of what they are worth."""
    target = gains(grades)
    target = target / target.sum(1, keepdim=True).clamp(min=1e-6)
    return -(target * F.log_softmax(SHARPNESS * scores, dim=1)).sum(1)


def batches(study: Study, size: int, rng: torch.Generator) -> list[Tensor]:
    """Numbers of questions, those with photos apart: without any, a batch is quicker."""
    pictured = study.questions.trust > 0
    parts = []
    for which in (pictured, ~pictured):
        own = torch.nonzero(which)[:, 0]
        parts += list(own[torch.randperm(len(own), generator=rng)].split(size))
    return [parts[i] for i in torch.randperm(len(parts), generator=rng)]


def learn(study: Study, epochs: int, seed: int, size: int = 16) -> Reader:
    """The network, taught to order candidates as the app will mix them."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    reader = Reader()
    grades, right = worth(study, questions.grades), worth(study, questions.matches)
    most = torch.tensor([4.0 if one.quoted else 1.0 + len(one.wanted) - 1 for one in study.asked])
    useful = grades.amax(1) > grades.amin(1)
    steps = epochs * len(batches(study, size, rng))
    optimiser = torch.optim.AdamW(reader.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.5e-3, total_steps=steps, pct_start=0.1)
    with tqdm(total=steps, desc="learning", mininterval=10) as progress:
        for _ in range(epochs):
            columns = chosen(grades, rng)
            for rows in batches(study, size, rng):
                picked = columns[rows]
                places = study.candidates[rows].gather(1, picked)
                graded = grades[rows].gather(1, picked)
                asked = some(study.questions, rows.repeat_interleave(EACH))
                # Other words will be asked: some of these are not heard, the same ones beside all candidates.
                heard = torch.rand(len(rows), asked.spoken.shape[1], generator=rng) > 0.1
                asked = replace(asked, spoken=asked.spoken & heard.repeat_interleave(EACH, 0))
                said = reader.opinion(asked, some(study.products, places.flatten())).view(len(rows), EACH, -1)
                judged, told = said[..., 0], said[..., 1:]
                mixed = blended(study.scores[rows].gather(1, picked), judged)
                order = (disorder(mixed, graded) * useful[rows]).mean()
                answer = F.binary_cross_entropy_with_logits(judged, (graded / most[rows, None]).clamp(0, 1))
                true = right[rows[:, None], picked]
                known = ~true.isnan()
                tell = F.binary_cross_entropy_with_logits(told[known], true[known])
                loss = order + 0.5 * answer + tell
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                progress.set_postfix(order=f"{order.item():.3f}", tell=f"{tell.item():.3f}", refresh=False)
                progress.update()
    return reader.eval()


def prepared(work: Path, products: int, asked: int, seed: int, jobs: int) -> Study:
    """Products and questions as they are read; the products are kept in the working folder for the next time."""
    cache = work / f"offers-{products}-{seed}-{weights_digest()}.pt"
    module = pair_reader(Reader())
    offers = questions.assortment(products, seed)
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save(read(module, [one.text for one in offers], photographs(offers, 700 + seed, jobs)), cache)
    material = torch.load(cache, weights_only=False)
    rng = np.random.default_rng([seed, 12])
    every = [questions.question(int(i) % products, offers, rng) for i in range(asked)]
    return Study.of(module, offers, material, every)


def main() -> None:
    """Draw, read, learn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".data/embedded"), help="where drawings are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to save")
    parser.add_argument("--products", type=int, default=6_000)
    parser.add_argument("--questions", type=int, default=14_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes, one core each")
    options = parser.parse_args()
    torch.set_num_threads(options.jobs)
    start = time.monotonic()
    study = prepared(options.work, options.products, options.questions, options.seed, options.jobs)
    reader = learn(study, options.epochs, options.seed)
    reader.familiarity.know(study.products.said)
    save_reader(reader, options.weights)
    minutes = (time.monotonic() - start) / 60
    print(
        f"{options.weights}: {options.weights.stat().st_size / 1e6:.2f} MB, seed {options.seed}, {minutes:.1f} minutes"
    )


if __name__ == "__main__":
    main()
