"""Compare index and shop from scratch: ``python -m tests.faults.verdict`` prints what it found as JSON."""

from __future__ import annotations

import json
from collections import Counter

import django

django.setup()

from catalog_search.indexing.reconciling import reconcile  # noqa: E402
from catalog_search.models import Change, Document, Generation  # noqa: E402
from project.shop.models import Product  # noqa: E402
from project.shop.search import ProductIndex  # noqa: E402

products = {str(key): sku for key, sku in Product.objects.values_list("pk", "sku")}
found = {"products": len(products), "public": Product.objects.public().count(), "changes": Change.objects.count()}
found |= {"generations": 0, "documents": 0, "differing": 0, "without picture": 0}
for generation in Generation.objects.live():
    documents = Counter(Document.objects.filter(generation=generation).values_list("object_key", flat=True))
    drift = reconcile(generation, deep=True, mend=False)
    found["generations"] += 1
    found["documents"] += documents.total()
    found["differing"] += drift.missing + drift.orphaned + drift.stale
    # Counted apart from what reconciling says.
    found["differing"] += len((documents - Counter(products.keys())) + (Counter(products.keys()) - documents))
    found["without picture"] += Document.objects.filter(generation=generation, pictures="failed").count()
found["browsed"] = ProductIndex.search("").total
known = set(Product.objects.public().values_list("pk", flat=True))
found["deleted or hidden found"] = len({hit.object.pk for hit in ProductIndex.search("mug cup bowl").hits} - known)
print(json.dumps(found))
