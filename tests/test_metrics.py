"""What operators read of searches and indexes: Prometheus and the log."""

from __future__ import annotations

import json
import logging
import logging.config
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from catalog_search import metrics
from catalog_search.models import Change, Generation

from .shop import Shop

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).parent.parent / "docs" / "deploy.md").read_text()
INDEX = {"index": "shop.product"}


def scraped(rf: Any) -> dict[str, dict[str, float]]:
    """The samples of the view: labels and values by name."""
    response = metrics.metrics(rf.get("/metrics/"))
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


def count(name: str, **labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value(name, {**INDEX, **labels}) or 0.0


def test_searches_are_counted(indexed_shop: Shop, client: Client) -> None:
    names = ("searches_total", {"kind": "text"}), ("empty_total", {}), ("seconds_count", {"stage": "total"})
    before = [count(f"catalog_search_{name}", **labels) for name, labels in names]
    client.get("/api/search/product/", {"q": "mug"})
    client.get("/search/", {"q": "mug", "brand": "Nobody"})

    after = [count(f"catalog_search_{name}", **labels) for name, labels in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 2]


def test_what_failed_is_counted(indexed_shop: Shop, client: Client) -> None:
    before = count("catalog_search_degraded_total", part="index")
    Generation.objects.update(state=Generation.State.RETIRED)
    client.get("/api/search/product/", {"q": "mug"})

    assert count("catalog_search_degraded_total", part="index") == before + 1


def test_how_the_index_is_can_be_scraped(indexed_shop: Shop, rf: Any, client: Client) -> None:
    client.get("/api/search/product/", {"q": "mug"})
    Change.objects.create(generation=Generation.objects.get(), object_key="1")
    found = scraped(rf)

    assert found["catalog_search_up"] == {"shop.product": 1}
    assert found["catalog_search_products"] == found["catalog_search_documents"] == {"shop.product": 6}
    assert found["catalog_search_waiting"] == {"shop.product": 1}
    assert found["catalog_search_set_aside"] == found["catalog_search_outdated"] == {"shop.product": 0}
    assert found["catalog_search_searches_total"]["shop.product,text"] >= 1
    Generation.objects.update(state=Generation.State.RETIRED)
    assert scraped(rf)["catalog_search_up"] == {"shop.product": 0}


def test_every_metric_is_documented(indexed_shop: Shop, rf: Any, client: Client) -> None:
    client.get("/api/search/product/", {"q": "mug"})
    told = set(re.findall(r"^\| `(catalog_search_\w+)` \|", PAGE, re.MULTILINE))
    counted = {f"catalog_search_{name}_total" for name in ("searches", "empty", "degraded")} | {
        "catalog_search_seconds"
    }

    assert told == {f"catalog_search_{name}" for name in metrics.GAUGES} | counted
    shown = {name.removesuffix("_bucket") for name in scraped(rf) if name.startswith("catalog_search_")}
    assert told - {"catalog_search_empty_total", "catalog_search_degraded_total"} <= shown


def test_without_the_client_searches_go_on(
    indexed_shop: Shop, rf: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "prometheus", None)

    assert client.get("/api/search/product/", {"q": "mug"}).status_code == 200
    with pytest.raises(ImportError, match="pip install"):
        metrics.metrics(rf.get("/metrics/"))


def test_a_search_is_a_record_with_fields(
    indexed_shop: Shop, client: Client, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    names: dict[str, Any] = {}
    (block,) = re.findall(r"```python\n# settings.py\n(LOGGING.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "docs/deploy.md", "exec"), names)  # noqa: S102 - our own page
    configuration = names["LOGGING"]["formatters"]["json"]
    formatter = logging.config.DictConfigurator(names["LOGGING"]).configure_formatter(dict(configuration))
    with caplog.at_level("INFO", logger="catalog_search.searches"):
        answer = client.get("/api/search/product/", {"q": "red mug"}).json()

    (record,) = [one for one in caplog.records if one.name == "catalog_search.searches"]
    written = json.loads(formatter.format(record))
    assert written["query_id"] == answer["query_id"]
    assert (written["index"], written["kind"], written["found"]) == ("shop.product", "text", answer["total"])
    assert (written["degraded"], written["level"], written["logger"]) == ([], "INFO", "catalog_search.searches")
    assert written["milliseconds"] > 0
    assert "red mug" not in json.dumps(written)


@pytest.mark.django_db(transaction=True)
def test_an_exporter_that_asks_from_threads_leaves_no_connection_open(indexed_shop: Shop) -> None:
    def scrape() -> tuple[int, bool]:
        return len(list(metrics.IndexCollector().collect())), connection.connection is None

    with ThreadPoolExecutor(1) as exporter:
        assert exporter.submit(scrape).result() == (len(metrics.GAUGES), True)
    open_here = connection.connection
    list(metrics.IndexCollector().collect())
    assert connection.connection is open_here is not None
