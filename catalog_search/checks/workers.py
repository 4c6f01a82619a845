"""What the settings of Celery and the cache must be for workers to lose nothing and hold nobody up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from celery import current_app
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning

from ..conf import settings

SWEEP = "catalog_search.sweep"
FALLBACK = "default"
"""What Celery calls the app that it makes for who has none."""
SHARED_CACHE = (
    'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://..."}}'
)
TIMEOUTS = {"socket_connect_timeout", "socket_timeout"}
REDELIVERY = {"visibility_timeout": 300, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""Kombu's defaults bring the task of a killed worker back after an hour and more."""


def check_indexing() -> Iterator[CheckMessage]:
    """Check what keeps indexing going: Celery's defaults wait long where something died."""
    if current_app.main == FALLBACK:
        yield Warning(
            "The project has no Celery app: no worker does what changes, and no setting of Celery counts.",
            hint='celery.py: app = Celery("shop"); app.config_from_object("django.conf:settings", namespace="CELERY"); '
            "app.autodiscover_tasks(); and import it in the __init__.py beside it: docs/indexing.md, Running workers.",
            id="catalog_search.W047",
        )
        return
    conf = current_app.conf
    url = conf.broker_url or ""
    redis = (url if isinstance(url, str) else url[0]).startswith(("redis", "sentinel"))
    options = conf.broker_transport_options or {}
    if conf.task_publish_retry_policy.get("max_retries", 3) != 0 or (redis and TIMEOUTS - options.keys()):
        yield Warning(
            "A broker that is down or mute keeps whoever asks workers waiting for seconds, or for ever.",
            hint='CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}; CELERY_BROKER_TRANSPORT_OPTIONS = '
            '{"socket_connect_timeout": 0.1, "socket_timeout": 0.1, "max_retries": 0}  # not in workers',
            id="catalog_search.W042",
        )
    if redis and REDELIVERY.keys() - options.keys():
        yield Warning(
            "The task of a killed worker comes back after an hour at the earliest.",
            hint=f"CELERY_BROKER_TRANSPORT_OPTIONS = {REDELIVERY}",
            id="catalog_search.W044",
        )
    if set(conf.accept_content) - {"json", "application/json"}:
        yield Warning(
            "Celery accepts more than JSON: who can write to the broker may be able to run code in workers.",
            hint='CELERY_ACCEPT_CONTENT = ["json"]',
            id="catalog_search.W045",
        )
    tasks = {entry.get("task") for entry in (conf.beat_schedule or {}).values()}
    # Another scheduler than Celery's own keeps its entries elsewhere.
    if SWEEP not in tasks and conf.beat_scheduler == "celery.beat:PersistentScheduler":
        yield Warning(
            "No beat entry runs the sweep: changes wait where the message that wakes a worker got lost.",
            hint=f'CELERY_BEAT_SCHEDULE = {{"search-sweep": {{"task": "{SWEEP}", "schedule": 30}}}}',
            id="catalog_search.W046",
        )


def check_cache() -> Iterator[CheckMessage]:
    """Check how long a dead cache may hold up a search, and whether it can keep what searches give it."""
    cache: dict[str, Any] = dict(django_settings.CACHES[settings.CACHE])
    options = {name.lower(): value for name, value in cache.get("OPTIONS", {}).items()}
    if "redis" in cache["BACKEND"] and TIMEOUTS - {*options, *options.get("connection_pool_kwargs", {})}:
        yield Warning(
            f'A mute cache "{settings.CACHE}" holds up every search.',
            hint='"OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}',
            id="catalog_search.W043",
        )
    if "json" in str(options.get("serializer", "")).lower():
        yield Error(
            f'The cache "{settings.CACHE}" keeps JSON: vectors, rankings and pictures are bytes, and it takes none.',
            hint='CATALOG_SEARCH = {"CACHE": "search"}  # of a cache of its own in CACHES, without that serializer',
            id="catalog_search.E041",
        )


def check_serving() -> Iterator[CheckMessage]:
    """Check what a search that asks workers depends on: the cache that answers come by, and the queue."""
    conf, cache = current_app.conf, django_settings.CACHES.get(settings.CACHE, {})
    if any(kind in cache.get("BACKEND", "") for kind in ("locmem", "dummy")):
        yield Error(
            "The answers of workers to searches come by the cache, and this one is local to each process.",
            hint=SHARED_CACHE,
            id="catalog_search.E040",
        )
    if (settings.QUEUE or conf.task_default_queue) == settings.MODEL_QUEUE:
        yield Warning(
            f'Searches would stand behind indexing in the queue "{settings.MODEL_QUEUE}".',
            hint='"MODEL_QUEUE": "search_interactive",  # and a worker with --queues search_interactive',
            id="catalog_search.W041",
        )
