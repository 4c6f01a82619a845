"""What do facets cost? One statement for all of them, beside one grouped query of the ORM for each.

100,000 products with brand, colour, size, category path, price and stock; counted are 1,000 candidates, and everything
as in browsing. The reference is what most people write: ``values(field).annotate(Count("pk"))`` for each facet, and
``Min`` and ``Max`` for the range, over the same products in the same run, asked in turns. Counting families and rolling
categories up into their parents come on top, for which the reference has no like.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import django

from .report import Report, in_turns, milliseconds, parser, quartiles, ratio
from .world import scratch_database

COLOURS, SIZES = [f"colour {number}" for number in range(30)], ["XS", "S", "M", "L", "XL", ""]
MOST = 1.5
"""How many times the reference's time the counts may take."""


def load(count: int) -> None:
    """Write the products; every third is a variant of one before it."""
    from django.core.management import call_command
    from django.utils import timezone

    from project.shop.models import Brand, Category, Product

    call_command("migrate", verbosity=0)
    draw = random.Random(0)
    brands = Brand.objects.bulk_create([Brand(name=f"Brand {number}") for number in range(400)])
    paths = [f"Section {number % 12} > Group {number % 60} > Kind {number}" for number in range(300)]
    categories = Category.objects.bulk_create([Category(path=path) for path in paths])
    now = timezone.now()
    products = Product.objects.bulk_create(
        (
            Product(
                reference=str(number),
                name=f"Product {number}",
                brand=draw.choice(brands),
                category=draw.choice(categories),
                colour=draw.choice(COLOURS),
                size=draw.choice(SIZES),
                price=draw.randrange(100, 50_000) / 100,
                stock=draw.choice([0, 1, 5]),
                popularity=draw.random(),
                created=now,
            )
            for number in range(count)
        ),
        batch_size=5000,
    )
    for number in range(2, count, 3):
        products[number].parent = products[number - 1]
    Product.objects.bulk_update(products[2::3], ["parent"], batch_size=5000)


def ways(keys: list[int] | None) -> dict[str, Callable[[], Any]]:
    """Return the ways to count these products, or all, by name."""
    from django.db.models import Count, Max, Min

    from catalog_search import Facet, HierarchyFacet, RangeFacet, SearchIndex
    from catalog_search.models import Generation
    from catalog_search.searching.asking import Ask
    from catalog_search.searching.counting import count
    from catalog_search.searching.scope import Scope
    from project.shop.models import Product

    values = ["brand__name", "category__path", "colour", "size", "in_stock"]

    class Flat(SearchIndex):
        variants = "parent"
        facets = [*map(Facet, values), RangeFacet("price")]

    class Tree(Flat):
        facets = [HierarchyFacet("category.path"), *(facet for facet in Flat.facets if facet.name != "category")]

    products = Product.objects.public().with_stock()
    among = products if keys is None else products.filter(pk__in=keys)

    def by_orm() -> None:
        for name in values:
            list(among.order_by().values_list(name).annotate(Count("pk")))
        among.aggregate(Min("price"), Max("price"))

    def by_app(declaration: type[SearchIndex], grouped: bool) -> Callable[[], Any]:
        index = declaration(Product)
        scope = Scope(index, Generation(index=index.label), "en", products)
        ask = Ask(grouped=grouped)
        listed = None if keys is None else [str(key) for key in keys]
        return lambda: count(scope, ask, None if listed is None else lambda _: (listed, True))

    return {
        "ORM, a query each": by_orm,
        "one statement": by_app(Flat, False),
        "... of families": by_app(Flat, True),
        "... with a hierarchy": by_app(Tree, False),
        "... both": by_app(Tree, True),
    }


def browsing() -> dict[str, Callable[[], Any]]:
    """Return the ways to browse the first page: products, and families."""
    from catalog_search.models import Generation
    from catalog_search.registry import registry
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    generation = Generation(index=registry.for_model(Product).label)
    options: dict[str, Any] = {"sort": "popular", "facet_counts": False, "generation": generation}
    return {
        "products": lambda: ProductIndex.search(group_by=False, **options),
        "families": lambda: ProductIndex.search(group_by=True, **options),
    }


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=15)
    told = Report("facets", options.parse_args())

    def timed(works: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
        for work in works.values():
            work()
        timings = {name: lambda _, work=work: milliseconds(work) for name, work in works.items()}
        return in_turns(timings, told.options.rounds)

    with scratch_database():
        django.setup()
        from django.conf import settings
        from django.db import connection

        from project.shop.models import Product

        # What counting takes, not what is kept of it.
        settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "BROWSE_SECONDS": 0}
        load(told.options.rows)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        keys = random.Random(1).sample(list(Product.objects.values_list("pk", flat=True)), 1000)
        for title, counted in (("1,000 candidates", ways(keys)), (f"{told.options.rows:,} browsed", ways(None))):
            found = timed(counted)
            reference = found["ORM, a query each"]
            rows = [[name, quartiles(ms), f"{ratio(ms, reference):.2f}"] for name, ms in found.items()]
            told.table(f"Facets of {title}, ms (quartiles)", ["", "ms", "of the reference"], rows)
            told.goal(f"facets of {title} / ORM", ratio(found["one statement"], reference), most=MOST)
        rows = [[name, quartiles(ms)] for name, ms in timed(browsing()).items()]
        told.table(f"First page of {told.options.rows:,}, by popularity, without facets", ["", "ms (quartiles)"], rows)
        connection.close()
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
