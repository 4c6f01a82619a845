"""What each stage of a search makes of questions: words, vectors, both fused, and the reranker on top."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from . import wording
from .judged_reranker import HELD_OUT, asked, looks, ndcg, shop
from .questions import Offer, Question, grades
from .real import change
from .report import Table
from .study import CANDIDATES, photographs

WAYS: dict[str, dict[str, Any]] = {
    "words": {"lanes": ("identifiers", "words"), "rerank": False},
    "vectors": {"lanes": ("vectors",), "rerank": False},
    "fused": {"rerank": False},
    "reranked": {},
}
"""Each stage as arguments of a search."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The judged products, searched through the app as visitors do: by words, and by the photo of one of them."""

    offers: list[Offer]
    photos: list[bytes]

    def found(self, one: Question, way: str) -> list[int]:
        """The products found by a stage, best first."""
        from project.shop.search import ProductIndex

        image = None if one.photo is None else self.photos[one.photo]
        # The shop's boosts and families are not what is judged.
        usual: dict[str, Any] = {"page_size": CANDIDATES, "facet_counts": False, "group_by": False, "arrange": ()}
        results = ProductIndex.search(one.text, image=image, **usual | WAYS[way])
        numbers = [int(hit.object.reference.removeprefix("P")) for hit in results.hits]
        return [number for number in numbers if number != one.photo]


def opened(seed: int, jobs: int) -> Shop:
    """The judged shop, drawn, loaded into the database and indexed."""
    from django.conf import settings
    from django.core.management import call_command

    offers = shop(seed, known=400)
    # However slow the machine is, the models finish; the demo has a worker of its own for them.
    settings.CATALOG_SEARCH |= {"MODEL_QUEUE": "", "RERANK_SECONDS": 60.0, "QUERY_LOG": False}
    settings.MEDIA_ROOT = tempfile.mkdtemp()
    call_command("migrate", verbosity=0)
    photos = []
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "catalog.jsonl").open("w", encoding="utf-8") as lines:
            for number, (one, photo) in enumerate(zip(offers, photographs(offers, 800 + seed, jobs), strict=True)):
                file = BytesIO()
                photo.save(file, "JPEG", quality=88)
                photos.append(file.getvalue())
                (Path(folder) / f"{number}.jpg").write_bytes(photos[-1])
                line = one.product | {"image": f"{number}.jpg", "images": [f"{number}.jpg"], "is_public": True}
                lines.write(json.dumps(line) + "\n")
        call_command("load_catalogue", folder, verbosity=0)
    call_command("rebuild_search_index", "--sync")
    return Shop(offers, photos)


def orders(place: Shop, seed: int, each: int = 80) -> Table:
    """How near each stage comes to the best order, for what the training showed in no such combination."""
    rng = np.random.default_rng([seed, 15])
    chosen = [int(i) for i in rng.choice(HELD_OUT, each, replace=False)]
    pictured = [i for i in chosen if place.offers[i].shown.view == "front"]
    sorts: dict[str, list[Question]] = {
        "words and sentences of the training": [
            asked(i, wording.seen_caption(place.offers[i].spec, rng), place.offers) for i in chosen
        ],
        "**words never seen in training**": [
            asked(i, wording.unseen_caption(place.offers[i].spec, rng), place.offers) for i in chosen
        ],
        "a photo": [Question("", i, looks(place.offers[i].spec)) for i in pictured],
    }
    every = np.arange(len(place.offers))
    rows = []
    for name, questions in sorts.items():
        scores: dict[str, list[float]] = {way: [] for way in (*WAYS, "best")}
        for one in tqdm(questions, name, mininterval=5):
            worth = grades(one, place.offers, every)
            if one.photo is not None:
                worth[one.photo] = 0
            ideal = np.sort(worth)[::-1][None, :10]
            for way in WAYS:
                found = worth[place.found(one, way)]
                scores[way].append(scored(found, ideal))
                if way == "fused":
                    scores["best"].append(scored(np.sort(found)[::-1], ideal))
        means = {way: float(np.mean(own)) for way, own in scores.items()}
        closed = (means["reranked"] - means["fused"]) / (means["best"] - means["fused"])
        rows.append((name, len(questions), *[f"{mean:.3f}" for mean in means.values()], f"{closed:.0%}"))
    head = ("asked by", "questions", *WAYS, f"best order of the {CANDIDATES}", "gap closed")
    return Table(f"The whole search among {len(place.offers):,} products: nDCG@10 of each stage", head, rows)


def scored(found: np.ndarray, ideal: np.ndarray) -> float:
    """nDCG@10 of products with these grades, however few were found."""
    return float(ndcg(np.pad(found[:10], (0, max(0, 10 - len(found))))[None], ideal)[0])


