"""Judging the model on real catalogues, whose photos it cannot read: they must do no harm."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer

from .report import Table
from .reranker import PairReader
from .study import CANDIDATES, FULL_MATCH, blended, joined, read, some

SHORTEST = 5
"""Words that a sentence must have to be a question."""

AT_MOST = 3
"""Questions asked about one product."""


def sentences(text: str) -> list[str]:
    """The sentences of a description."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def gains(ranks: np.ndarray) -> np.ndarray:
    """nDCG@10 of each query with one right answer, from its rank (0 is first)."""
    return np.where(ranks < 10, 1 / np.log2(ranks + 2), 0)


def ranks(queries: np.ndarray, documents: np.ndarray, own: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Where each query finds its own document (n, d), which stands in for document number `targets`."""
    scores = queries @ documents.T
    scores[np.arange(len(queries)), targets] = -np.inf
    return (scores > (queries * own).sum(1)[:, None]).sum(1)


def interval(difference: np.ndarray, base: float, seed: int = 1) -> tuple[float, float]:
    """The 95 % interval of a mean paired difference relative to `base`, by bootstrap."""
    rng = np.random.default_rng(seed)
    means = difference[rng.integers(0, len(difference), (4000, len(difference)))].mean(1) / base
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Real products with photos, and questions about them: (text, place of the product, its text without that)."""

    name: str
    texts: list[str]
    images: list[Image.Image]
    questions: dict[str, list[tuple[str, int, str]]]

    @classmethod
    def read(cls, folder: Path) -> "Catalogue":
        """A sentence that is asked is taken out of the description it is to find, as is the name."""
        products = [json.loads(line) for line in (folder / "catalog.jsonl").read_text("utf-8").splitlines()]
        images = [Image.open(folder / product["image"]).convert("RGB") for product in products]
        asked: list[tuple[str, int, str]] = []
        for i, product in enumerate(products):
            every = sentences(product["description"])
            long = [n for n, sentence in enumerate(every) if len(sentence.split()) >= SHORTEST][:AT_MOST]
            if len(every) > 1:
                rest = [" ".join(sentence for m, sentence in enumerate(every) if m != n) for n in long]
                asked += [(every[n], i, f"{product['name']}. {left}") for n, left in zip(long, rest, strict=True)]
        named = [(product["name"], i, product["description"]) for i, product in enumerate(products)]
        texts = [f"{product['name']}. {product['description']}" for product in products]
        questions = {"a sentence of the description": asked, "the name, from the description": named}
        return cls(folder.name, texts, images, questions)


def change(after: np.ndarray, before: np.ndarray) -> tuple[str, str, str]:
    """Two means, and the relative change from one to the other with its paired 95 % interval, as printed."""
    low, high = interval(after - before, before.mean())
    relative = (after.mean() - before.mean()) / before.mean()
    return f"{before.mean():.3f}", f"{after.mean():.3f}", f"{relative:+.1%} [{low:+.1%}, {high:+.1%}]"


def photos(model: SentenceTransformer, catalogue: Catalogue) -> Table:
    """What adding the photo does to finding a product by a sentence of its description, or its name."""
    texts = model.encode([{"text": text} for text in catalogue.texts], batch_size=64)
    both = fused(model, catalogue.texts, catalogue.images)
    rows = []
    for name, questions in catalogue.questions.items():
        queries = model.encode([{"text": question} for question, _, _ in questions], batch_size=64)
        targets = np.array([i for _, i, _ in questions])
        left = [rest for _, _, rest in questions]
        without = gains(ranks(queries, texts, model.encode([{"text": text} for text in left], batch_size=64), targets))
        own = fused(model, left, [catalogue.images[i] for i in targets])
        rows.append((name, len(questions), *change(gains(ranks(queries, both, own, targets)), without)))
    head = ("asked by", "questions", "nDCG@10, text alone", "nDCG@10 with photo", "change, paired 95 % interval")
    return Table(f"Real photos: the {catalogue.name} catalogue, {len(catalogue.texts)} products", head, rows)


@torch.inference_mode()
def reranked(module: PairReader, catalogue: Catalogue) -> Table:
    """What the reranker does to the order of the first candidates; their texts and photos are as they are above."""
    products = read(module, catalogue.texts, catalogue.images)
    rows = []
    for name, questions in catalogue.questions.items():
        asked = read(module, [question for question, _, _ in questions])
        targets = torch.tensor([i for _, i, _ in questions])
        own = read(module, [rest for _, _, rest in questions], [catalogue.images[i] for i in targets])
        near = asked.said @ products.fused().T
        every = torch.arange(len(questions))
        near[every, targets] = (asked.said * own.fused()).sum(1)
        best = ((near - near.mean(1, keepdim=True)) / near.std(1, keepdim=True)).topk(CANDIDATES, dim=1)
        found: dict[str, list[int]] = {"before": [], "after": []}
        for number, places in enumerate(best.indices):
            itself = places == targets[number]
            documents = some(
                joined([products.at(places), own.at(every[number : number + 1])]), torch.arange(CANDIDATES + 1)
            )
            order = torch.where(itself, CANDIDATES, torch.arange(CANDIDATES))
            judged = module.reader(some(asked, every[number].expand(CANDIDATES)), documents.at(order))
            retrieved = (best.values[number] / FULL_MATCH).clamp(0, 1)
            for way, score in (("before", retrieved), ("after", blended(retrieved, judged))):
                rank = itself[score.argsort(descending=True, stable=True)].nonzero()
                found[way].append(int(rank[0, 0]) if len(rank) else CANDIDATES)
        before, after = (gains(np.array(found[way])) for way in ("before", "after"))
        rows.append((name, len(questions), *change(after, before)))
    head = ("asked by", "questions", "nDCG@10, fused order", "nDCG@10, reranked", "change, paired 95 % interval")
    return Table(f"The reranker on the {catalogue.name} catalogue, which it does not know", head, rows)


def fused(model: SentenceTransformer, texts: list[str], images: list[Image.Image]) -> np.ndarray:
    """Unit vectors of documents with text and photo."""
    documents = [{"text": text, "image": image} for text, image in zip(texts, images, strict=True)]
    return model.encode(documents, batch_size=64)
