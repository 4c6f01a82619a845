"""One peer, served over standard input and output in the peers' own environment; benchmarks/peers.py starts it.

    python peer.py chromadb|lancedb|modelsearch FOLDER

First line out: seconds that loading and indexing took. Then a JSON line in, a JSON line out: milliseconds and keys.
It imports nothing of this project, which the environment does not have.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LIMIT = 100
EF = 200
"""The breadth of searches, as the app's."""

Asked = Mapping[str, Any]
Ask = Callable[[Asked], list[str]]


def vectors_of(folder: Path) -> tuple[Any, Any, Any]:
    """Return products' vectors, the queries' and the columns to filter by."""
    import numpy as np

    return np.load(folder / "vectors.npy"), np.load(folder / "queries.npy"), np.load(folder / "columns.npz")


def chromadb(folder: Path) -> Ask:
    """Chroma, persistent, HNSW of the same degree."""
    import chromadb

    vectors, queries, columns = vectors_of(folder)
    client = chromadb.PersistentClient(str(folder / "chroma"), chromadb.Settings(anonymized_telemetry=False))
    hnsw = {"space": "cosine", "max_neighbors": 16, "ef_construction": 64, "ef_search": EF}
    collection = client.create_collection("products", configuration={"hnsw": hnsw}, embedding_function=None)
    names = ("category", "stock", "price")
    rows = list(zip(*(columns[name].tolist() for name in names), strict=True))
    keys = [str(key) for key in columns["keys"].tolist()]
    for first in range(0, len(keys), 5000):
        part = slice(first, first + 5000)
        collection.add(keys[part], vectors[part], [dict(zip(names, row, strict=True)) for row in rows[part]])

    def ask(asked: Asked) -> list[str]:
        kept = asked["filter"]
        where = kept and {
            "$and": [{"category": kept["category"]}, {"stock": {"$gt": 0}}, {"price": {"$lt": kept["price"]}}]
        }
        found = collection.query(queries[asked["query"]], n_results=LIMIT, where=where or None, include=[])
        return list(found["ids"][0])

    return ask


def lancedb(folder: Path) -> Ask:
    """LanceDB with its HNSW index, filters applied first, which columns are indexed too."""
    import lancedb
    import pyarrow as pa

    vectors, queries, columns = vectors_of(folder)
    table = pa.table(
        {
            "key": [str(key) for key in columns["keys"].tolist()],
            **{name: columns[name] for name in ("category", "stock", "price")},
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
    )
    products = lancedb.connect(str(folder / "lance")).create_table("products", table)
    products.create_index(metric="cosine", index_type="IVF_HNSW_SQ", vector_column_name="vector")
    for name in ("category", "stock", "price"):
        products.create_scalar_index(name)

    def ask(asked: Asked) -> list[str]:
        search = products.search(queries[asked["query"]]).distance_type("cosine").ef(EF).limit(LIMIT).select(["key"])
        if kept := asked["filter"]:
            condition = f"category = {kept['category']} AND stock > 0 AND price < {kept['price']}"
            search = search.where(condition, prefilter=True)
        return search.to_arrow()["key"].to_pylist()

    return ask


def modelsearch(folder: Path) -> Ask:
    """django-modelsearch over PostgreSQL, titles weighing most."""
    import django
    from django.conf import settings

    url = os.environ["PEER_DATABASE"]
    user, _, rest = url.removeprefix("postgres://").partition(":")
    password, _, place = rest.partition("@")
    host, _, name = place.partition("/")
    host, _, port = host.partition(":")
    settings.configure(
        DATABASES={
            "default": {
                **{"ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": user, "PASSWORD": password},
                **{"HOST": host, "PORT": port},
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.postgres", "modelsearch"],
        MODELSEARCH_BACKENDS={"default": {"BACKEND": "modelsearch.backends.database", "SEARCH_CONFIG": "english"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command
    from django.db import connection, models
    from modelsearch import index
    from modelsearch.queryset import SearchableQuerySetMixin

    class Products(SearchableQuerySetMixin, models.QuerySet):
        """Products that can be searched."""

    class Product(index.Indexed, models.Model):
        """What is searched."""

        key = models.CharField(max_length=100)
        name = models.TextField()
        brand = models.TextField()
        category = models.TextField()
        description = models.TextField()
        keywords = models.TextField()
        objects = Products.as_manager()
        search_fields = (
            index.SearchField("name", boost=3),
            *(index.SearchField(name) for name in ("brand", "category", "description")),
            index.SearchField("keywords", boost=0.1),
        )

        class Meta:
            app_label = "contenttypes"  # an application of its own would need a package of its own
            db_table = "peer_product"

        def __str__(self) -> str:
            return self.name

    from django.apps import apps

    apps.get_app_config("modelsearch").ready()  # once more: the model came after it
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Product)
    from django.contrib.contenttypes.management import create_contenttypes

    with (folder / "products.jsonl").open(encoding="utf-8") as lines:
        Product.objects.bulk_create((Product(**json.loads(line)) for line in lines), batch_size=2000)
    create_contenttypes(apps.get_app_config("contenttypes"), verbosity=0)
    call_command("rebuild_modelsearch_index", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

    def ask(asked: Asked) -> list[str]:
        return [one.key for one in Product.objects.search(asked["query"], operator=asked["operator"])[:LIMIT]]

    return ask


def main() -> None:
    """Load, then answer line by line."""
    kinds = {"chromadb": chromadb, "lancedb": lancedb, "modelsearch": modelsearch}
    start = time.perf_counter()
    ask = kinds[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        start = time.perf_counter()
        keys = ask(asked)
        print(json.dumps({"ms": (time.perf_counter() - start) * 1000, "keys": keys}), flush=True)


if __name__ == "__main__":
    main()