def compositions(place: Shop, seed: int, each: int = 30) -> Table:
    """Questions about how things go together: the share of what each stage gets right."""
    rng = np.random.default_rng([seed, 16])
    specs = [one.spec for one in place.offers]
    kinds = [str(kind) for kind in rng.choice(list(wording.KINDS), each, replace=False)]
    nouns = [wording.KINDS[kind].seen[0] for kind in kinds]

    def share(questions: Sequence[Question], right: Callable[[int, list[int]], float]) -> list[str]:
        """The mean, over questions, of what `right` says of their number and what was found, for each stage."""
        return [
            f"{np.mean([right(number, place.found(one, way)) for number, one in enumerate(questions)]):.3f}"
            for way in WAYS
        ]

    twins = [
        (i, j)
        for i in rng.permutation(HELD_OUT)
        if specs[i].second and specs[i].pattern in ("dots", "stars", "flowers")
        for j in range(HELD_OUT, len(specs))
        if specs[j] == replace(specs[i], colour=specs[i].second, second=specs[i].colour)
        and "front" == place.offers[i].shown.view == place.offers[j].shown.view
    ][:each]
    swaps = [Question(wording.plain_caption(specs[i]), None, {}) for i, _ in twins]

    def before(number: int, found: list[int]) -> float:
        own, other = (found.index(one) if one in found else CANDIDATES for one in twins[number])
        return float(own < other)

    def precision(right: Callable[[int, Any], bool], first: int = 10) -> Callable[[int, list[int]], float]:
        return lambda number, found: sum(right(number, specs[one]) for one in found[:first]) / first

    pairs = [
        (int(i), str(rng.choice(others)))
        for i in rng.permutation(len(specs))
        if place.offers[i].shown.view == "front"
        for others in [
            [
                one.colour
                for one in specs
                if (one.kind, one.pattern) == (specs[i].kind, specs[i].pattern) and one.colour != specs[i].colour
            ]
        ]
        if others
    ][:each]
    recoloured = [Question(f"but in {colour}", i, {}) for i, colour in pairs]

    def green(number: int, spec: Any) -> bool:
        photo, colour = pairs[number]
        return (spec.kind, spec.colour, spec.pattern) == (specs[photo].kind, colour, specs[photo].pattern)

    rows = [
        (
            "“red mug with white dots”",
            f"before “white mug with red dots”, of {len(twins)}",
            *share(swaps, before),
        ),
        (
            "“chair that is not black”",
            "kind, and not black, P@10",
            *share(
                [Question(f"{noun} that is not black", None, {}) for noun in nouns],
                precision(lambda n, spec: spec.kind == kinds[n] and "black" not in (spec.colour, spec.second)),
            ),
        ),
        (
            "“two-tone chair”",
            "kind and pattern, P@3",
            *share(
                [Question(f"two-tone {noun}", None, {}) for noun in nouns],
                precision(lambda n, spec: (spec.kind, spec.pattern) == (kinds[n], "two-tone"), 3),
            ),
        ),
        (
            "“striped chair”",
            "kind and pattern, P@3",
            *share(
                [Question(f"striped {noun}", None, {}) for noun in nouns],
                precision(lambda n, spec: (spec.kind, spec.pattern) == (kinds[n], "stripes"), 3),
            ),
        ),
        (
            "a photo, “but in green”",
            "kind, pattern and new colour among the first 5",
            *share(
                recoloured,
                lambda number, found: float(any(green(number, specs[one]) for one in found[:5])),
            ),
        ),
        (
            "",
            "kind and new colour, P@5",
            *share(
                recoloured,
                precision(lambda n, spec: (spec.kind, spec.colour) == (specs[pairs[n][0]].kind, pairs[n][1]), 5),
            ),
        ),
    ]
    return Table("Compositions, through the whole search", ("question", "measure", *WAYS), rows)


def judged(folder: Path) -> Table:
    """What the reranker does to a judged catalogue of real products, which it does not know."""
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.relevance import KEPT, ask, convert
    from catalog_search import evaluation
    from project.shop.models import Product

    embedder = {"BACKEND": "benchmarks.kept.KeptMiniLM", "OPTIONS": {"folder": str(KEPT)}}
    settings.CATALOG_SEARCH |= {"EMBEDDER": embedder}
    Product.objects.all().delete()
    with tempfile.TemporaryDirectory() as converted:
        convert(folder, Path(converted))
        call_command("load_catalogue", converted, verbosity=0)
    call_command("rebuild_search_index", "--sync")
    references = dict(Product.objects.values_list("pk", "reference"))
    judgements = evaluation.read_judgements(folder)
    scores = []
    for way in ("fused", "reranked"):
        found = evaluation.run(ask(WAYS[way], references), tqdm(judgements, way, mininterval=5))
        own = evaluation.evaluate(way, judgements, found).scores
        scores.append(np.array([own[query][evaluation.NDCG] for query in sorted(own)]))
    head = ("asked by", "questions", "nDCG@10, fused order", "nDCG@10, reranked", "change, paired 95 % interval")
    row = ("its judged queries", len(scores[0]), *change(scores[1], scores[0]))
    return Table(
        f"The reranker on the {folder.name} catalogue, {len(references):,} products, through the app", head, [row]
    )
