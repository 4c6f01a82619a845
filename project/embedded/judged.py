"""Judging the model on drawings: what is right is known, since we drew it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from ..drawing import ProductSpec
from ..drawing.catalogue import listed, write_catalogue
from . import examples
from .legibility import document_text
from .report import Table, shared
from .wording import plain_caption, seen_caption, unseen_caption

SHOP_SEED = 1
SIZES = (640, 2_000)
"""Galleries between the held-out photos and all: as many as the demo shop has products, and about three times that."""
Vectors = np.ndarray


def attributes(spec: ProductSpec) -> tuple[str, str, str]:
    """What must be right for a photo to be the one that was meant."""
    return spec.kind, spec.colour, spec.pattern


def said(model: SentenceTransformer, texts: list[str]) -> Vectors:
    """Unit vectors of texts."""
    return model.encode([{"text": text} for text in texts], batch_size=128)


def best(queries: Vectors, gallery: Vectors, k: int) -> np.ndarray:
    """The `k` nearest of the gallery for each query (n, k), best first."""
    return np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :k]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Photos of every combination there is, the held-out ones first: specs and unit vectors."""

    specs: list[ProductSpec]
    vectors: Vectors
    held_out: int

    @classmethod
    def drawn(cls, model: SentenceTransformer, seed: int, work: Path, known: int | None = None) -> "Gallery":
        """One photo of each combination, never shown in training in this cut, scene and light.

        `known` bounds how many of the combinations that training showed are among them.
        """
        rng = np.random.default_rng(seed)
        kept, shown = examples.combinations(kept_away=True), examples.combinations(kept_away=False)
        if known is not None:
            shown = [shown[i] for i in rng.choice(len(shown), known, replace=False)]
        specs = [examples.spec_of(combination, rng) for combination in [*kept, *shown]]
        cache = work / f"gallery-{len(specs)}-{seed}.npy"
        return cls(specs, photographed(model, specs, seed, cache), len(kept))

    def attributes(self) -> np.ndarray:
        """Kind, colour and pattern of every photo (n, 3)."""
        return np.array([attributes(spec) for spec in self.specs])


def photographed(model: SentenceTransformer, specs: list[ProductSpec], seed: int, cache: Path | None = None) -> Vectors:
    """Unit vectors of fresh drawings of products."""
    drawn = examples.pictures(specs, 500_000_000 + seed * 1_000_000, cache)
    return model.encode([{"image": image} for image in examples.opened(drawn)], batch_size=64)


def asked(gallery: Gallery) -> dict[str, list[str]]:
    """Captions of the held-out combinations, by how they are worded."""
    rng = np.random.default_rng(4)
    wanted = gallery.specs[: gallery.held_out]
    one_colour = [replace(spec, second=None) for spec in wanted]
    return {
        "plain caption, both colours": [plain_caption(spec) for spec in wanted],
        "plain caption, first colour only": [plain_caption(spec) for spec in one_colour],
        "words and sentences of the training": [seen_caption(spec, rng) for spec in wanted],
        "**words never seen in training**": [unseen_caption(spec, rng) for spec in wanted],
    }


def captions(model: SentenceTransformer, gallery: Gallery) -> Table:
    """Held-out combinations by caption."""
    found = gallery.attributes()
    rows = []
    for name, texts in asked(gallery).items():
        top = found[best(said(model, texts), gallery.vectors, 10)]
        right = top == found[: gallery.held_out, None]
        whole = right.all(2)
        first = [shared(right[:, 0, i]) for i in range(3)]
        rows.append((name, f"“{texts[7]}”", shared(whole[:, 0]), shared(whole.any(1)), *first))
    head = ("caption", "for example", "R@1", "R@10", "kind right at 1", "colour", "pattern")
    title = f"{gallery.held_out} held-out combinations among photos of {len(gallery.specs):,} combinations"
    return Table(title, head, rows)


