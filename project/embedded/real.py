"""Judging the model on real catalogues, whose photos it cannot read: they must do no harm."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image
from sentence_transformers import SentenceTransformer

from .report import Table

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


def photos(model: SentenceTransformer, folder: Path) -> Table:
    """What adding the photo does to finding a product by a sentence of its description, or its name.

    A sentence that is asked is taken out of the description it is to find, as is the name.
    """
    products = [json.loads(line) for line in (folder / "catalog.jsonl").read_text("utf-8").splitlines()]
    images = [Image.open(folder / product["image"]).convert("RGB") for product in products]
    full = [f"{product['name']}. {product['description']}" for product in products]
    asked: list[tuple[str, int, str]] = []
    for i, product in enumerate(products):
        every = sentences(product["description"])
        long = [n for n, sentence in enumerate(every) if len(sentence.split()) >= SHORTEST][:AT_MOST]
        if len(every) > 1:
            rest = [" ".join(sentence for m, sentence in enumerate(every) if m != n) for n in long]
            asked += [(every[n], i, f"{product['name']}. {left}") for n, left in zip(long, rest, strict=True)]
    named = [(product["name"], i, product["description"]) for i, product in enumerate(products)]
    texts = model.encode([{"text": text} for text in full], batch_size=64)
    both = fused(model, full, images)
    rows = []
    for name, questions in (("a sentence of the description", asked), ("the name, from the description", named)):
        queries = model.encode([{"text": question} for question, _, _ in questions], batch_size=64)
        targets = np.array([i for _, i, _ in questions])
        left = [rest for _, _, rest in questions]
        without = gains(ranks(queries, texts, model.encode([{"text": text} for text in left], batch_size=64), targets))
        own = fused(model, left, [images[i] for i in targets])
        with_photo = gains(ranks(queries, both, own, targets))
        change = (with_photo.mean() - without.mean()) / without.mean()
        low, high = interval(with_photo - without, without.mean())
        figures = (f"{without.mean():.3f}", f"{with_photo.mean():.3f}", f"{change:+.1%} [{low:+.1%}, {high:+.1%}]")
        rows.append((name, len(questions), *figures))
    head = ("asked by", "questions", "nDCG@10, text alone", "nDCG@10 with photo", "change, paired 95 % interval")
    return Table(f"Real photos: the {folder.name} catalogue, {len(products)} products", head, rows)


def fused(model: SentenceTransformer, texts: list[str], images: list[Image.Image]) -> np.ndarray:
    """Unit vectors of documents with text and photo."""
    documents = [{"text": text, "image": image} for text, image in zip(texts, images, strict=True)]
    return model.encode(documents, batch_size=64)
