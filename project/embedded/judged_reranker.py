"""Judging the reranker on drawings: how much of what the first order misses it brings back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..drawing import ProductSpec
from . import examples, questions, wording
from .model import weights_digest
from .questions import Offer, Question
from .reader import Material, Reader
from .report import Table
from .reranker import PairReader
from .study import CANDIDATES, Study, blended, gains, photographs, read, some

KNOWN = 1_600
"""Products of combinations that training showed, beside the held-out ones."""

HELD_OUT = len(examples.combinations(kept_away=True))


def shop(seed: int, known: int = KNOWN) -> list[Offer]:
    """Every held-out combination once, its twin with swapped colours, and many others as distractors."""
    rng = np.random.default_rng([seed, 13])
    kept, shown = examples.combinations(kept_away=True), examples.combinations(kept_away=False)
    others = [shown[i] for i in rng.choice(len(shown), known, replace=False)]
    specs = [examples.spec_of(one, rng) for one in [*kept, *others]]
    specs += [replace(one, colour=one.second, second=one.colour) for one in specs[: len(kept)] if one.second]
    return [questions.offer(number, spec, rng, plainly=True) for number, spec in enumerate(specs)]


def looks(spec: ProductSpec) -> dict[str, str]:
    """What is wanted by somebody who shows a thing."""
    return {"kind": spec.kind, "colour": spec.colour, "pattern": spec.pattern}


def asked(number: int, text: str, offers: list[Offer]) -> Question:
    """A question in words for a product's looks."""
    spec = offers[number].spec
    wanted = looks(spec)
    if questions.named(text, spec.second):
        wanted["second"] = str(spec.second)
    return Question(text, None, wanted)


def sorts(offers: list[Offer], seed: int, each: int = 300) -> dict[str, list[Question]]:
    """Questions about held-out combinations, by sort."""
    rng = np.random.default_rng([seed, 14])
    chosen = [int(i) for i in rng.choice(HELD_OUT, each, replace=False)]
    pictured = [i for i in chosen if offers[i].shown.view == "front"]
    colours = [str(rng.choice([name for name in wording.COLOURS if name != offers[i].spec.colour])) for i in pictured]

    return {
        "words and sentences of the training": [
            asked(i, wording.seen_caption(offers[i].spec, rng), offers) for i in chosen
        ],
        "**words never seen in training**": [
            asked(i, wording.unseen_caption(offers[i].spec, rng), offers) for i in chosen
        ],
        "a photo": [Question("", i, looks(offers[i].spec)) for i in pictured],
        "a photo, “but in green”": [
            Question(f"but in {colour}", i, looks(offers[i].spec) | {"colour": colour})
            for i, colour in zip(pictured, colours, strict=True)
        ],
    }


def ndcg(grades: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """nDCG@10 of orders (m, n) with these grades, beside the best grades that the whole shop has (m, 10)."""
    discount = 1 / np.log2(np.arange(10) + 2)
    return (gains(grades[:, :10]) * discount).sum(1) / (gains(ideal) * discount).sum(1)


@torch.inference_mode()
def log_odds(reader: Reader, study: Study) -> torch.Tensor:
    """What the reranker says of all candidates (m, 30)."""
    rows = []
    for number in range(len(study.asked)):
        asked = some(study.questions, torch.full((CANDIDATES,), number))
        rows.append(reader(asked, some(study.products, study.candidates[number])))
    return torch.stack(rows)


def reordered(reader: Reader, study: Study, share: float = 0.5) -> dict[str, np.ndarray]:
    """nDCG@10 of each question in the first order, the reranker's own, the blended and the best possible."""
    every = np.arange(len(study.offers))
    whole = np.stack([questions.grades(one, study.offers, every) for one in study.asked])
    for row, one in enumerate(study.asked):
        if one.photo is not None:
            whole[row, one.photo] = 0
    ideal = -np.sort(-whole, axis=1)[:, :10]
    grades = np.take_along_axis(whole, study.candidates.numpy(), 1)
    judged = log_odds(reader, study)
    by = {
        "before": study.scores,
        "alone": judged,
        "blended": blended(study.scores, judged, share),
        "best": torch.from_numpy(grades),
    }
    return {
        name: ndcg(np.take_along_axis(grades, (-score).argsort(dim=1, stable=True).numpy(), 1), ideal)
        for name, score in by.items()
    }


def reranked(module: PairReader, seed: int, work: Path) -> Table:
    """What the reranker makes of the first 30 candidates of the drawn shop."""
    offers = shop(seed)
    cache = work / f"judged-{len(offers)}-{seed}-{weights_digest()}.pt"
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save(read(module, [one.text for one in offers], photographs(offers, 800 + seed)), cache)
    products: Material = torch.load(cache, weights_only=False)
    rows = []
    for name, every in sorts(offers, seed).items():
        study = Study.of(module, offers, products, every)
        found = reordered(module.reader, study)
        means = {way: scores.mean() for way, scores in found.items()}
        closed = (means["blended"] - means["before"]) / (means["best"] - means["before"])
        rows.append((name, len(every), *[f"{mean:.3f}" for mean in means.values()], f"{closed:.0%}"))
    head = ("asked by", "questions", "fused order", "reranker alone", "blended", "best possible", "gap closed")
    return Table(f"The reranker on the best {CANDIDATES} of {len(offers):,} products, nDCG@10", head, rows)