def by_size(model: SentenceTransformer, gallery: Gallery) -> Table:
    """R@1 of held-out combinations by how many photos there are to be taken for theirs."""
    every, own = len(gallery.specs), np.arange(gallery.held_out)
    rows = []
    for name, texts in asked(gallery).items():
        near = said(model, texts) @ gallery.vectors.T
        nearer = near > near[own, own][:, None]
        among_all = nearer.sum(1)
        drawn = [f"{still_first(among_all, every, size).mean():.3f}" for size in SIZES]
        rows.append((name, shared(~nearer[:, : gallery.held_out].any(1)), *drawn, shared(among_all == 0)))
    head = ("caption", f"the {gallery.held_out} alone", *(f"{size:,} by chance" for size in SIZES), f"all {every:,}")
    return Table("R@1 by the number of photos", head, rows)


def still_first(nearer: np.ndarray, every: int, size: int) -> np.ndarray:
    """The chance that none of `nearer` others is among the `size` photos that are drawn of `every`, one's own among
    them.
    """
    place = np.arange(every - 1)
    spared = np.concatenate([[1.0], np.cumprod(np.clip((every - size - place) / (every - 1 - place), 0, None))])
    return spared[nearer]


def photo_queries(model: SentenceTransformer, gallery: Gallery, wanted: int = 120, alike: int = 6) -> Table:
    """A photo as the query: `alike` other photos of things with the same attributes wait in the gallery."""
    rng = np.random.default_rng(6)
    chosen = [gallery.specs[i] for i in rng.choice(gallery.held_out, wanted, replace=False)]
    more = [examples.spec_of(attributes(spec), rng) for spec in chosen for _ in range(alike + 1)]
    vectors = photographed(model, more, 77)
    asked = np.arange(len(more)) % (alike + 1) == 0
    found = np.concatenate([gallery.attributes(), np.array([attributes(spec) for spec in more])[~asked]])
    top = found[best(vectors[asked], np.concatenate([gallery.vectors, vectors[~asked]]), 5)]
    right = top == np.array([attributes(spec) for spec in chosen])[:, None]
    row = (
        f"{wanted} photos of held-out combinations",
        *[shared(right[..., i]) for i in range(3)],
        shared(right.all(2)),
    )
    return Table("A photo as the query: P@5", ("query", "kind", "colour", "pattern", "all three"), [row])


@dataclass(frozen=True, slots=True)
class Shop:
    """The demo's catalogue: its lines, and unit vectors of their texts and of texts with photos."""

    products: list[dict[str, Any]]
    texts: Vectors
    both: Vectors

    @classmethod
    def drawn(cls, model: SentenceTransformer, work: Path) -> "Shop":
        """The default catalogue, drawn at its full size and read back from its files."""
        folder = work / f"shop-{SHOP_SEED}"
        if not (folder / "catalog.jsonl").exists():
            write_catalogue(folder, seed=SHOP_SEED)
        products = [product for product, _ in listed(640, SHOP_SEED)]
        documents = [
            {"text": document_text(product), "image": examples.file(folder / product["image"])} for product in products
        ]
        return cls(products, said(model, [item["text"] for item in documents]), model.encode(documents, batch_size=64))


def told_in(model: SentenceTransformer, shop: Shop) -> Table:
    """Finding a product by kind, colour and pattern, by where the shop tells them."""
    rows = []
    specs = [
        ProductSpec(*[product["truth"][key] for key in ("kind", "colour", "second", "pattern")])
        for product in shop.products
    ]
    for name, where in (("only the photo", "photo"), ("only the text", "text"), ("both", "both")):
        chosen = [i for i, product in enumerate(shop.products) if product["truth"]["said_in"] == where]
        queries = said(model, [plain_caption(specs[i]) for i in chosen])
        alike = np.array([[specs[i] == specs[j] for j in range(len(specs))] for i in chosen])
        hits = []
        for vectors in (shop.texts, shop.both):
            top = best(queries, vectors, 10)
            right = np.take_along_axis(alike, top, 1)
            hits += [shared(right[:, 0]), shared(right.any(1))]
        rows.append((name, len(chosen), *hits))
    head = (
        "colour and pattern are told in",
        "products",
        "R@1, text alone",
        "R@10, text alone",
        "R@1 with photo",
        "R@10 with photo",
    )
    return Table("The demo shop, 640 products, asked by plain caption", head, rows)
