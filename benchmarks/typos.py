"""Do misspelt queries find what the correct spelling finds, and are good words left alone?

The judged catalogue of ``benchmarks.relevance`` is loaded into a database that is dropped afterwards. Its queries are
misspelt by seeded edits: one, two (in words long enough that a person would still recognise them, or in two words),
and the key beside the one meant. The reference is the nDCG@10 of the correct spelling in the same run; without
correction the same queries show what it is worth. False corrections are counted over brand and model words of the
catalogue, over the same where the vocabulary never saw them, and over words of queries that belong to other shops.
Edits that make a good word of another ("rain bots") are counted by what is offered for them, and what is offered for
queries that are right: the judged ones, and those of ``benchmarks.slices`` and ``benchmarks.relevance``.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import django
from tqdm import tqdm

from .relevance import FOREIGN, KEPT, SENTENCES, convert, is_at_hand, of_catalogue
from .slices import LISTS
from .vector_lane import scratch_database

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DRAWS = 3
WORDS = 500
DRAWN = 100
"""Edits of each word of a query, of which those are asked that make another good word of it."""
SHARE, FALSE, FALSE_OFFERS, MILLISECONDS = 0.9, 0.01, 0.2, 2.0
SHORTEST, LONG = 4, 6


def edited(word: str, draw: random.Random, kind: str = "") -> str:
    """Return a word with one letter missing, added, replaced, or changed with its neighbour; "key": a key beside."""
    from catalog_search.wording.typos import NEIGHBOURS

    place = draw.randrange(len(word))
    kind = kind or draw.choice(("missing", "added", "replaced", "swapped"))
    head, letter, tail = word[:place], word[place], word[place + 1 :]
    if kind == "missing":
        return head + tail
    if kind == "added":
        return head + draw.choice(LETTERS) + letter + tail
    if kind == "replaced":
        return head + draw.choice(LETTERS.replace(letter, "")) + tail
    if kind == "key":
        beside = sorted(other for one, other in NEIGHBOURS if one == letter)
        return head + draw.choice(beside or LETTERS) + tail
    place = draw.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def misspelt(query: str, draw: random.Random, edits: int, kind: str = "") -> str:
    """Return a query with so many edits, or "" where none of its words is long enough."""
    words = query.split()
    places = [place for place, word in enumerate(words) if word.isalpha() and len(word) >= SHORTEST]
    long = [place for place in places if len(words[place]) >= LONG]
    if not places or (edits == 2 and len(places) < 2 and not long):
        return ""
    if edits == 1:
        chosen = [draw.choice(places)]
    elif len(places) > 1 and (not long or draw.random() < 0.5):
        chosen = draw.sample(places, 2)
    else:
        chosen = [draw.choice(long)] * 2
    for place in chosen:
        words[place] = edited(words[place], draw, kind)
    changed = " ".join(words)
    return changed if changed != query else misspelt(query, draw, edits, kind)


def load(folder: Path) -> tuple[list[dict[str, Any]], Any]:
    """Load and embed the catalogue; returns its products and the judgements of what is there."""
    from django.conf import settings
    from django.core.management import call_command

    from catalog_search import evaluation
    from project.shop.models import Product

    settings.CATALOG_SEARCH = {"EMBEDDER": {"BACKEND": "benchmarks.kept.KeptMiniLM", "OPTIONS": {"folder": str(KEPT)}}}
    settings.MEDIA_ROOT = tempfile.mkdtemp()
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as converted:
        products = convert(folder, Path(converted))
        call_command("load_catalogue", converted, verbosity=0)
    call_command("rebuild_search_index", "--sync")
    known = set(Product.objects.values_list("reference", flat=True))
    judgements = {
        query: {key: grade for key, grade in grades.items() if key in known}
        for query, grades in evaluation.read_judgements(folder).items()
    }
    return products, {query: own for query, own in judgements.items() if evaluation.has_answer(own)}


def relevance(judgements: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Ask every query as it is and misspelt; returns the means of nDCG@10 by kind of typo, and milliseconds."""
    from catalog_search.evaluation import NDCG, Outcome, evaluate
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    references = dict(Product.objects.values_list("pk", "reference"))
    spent: list[float] = []

    def asked(query: str, **options: Any) -> Outcome:
        results = ProductIndex.search(query, page_size=100, facet_counts=False, **options)
        spent.append(results.timings["rewrite"])
        return Outcome([references[hit.object.pk] for hit in results.hits], results.total)

    correct = evaluate("correct", judgements, {query: asked(query) for query in judgements})
    usual = statistics.median(spent)
    kinds: dict[str, tuple[int, str]] = {"one edit": (1, ""), "two edits": (2, ""), "key beside": (1, "key")}
    found: dict[str, Any] = {}
    lost = []
    for name, (edits, kind) in kinds.items():
        draw = random.Random(name)
        scores: dict[str, list[float]] = {"correct": [], "misspelt": [], "as typed": []}
        spent.clear()
        for query, own in tqdm(judgements.items(), desc=name, leave=False):
            for _ in range(DRAWS):
                if not (typed := misspelt(query, draw, edits, kind)):
                    continue
                scores["correct"].append(correct.scores[query][NDCG])
                for way, exact in (("misspelt", False), ("as typed", True)):
                    one = evaluate(way, {query: own}, {query: asked(typed, exact=exact)})
                    scores[way].append(one.scores[query][NDCG])
                if scores["misspelt"][-1] < SHARE * scores["correct"][-1]:
                    lost.append((name, query, typed, round(scores["misspelt"][-1] - scores["correct"][-1], 2)))
        means = {way: statistics.fmean(values) for way, values in scores.items()}
        found[name] = means | {"queries": len(scores["correct"]), "share": means["misspelt"] / means["correct"]}
    return {"kinds": found, "milliseconds": {"correct": usual}, "lost": lost}


