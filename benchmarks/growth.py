"""What does a whole search cost as a shop has more products, more facets, deeper pages, narrower filters?

Shops of real texts and vectors (benchmarks/catalogue.py) of several sizes, kept for the next time. All queries of the
judged catalogue are asked in process, their vectors in the cache, nothing reranked; the median is told, by stage too.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from .catalogue import large_shop, queries
from .report import Report, apart, milliseconds, parser, quantile

SIZES = (10_000, 30_000, 100_000)
PAGES = (1, 2, 5, 20, 40)
SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)

Search = Callable[..., Any]


def asked(search: Search, texts: Sequence[str], **options: Any) -> dict[str, float]:
    """Ask every query twice; return median and p95 of the second time, and the medians of its stages."""
    taken: list[float] = []
    stages: dict[str, list[float]] = {}
    for text in texts:
        search(text, **options)
        found: list[Any] = []
        taken.append(milliseconds(lambda text=text, found=found: found.append(search(text, **options))))
        for stage, spent in found[0].timings.items():
            stages.setdefault(stage, []).append(spent)
    medians = {f"stage {stage}": statistics.median(spent) for stage, spent in stages.items()}
    return {"p50": quantile(taken, 0.5), "p95": quantile(taken, 0.95)} | medians


def measure(rows: int, texts: Sequence[str]) -> dict[str, Any]:
    """Return what searches of this shop cost."""
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    def search(text: str, **options: Any) -> Any:
        return ProductIndex.search(text, **{"page_size": 20, "rerank": False} | options)

    names = [facet.name for facet in ProductIndex.facets]
    prices = list(Product.objects.order_by("price").values_list("price", flat=True))
    dear = {share: prices[min(int(share * len(prices)), len(prices) - 1)] for share in SHARES}
    return {
        "rows": rows,
        "search": asked(search, texts),
        "facets": {count: asked(search, texts, facet_counts=names[:count]) for count in range(len(names) + 1)},
        "pages": {page: asked(search, texts, page=page) for page in PAGES},
        "filters": {
            share: asked(search, texts, queryset=Product.objects.filter(price__lte=most))
            for share, most in dear.items()
        },
    }


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options.add_argument("--queries", type=int, default=40)
    told = Report("growth", options.parse_args())
    sizes = told.options.sizes
    if len(sizes) == 1:
        with large_shop(sizes[0]):
            found = [measure(sizes[0], queries(told.options.queries))]
    else:
        arguments = "--queries", told.options.queries, "--sizes"
        found = [apart("growth", *arguments, rows)["sizes"][0] for rows in tqdm(sizes, desc="growth")]
    told.keep(sizes=found)
    tell(told, found)
    return told.finish()


def tell(told: Report, found: list[dict[str, Any]]) -> None:
    """Print a table and draw a plot for each question."""
    across = [one["rows"] for one in found]
    stages = [stage for stage in found[-1]["search"] if stage.startswith("stage ")]
    rows = [
        [f"{one['rows']:,}", f"{one['search']['p50']:.1f}", f"{one['search']['p95']:.1f}"]
        + [f"{one['search'].get(stage, 0):.1f}" for stage in stages]
        for one in found
    ]
    told.table("A search, ms", ["products", "p50", "p95", *(stage.removeprefix("stage ") for stage in stages)], rows)
    lines = {"p50": (across, [one["search"]["p50"] for one in found])}
    lines |= {
        stage.removeprefix("stage "): (across, [one["search"].get(stage, 0) for one in found]) for stage in stages
    }
    told.plot("search", "products", "milliseconds, median", lines)
    for what, label in (("facets", "facets counted"), ("pages", "page"), ("filters", "share that a filter keeps")):
        values = list(found[0][what])
        rows = [[f"{one['rows']:,}", *(f"{one[what][value]['p50']:.1f}" for value in values)] for one in found]
        told.table(f"By {label}: p50, ms", ["products", *map(str, values)], rows)
        lines = {f"{one['rows']:,}": (values, [one[what][value]["p50"] for value in values]) for one in found}
        told.plot(f"search by {label}", label, "milliseconds, median", lines)


if __name__ == "__main__":
    sys.exit(main())
