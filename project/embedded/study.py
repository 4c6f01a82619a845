"""Reading products and questions once, ahead of learning or judging, and what the embedder would find."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ..drawing import draw
from .questions import Offer, Question
from .reader import Material
from .reranker import PairReader

FULL_MATCH = 8.0
"""So many deviations above the background make a full match to the app's ranking."""

CANDIDATES = 30

Graded = TypeVar("Graded", np.ndarray, Tensor)

RETRIEVAL = 0.7
"""The share of a full match that the app's score for the best candidates reaches about."""


def photograph(one: Offer, seed: int) -> Image.Image:
    """The product's photo, as large as a shop's thumbnail is at least."""
    return draw(one.shown, seed, 200)


def photographs(offers: list[Offer], seed: int, jobs: int = 1) -> list[Image.Image]:
    """The photos of products, drawn by `jobs` processes."""
    seeds = range(seed * 1_000_000, seed * 1_000_000 + len(offers))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        made = pool.map(photograph, offers, seeds, chunksize=64)
        return list(tqdm(made, "drawing", len(offers), mininterval=5))


def joined(parts: list[Material]) -> Material:
    """Materials one after the other, padded to the same length."""
    longest = max(part.words.shape[1] for part in parts)
    rows = []
    for part in parts:
        pad = longest - part.words.shape[1]
        words = torch.nn.functional.pad(part.words.half(), (0, 0, 0, pad))
        spoken = torch.nn.functional.pad(part.spoken, (0, pad))
        rows.append(replace(part, words=words, spoken=spoken, patches=part.patches.half()))
    return Material(*(torch.cat([getattr(row, field.name) for row in rows]) for field in fields(Material)))


def read(module: PairReader, texts: list[str], photos: list[Image.Image] | None = None) -> Material:
    """What MiniLM and the tower make of texts and photos; in half precision, since there are many."""
    sides = list(zip(texts, photos or [None] * len(texts), strict=True))
    parts = range(0, len(sides), 64)
    return joined([module.material(sides[i : i + 64]) for i in tqdm(parts, "reading", mininterval=5)])


def some(material: Material, places: Tensor) -> Material:
    """A part of it, in full precision, no longer than it must be."""
    part = material.at(places)
    longest = max(1, int(part.spoken.sum(1).max()))
    words, spoken = part.words[:, :longest].float(), part.spoken[:, :longest]
    return replace(part, words=words, spoken=spoken, patches=part.patches.float())


@dataclass(frozen=True, slots=True)
class Study:
    """Questions put to products: both as they are read, and the best candidates with the app's score for them.

    `candidates` (m, 30) are places of products, best first, `scores` (m, 30) from 0 to 1.
    """

    offers: list[Offer]
    products: Material
    asked: list[Question]
    questions: Material
    candidates: Tensor
    scores: Tensor

    @classmethod
    def of(cls, module: PairReader, offers: list[Offer], products: Material, asked: list[Question]) -> "Study":
        """Read the questions and find the candidates as the app would by vectors alone."""
        questions = read(module, [one.text for one in asked])
        shown = torch.tensor([-1 if one.photo is None else one.photo for one in asked])
        there = shown >= 0
        questions.patches[there] = products.patches[shown[there]]
        questions.seen[there] = products.seen[shown[there]]
        questions.trust[there] = 1.0
        gallery = products.fused()
        candidates, scores = [], []
        for part in torch.arange(len(asked)).split(500):
            deviations = softest([above(own[part], gallery) for own in (questions.said, questions.seen)])
            for row, place in enumerate(part.tolist()):
                if there[place]:
                    deviations[row, shown[place]] = -torch.inf  # it is not to find itself
            best = deviations.topk(CANDIDATES, dim=1)
            candidates.append(best.indices)
            scores.append((best.values / FULL_MATCH).clamp(0, 1))
        return cls(offers, products, asked, questions, torch.cat(candidates), torch.cat(scores))


def above(asked: Tensor, gallery: Tensor) -> Tensor:
    """How many deviations products are nearer to each vector than usual (n, products); endlessly, for no vector."""
    near = asked @ gallery.T
    found = (near - near.mean(1, keepdim=True)) / near.std(1, keepdim=True).clamp(min=1e-6)
    return torch.where((asked**2).sum(1, keepdim=True) > 0, found, torch.inf)


def softest(values: list[Tensor]) -> Tensor:
    """The soft minimum of what there is, as the app takes it where a query asks in two ways."""
    both = torch.stack(values)
    lowest = both.amin(0)
    there = both < torch.inf
    away = torch.where(there, (lowest - both).exp(), 0.0)
    return lowest - (away.sum(0) / there.sum(0)).log()


def gains(grades: Graded) -> Graded:
    """What products of these grades are worth."""
    return 2.0**grades - 1


def blended(retrieval: Tensor, judged: Tensor, share: float = 0.5) -> Tensor:
    """The score that the app orders by, from its own and the reranker's log-odds."""
    return (1 - share) * RETRIEVAL * retrieval + share * judged.sigmoid()
