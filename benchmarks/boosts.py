"""What do boosts cost at worst? nDCG@10 on a judged catalogue where the boosts know nothing: random numbers.

A shop's own signals agree with what people want at least a little; random ones do not, and are what a bound must stand.
The catalogue is that of ``benchmarks.relevance``. Each bound is tried with several draws of random popularity; the loss
is relative to the same search without boosts, in the same run.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from pathlib import Path

import django
from tqdm import tqdm

from .relevance import KEPT, ask, convert, is_at_hand, of_catalogue
from .vector_lane import scratch_database

LIMITS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
DRAWS = 8
MOST = 0.01
"""The share of nDCG@10 that the default bound may cost."""


def measure(folder: Path) -> dict[float, list[float]]:
    """Return the relative loss of nDCG@10 by bound, one for each draw."""
    from django.conf import settings
    from django.core.management import call_command

    from catalog_search import Boost, evaluation
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    search = {"EMBEDDER": {"BACKEND": "benchmarks.kept.KeptMiniLM", "OPTIONS": {"folder": str(KEPT)}}}
    settings.CATALOG_SEARCH, settings.MEDIA_ROOT = search, tempfile.mkdtemp()
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as converted:
        convert(folder, Path(converted))
        call_command("load_catalogue", converted, verbosity=0)
    call_command("rebuild_search_index", "--sync")
    references = dict(Product.objects.values_list("pk", "reference"))
    judgements = {
        query: {key: grade for key, grade in grades.items() if key in set(references.values())}
        for query, grades in evaluation.read_judgements(folder).items()
    }

    def ndcg() -> float:
        found = evaluation.run(ask({"rerank": False, "page_size": 10, "arrange": None}, references), judgements)
        return float(evaluation.evaluate("boosts", judgements, found).means[evaluation.NDCG])

    ProductIndex.boosts = ()
    plain = ndcg()
    print(f"nDCG@10 without boosts: {plain:.3f}")
    ProductIndex.boosts = [Boost("popularity", weight=1.0)]
    losses: dict[float, list[float]] = {limit: [] for limit in LIMITS}
    for draw in tqdm(range(DRAWS), desc="draws"):
        chance = random.Random(draw)
        products = list(Product.objects.only("pk"))
        for product in products:
            product.popularity = chance.random()
        Product.objects.bulk_update(products, ["popularity"], batch_size=5000)
        for limit in LIMITS:
            settings.CATALOG_SEARCH = {**search, "BOOST_LIMIT": limit}
            losses[limit].append(1 - ndcg() / plain)
    return losses


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = of_catalogue(__doc__)
    parser.add_argument("--strict", action="store_true", help="fail where the default bound costs too much")
    options = parser.parse_args()
    if not is_at_hand(options.folder):
        return 0
    with scratch_database():
        django.setup()
        from catalog_search.conf import Settings

        losses = measure(options.folder)
        usual = Settings.BOOST_LIMIT.default
    print("\nBOOST_LIMIT   mean loss of nDCG@10   worst draw")
    for limit, values in losses.items():
        mark = "  <- the default" if limit == usual else ""
        print(f"{limit:11.2f}   {statistics.fmean(values):20.2%}   {max(values):10.2%}{mark}")
    missed = max(losses[usual]) > MOST
    if missed:
        print(f"Missed: the default costs {max(losses[usual]):.2%}, not at most {MOST:.0%}.")
    return int(options.strict and missed)


if __name__ == "__main__":
    sys.exit(main())
