"""Feedback: what the best finds have in common moves the query, and with it what comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from catalog_search import Content
from catalog_search.backends import embedder_of
from catalog_search.embedding import embed
from catalog_search.fusion import Background, unit
from catalog_search.models import Document, Generation
from catalog_search.searching import lanes
from catalog_search.searching.composition import Aspect, Composition
from catalog_search.searching.feedback import BEST, SHARE, refined
from catalog_search.searching.scope import Scope
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalogue(make_product: Callable[..., Product], build_index: Callable[[], Generation]) -> Generation:
    """Mugs with a handle, then what shares no word with the query: strangers, and what resembles the mugs."""
    for number in range(BEST):
        make_product(f"Mug with ceramic handle {number}")
    for number in range(30):
        make_product(f"Zeppelin number{number} of metal{number}")
    make_product("Tray with ceramic handle")
    return build_index()


def names(**options: Any) -> list[str]:
    return [hit.object.name for hit in ProductIndex.search("mug", cutoff=None, page_size=50, arrange=(), **options)]


def test_what_resembles_the_best_finds_goes_before_what_does_not(catalogue: Generation) -> None:
    found = names()

    assert {name.partition(" ")[0] for name in found[:BEST]} == {"Mug"}
    assert found[BEST] == "Tray with ceramic handle"
    assert names(lanes=("vectors",))[BEST] != "Tray with ceramic handle"  # it is the other lane that tells


def test_meaning_alone_is_left_as_the_model_has_it(catalogue: Generation) -> None:
    (asked,) = embed(embedder_of(catalogue.definition["embedder"]), [Content("mug")], "query", catalogue.mean_vectors)
    nearest = sorted(Document.objects.all(), key=lambda one: -float(np.array(one.embedding) @ asked))

    found = ProductIndex.search("mug", cutoff=None, page_size=50, arrange=(), lanes=("vectors",))
    above = [str(hit.object.pk) for hit in found.hits if hit.score > 0]
    assert len(above) > BEST
    assert above == [one.object_key for one in nearest][: len(above)]


def test_the_query_moves_towards_the_mean_of_the_best_and_is_measured_anew(catalogue: Generation) -> None:
    scope = Scope(ProductIndex.registered(), catalogue, "en", Product.objects.all())
    vectors = {one.object_key: np.array(one.embedding) for one in Document.objects.all()}
    keys = list(vectors)
    query = unit(np.arange(64, dtype=np.float32))
    asked = Composition(query, Background(0.0, 1.0), (Aspect(query, Background(0.0, 1.0)),), ())

    closer = refined(scope, asked, keys[:BEST])

    best = unit(np.mean([unit(vectors[key]) for key in keys[:BEST]], axis=0))
    assert closer.vector == pytest.approx(unit((1 - SHARE) * query + SHARE * best), abs=1e-3)
    assert closer.background == lanes.background(scope, closer.vector)
    assert refined(scope, asked, []) is asked
