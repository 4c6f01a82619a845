"""What do suggestions cost beside a prefix query by hand?

100,000 products (benchmarks/catalogue.py) and 10,000 popular queries; typed are the words of products' names, each
prefix of one or two words from the second letter on, and the same with two letters swapped. The reference is written by
hand for the same box, on a bare psycopg connection, prepared, asked in turns: products whose words begin so, ranked,
with name and thumbnail; popular queries; brands and categories. It knows no typos, drops no variants, heeds no rules
and builds no products; for what is misspelt it has no answer to be compared with, only its time.
"""

from __future__ import annotations

import random
import re
import sys
from typing import Any

import psycopg

from .catalogue import ROWS, large_shop
from .report import Report, in_turns, milliseconds, parser, quantile, quartiles, ratio

MOST, MILLISECONDS = 1.5, 15.0
"""How many times the reference's time suggestions may take, and what 95 of 100 may take at most."""
POPULAR = 10_000
LIMIT = 5
PRODUCTS = f"""
    WITH found AS (
        SELECT object_id, thumbnail, search_vector FROM catalog_search_document
        WHERE generation_id = %s AND language = 'en' AND search_vector @@ to_tsquery('english', %s) LIMIT 500
    )
    SELECT product.id, product.name, found.thumbnail
    FROM found JOIN shop_product product ON product.id = found.object_id
    WHERE product.is_public ORDER BY ts_rank(found.search_vector, to_tsquery('english', %s)) DESC LIMIT {LIMIT}
"""
QUERIES = f"SELECT text FROM catalog_search_popularquery WHERE text LIKE %s ORDER BY count DESC LIMIT {LIMIT}"
VALUES = f"""
    (SELECT name FROM shop_brand WHERE name ILIKE %s LIMIT {LIMIT})
    UNION ALL (SELECT path FROM shop_category WHERE path ILIKE %s LIMIT {LIMIT})
"""


def typed(count: int) -> list[str]:
    """Return what people have typed so far, seeded: beginnings of one word of a name, or of two."""
    from project.shop.models import Product

    draw = random.Random(0)
    names = Product.objects.order_by("reference").values_list("name", flat=True)[: ROWS // 5]
    beginnings = []
    while len(beginnings) < count:
        words = re.findall(r"[a-z]{4,}", draw.choice(names).casefold())
        if words:
            text = " ".join(words[: draw.choice([1, 1, 2])])
            beginnings.append(text[: draw.randint(max(text.rfind(" ") + 2, 2), len(text))])
    return beginnings


def misspelt(text: str, draw: random.Random) -> str:
    """Swap two letters of the last word, not the first; shorter ones stay as they are."""
    start = text.rfind(" ") + 2
    place = draw.randrange(start, max(len(text) - 1, start + 1))
    return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]


def fill() -> None:
    """Write the queries that many asked: the first words of products' names."""
    from catalog_search.models import PopularQuery
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    draw = random.Random(1)
    names = Product.objects.order_by("reference").values_list("name", flat=True)[: 2 * POPULAR]
    texts = sorted({" ".join(name.casefold().split()[:3])[:60] for name in names})[:POPULAR]
    label = ProductIndex.registered().label
    PopularQuery.objects.all().delete()
    PopularQuery.objects.bulk_create(
        PopularQuery(index=label, language="en", text=text, count=draw.randrange(5, 5000)) for text in texts
    )


def measure(told: Report, url: str) -> None:
    """Ask both for every text, in turns."""
    from django.db import connection as own

    from catalog_search.models import Generation
    from catalog_search.suggesting import suggest
    from project.shop.search import ProductIndex

    index = ProductIndex.registered()
    generation = Generation.objects.active(index.label)
    assert generation is not None
    fill()
    with own.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    draw = random.Random(2)
    right = typed(told.options.texts)
    asked = {"as meant": right, "misspelt": [misspelt(text, draw) for text in right]}
    with psycopg.connect(url, autocommit=True) as connection:

        def by_hand(text: str) -> None:
            def ask(statement: str, *parameters: Any) -> None:
                connection.execute(statement, parameters, prepare=True, binary=True).fetchall()

            query = " & ".join([*text.split()[:-1], f"{text.split()[-1]}:*"])
            ask(PRODUCTS, generation.pk, query, query)
            ask(QUERIES, f"{text}%")
            ask(VALUES, f"{text}%", f"%{text}%")

        for text in right[:10]:
            by_hand(text), suggest(index, text, limit=LIMIT)
        rows, all_of_app = [], list[float]()
        for kind, texts in asked.items():
            found = in_turns(
                {
                    "by hand": lambda number, texts=texts: milliseconds(lambda: by_hand(texts[number])),
                    "suggest": lambda number, texts=texts: milliseconds(
                        lambda: suggest(index, texts[number], limit=LIMIT)
                    ),
                },
                len(texts),
            )
            for name, taken in found.items():
                beside = f"{ratio(taken, found['by hand']):.2f}"
                rows.append([f"{kind}, {name}", quartiles(taken), f"{quantile(taken, 0.95):.1f}", beside])
            all_of_app += found["suggest"]
            if kind == "as meant":
                told.goal("suggest / by hand", ratio(found["suggest"], found["by hand"]), most=MOST)
        told.table(
            f"Suggestions among {told.options.rows:,} products, ms", ["", "ms (quartiles)", "p95", "by hand"], rows
        )
        told.goal("ms that 95 of 100 suggestions take at most", quantile(all_of_app, 0.95), most=MILLISECONDS)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=ROWS)
    options.add_argument("--texts", type=int, default=300)
    told = Report("suggestions", options.parse_args())
    with large_shop(told.options.rows) as url:
        measure(told, url)
    return told.finish()


if __name__ == "__main__":
    sys.exit(main())
