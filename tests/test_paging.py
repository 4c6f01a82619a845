"""Results as Django and DRF page them, and searches from async code."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.paginator import Paginator
from django.http import HttpRequest, JsonResponse
from django.test import AsyncRequestFactory
from django.views.generic import ListView
from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request

from catalog_search.searching import Results
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

BY_PRICE = ["Red mug", "Blue mug", "Mug", "Summer dress", "Red chair"]


def titles(hits: Any) -> list[str]:
    return [str(hit.object) for hit in hits]


@pytest.mark.parametrize("orphans", [0, 1])
@pytest.mark.parametrize("page_size", [1, 2, 24])
def test_a_paginator_pages_results(indexed_shop: Shop, page_size: int, orphans: int) -> None:
    results = ProductIndex.search(sort="price", page_size=page_size)
    paginator = Paginator(results, 2, orphans=orphans)
    pages = [titles(page) for page in paginator]

    assert paginator.count == 5
    assert [title for page in pages for title in page] == BY_PRICE
    assert [len(page) for page in pages] == ([2, 3] if orphans else [2, 2, 1])


def test_the_page_at_hand_is_not_searched_for_again(indexed_shop: Shop, django_assert_num_queries: Any) -> None:
    results = ProductIndex.search("mug", sort="price", page=2, page_size=2)

    with django_assert_num_queries(0):
        page = Paginator(results, 2).page(2)
        assert titles(page) == titles(results) == ["Mug"]
        assert page.has_previous()
        assert not page.has_next()


def test_any_places_can_be_had(indexed_shop: Shop) -> None:
    results = ProductIndex.search(sort="price", page_size=2)

    for start in range(6):
        for stop in range(7):
            assert titles(results[start:stop]) == BY_PRICE[start:stop]
    for step in (1, 2, 3, -1, -2):
        assert titles(results[::step]) == BY_PRICE[::step]
        assert titles(results[1:4:step]) == BY_PRICE[1:4:step]
    assert titles(results[:]) == BY_PRICE
    assert Results()[:5] == ()


class Mugs(ListView):
    """A list of a shop's own."""

    paginate_by = 2
    template_name = "shop/home.html"

    def get_queryset(self) -> Results:  # type: ignore[override]
        """Search."""
        return ProductIndex.search("mug", sort="price", request=self.request)


@pytest.mark.parametrize(("page", "shown"), [("1", ["Red mug", "Blue mug"]), ("2", ["Mug"]), ("last", ["Mug"])])
def test_a_list_view_pages_results(indexed_shop: Shop, rf: Any, page: str, shown: list[str]) -> None:
    response = Mugs.as_view()(rf.get("/", {"page": page}))

    assert titles(response.context_data["object_list"]) == shown  # type: ignore[attr-defined]
    assert response.context_data["paginator"].count == 3  # type: ignore[attr-defined]
    assert response.context_data["is_paginated"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("paging", "asked"), [(PageNumberPagination, "page=2&page_size=2"), (LimitOffsetPagination, "limit=2&offset=2")]
)
def test_the_pagination_of_drf_pages_results(indexed_shop: Shop, rf: Any, paging: Any, asked: str) -> None:
    paginator = paging()
    paginator.page_size, paginator.page_size_query_param = 2, "page_size"
    page = paginator.paginate_queryset(ProductIndex.search("mug", sort="price"), Request(rf.get(f"/?{asked}")))

    answer = paginator.get_paginated_response(titles(page)).data
    assert (answer["count"], answer["results"], answer["next"]) == (3, ["Mug"], None)
    assert answer["previous"].startswith("http://testserver/")


def test_a_search_from_async_code_lets_others_go_on(indexed_shop: Shop, rf: Any) -> None:
    went_on = threading.Event()

    def waits(scope: Any, ask: Any) -> Any:
        assert went_on.wait(30), "the loop stood still"
        return ask

    async def both() -> Results:
        async def other() -> None:
            went_on.set()

        asked = asyncio.ensure_future(ProductIndex.asearch("red mug", rewrite=[waits], request=rf.get("/")))
        await asyncio.sleep(0)
        results, _ = await asyncio.gather(asked, other())
        return results

    results = async_to_sync(both)()
    assert results.degraded == ()
    assert titles(results)[0] == "Red mug"


def test_an_async_view(indexed_shop: Shop) -> None:
    async def view(request: HttpRequest) -> JsonResponse:
        results = await ProductIndex.asearch(request.GET["q"], request=request)
        return JsonResponse({"titles": titles(results)})

    response = async_to_sync(view)(AsyncRequestFactory().get("/", {"q": "red mug"}))
    assert b'"Red mug"' in response.content