def left_alone(words: Sequence[str], without: bool = False) -> list[tuple[str, str]]:
    """Return which words are searched as other ones; ``without`` takes each out of the vocabulary and index first."""
    from catalog_search.models import Generation
    from catalog_search.wording import correcting, guessing, vocabulary
    from catalog_search.wording.lexicon import Lexicon

    generation = Generation.objects.get()
    lexicon = vocabulary.lexicon("default", generation, "en")
    assert lexicon is not None
    counts = {word: lexicon.count(word) for word in lexicon.words}
    wrong = []
    for word in words:
        known = Lexicon((one, count) for one, count in counts.items() if one != word) if without else lexicon
        if not correcting.is_known(known, word, "en"):
            guess = guessing.best(known, word, correcting.likely(known, word))
            if guess and guess.probability >= guessing.SURE:
                wrong.append((word, guess.word))
    return wrong


def false_corrections(products: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Search for brand and model words as they are, and see which are taken for others."""
    from catalog_search.languages import WORD, fold
    from project.shop.search import ProductIndex

    def words(texts: Sequence[Any]) -> list[str]:
        found = {fold(word.casefold()) for text in texts for word in WORD.findall(str(text or ""))}
        pool = sorted(word for word in found if len(word) >= SHORTEST)
        return random.Random(0).sample(pool, min(WORDS, len(pool)))

    def changed(texts: Sequence[str]) -> list[tuple[str, str]]:
        return [
            (text, results.guidance.searched)
            for text in tqdm(texts, desc="good words", leave=False)
            if (results := ProductIndex.search(text, facet_counts=False, page_size=1)).guidance.instead_of
        ]

    good = words([one.get(field) for one in products for field in ("brand", "name")])
    titles = words([one["title"] for one in products])
    beside = [f"{word} {title}" for word, title in zip(good, titles, strict=False)]
    others = FOREIGN.read_text(encoding="utf-8").split()
    foreign = sorted({fold(word.casefold()) for word in others if word.isalpha() and len(word) >= SHORTEST})
    return {
        "good": {"words": len(good), "changed": changed(good)},
        "beside others": {"words": len(beside), "changed": changed(beside)},
        "held out": {"words": len(good), "changed": left_alone(good, without=True)},
        "of other shops": {"words": len(foreign), "changed": left_alone(foreign)},
    }


def confusions(judged: Sequence[str]) -> dict[str, Any]:
    """Search for queries with a good word in the place of another, and for right ones, and see what is offered."""
    from catalog_search.models import Generation
    from catalog_search.registry import registry
    from catalog_search.searching.bm25 import matched
    from catalog_search.searching.query import Query
    from catalog_search.searching.scope import Scope
    from catalog_search.searching.words import parse_words
    from catalog_search.wording import correcting, vocabulary
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    generation = Generation.objects.get()
    lexicon = vocabulary.lexicon("default", generation, "en")
    assert lexicon is not None
    scope = Scope(registry.for_model(Product), generation, "en", Product.objects.all())

    def stems(text: str) -> set[str]:
        return set(parse_words(scope, Query(text, language="en")).wanted)

    def offered(text: str) -> str:
        results = ProductIndex.search(text, facet_counts=False, page_size=1)
        return results.did_you_mean or results.guidance.searched

    draw, outcomes, wrong = random.Random("confusions"), Counter[str](), []
    for query in tqdm(judged, desc="good words for others", leave=False):
        words = query.split()
        for place, word in enumerate(words):
            if not (len(words) > 1 and word.isalpha() and len(word) >= SHORTEST):
                continue
            for one in sorted({edited(word, draw, kind) for kind in ("", "key") for _ in range(DRAWN)}):
                typed = " ".join([*words[:place], one, *words[place + 1 :]])
                if not correcting.is_known(lexicon, one, "en") or stems(typed) == stems(query):
                    continue
                if matched(scope, parse_words(scope, Query(typed, language="en")), 1):
                    outcomes["held together"] += 1
                elif not (other := offered(typed)):
                    outcomes["nothing"] += 1
                elif stems(other) == stems(query):
                    outcomes["what was meant"] += 1
                else:
                    outcomes["another"] += 1
                    wrong.append((typed, other))
    lists = [path.read_text(encoding="utf-8").split("\n") for path in LISTS.values()]
    lists += tomllib.loads(SENTENCES.read_text(encoding="utf-8")).values()
    right = sorted({query for own in (judged, *lists) for query in own if query})
    changed = [(query, other) for query in tqdm(right, desc="right queries", leave=False) if (other := offered(query))]
    return {"outcomes": dict(outcomes), "wrong": wrong, "right": {"queries": len(right), "changed": changed}}


def timed(size: int = 100_000) -> dict[str, float]:
    """Return the milliseconds that one unknown word takes among so many words, and loading them."""
    from catalog_search.wording import correcting
    from catalog_search.wording.lexicon import Lexicon

    draw = random.Random(0)
    weights = [8, 2, 3, 4, 12, 2, 2, 6, 7, 1, 1, 4, 2, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1]
    words: dict[str, int] = {}
    while len(words) < size:
        words["".join(draw.choices(LETTERS, weights, k=draw.randint(3, 13)))] = draw.randint(1, 500)
    begun = time.perf_counter()
    lexicon = Lexicon(words.items())
    correcting.likely(lexicon, "warm")
    loading = time.perf_counter() - begun
    spent = []
    for word in draw.sample(lexicon.words, 300):
        typed = edited(word, draw)
        begun = time.perf_counter()
        correcting.likely(lexicon, typed)
        spent.append(1000 * (time.perf_counter() - begun))
    spent.sort()
    return {"median": statistics.median(spent), "p95": spent[285], "loading": 1000 * loading}


def report(measured: Mapping[str, Any]) -> str:
    """Return the tables that people read."""
    lines = [f"{'typo':12}{'queries':>9}{'correct':>9}{'misspelt':>10}{'share':>7}{'as typed':>10}   (nDCG@10)"]
    for name, own in measured["kinds"].items():
        lines.append(
            f"{name:12}{own['queries']:>9}{own['correct']:>9.3f}{own['misspelt']:>10.3f}{own['share']:>7.2f}"
            f"{own['as typed']:>10.3f}"
        )
    lines.append("\nwords taken for others")
    for name, own in measured["false"].items():
        shown = ", ".join(f"{word} > {other}" for word, other in own["changed"][:12])
        lines.append(f"{name:15}{len(own['changed']):>4} of {own['words']}   {shown}")
    confused = measured["confusions"]
    outcomes = ", ".join(f"{name} {number}" for name, number in sorted(confused["outcomes"].items()))
    lines.append(f"\ngood words typed for others, what is offered: {outcomes}")
    right = confused["right"]
    shown = ", ".join(f"{query} > {other}" for query, other in right["changed"][:12])
    lines.append(f"{'right queries':15}{len(right['changed']):>4} of {right['queries']}   {shown}")
    timing = measured["timing"]
    lines.append(
        f"\none word among 100,000: {timing['median']:.2f} ms, p95 {timing['p95']:.2f}; loading {timing['loading']:.0f}"
    )
    return "\n".join(lines)


def misses(measured: Mapping[str, Any]) -> list[str]:
    """Return which goals are missed, in words."""
    found = measured["false"]
    goals: list[tuple[bool, Callable[[], str]]] = [
        (own["share"] >= SHARE, lambda name=name, own=own: f"{name}: {own['share']:.2f} of the correct nDCG@10")
        for name, own in measured["kinds"].items()
    ]
    for name in ("good", "beside others"):
        wrong, words = len(found[name]["changed"]), found[name]["words"]
        goals.append((wrong <= FALSE * words, lambda name=name, wrong=wrong: f"{wrong} words changed: {name}"))
    right, outcomes = measured["confusions"]["right"], measured["confusions"]["outcomes"]
    offered = len(right["changed"])
    goals.append((offered <= FALSE * right["queries"], lambda: f"{offered} right queries are offered other words"))
    meant, another = outcomes.get("what was meant", 0), outcomes.get("another", 0)
    goals.append((another <= FALSE_OFFERS * meant, lambda: f"{another} wrong words offered beside {meant} right ones"))
    goals.append((measured["timing"]["p95"] <= MILLISECONDS, lambda: f"{measured['timing']['p95']:.1f} ms for a word"))
    return [missed() for met, missed in goals if not met]


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = of_catalogue(__doc__)
    parser.add_argument("--json", type=Path, default=KEPT / "typos.json", help="write everything measured there")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    if not is_at_hand(options.folder):
        return 0
    with scratch_database():
        django.setup()
        products, judgements = load(options.folder)
        measured = relevance(judgements) | {"false": false_corrections(products), "timing": timed()}
        measured["confusions"] = confusions(list(judgements))
        print(report(measured))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    missed = misses(measured)
    for one in missed:
        print(f"Missed: {one}.")
    return int(options.strict and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
