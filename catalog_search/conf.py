"""Every setting once: name, type, default and one line of why.

A project writes ``CATALOG_SEARCH = {"NAME": value, ...}``; values are read at access time, so
``override_settings`` needs no help. ``settings.describe()`` feeds the table in the README.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, overload

from django.conf import settings as django_settings

from .contexts import holding
from .exceptions import ConfigurationError
from .quantization import QUANTIZATIONS

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting: reads ``CATALOG_SEARCH[name]``, else its default."""

    def __init__(self, default: T, why: str, minimum: float | None = None, choices: Iterable[T] = ()) -> None:
        self.default, self.why, self.minimum, self.choices = default, why, minimum, tuple(choices)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Setting[T]:
        if instance is None:
            return self
        return self.read(Settings.written())

    def read(self, written: Mapping[str, Any]) -> T:
        """Return the value under what a project wrote."""
        value: T = written.get(self.name, self.default)
        return value

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value a project wrote, or None."""
        if value is None and self.default is None:
            return None
        allowed = _allowed_types(self.default)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            names = " or ".join(sorted(kind.__name__ for kind in allowed))
            return f"must be {names}, not {type(value).__name__}"
        if self.minimum is not None and isinstance(value, int | float) and value < self.minimum:
            return f"must be at least {self.minimum}, not {value}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(map(repr, self.choices))}, not {value!r}"
        return None


class Weights(Setting[dict[str, float]]):
    """A setting that is a weight from 0 to 1 for each of some names; a project writes those that differ."""

    def read(self, written: Mapping[str, Any]) -> dict[str, float]:
        return self.default | written.get(self.name, {})

    def problem(self, value: Any) -> str | None:
        if problem := super().problem(value):
            return problem
        if unknown := sorted(set(value) - set(self.default)):
            return f"knows no {', '.join(unknown)}; it has: {', '.join(self.default)}"
        wrong = [name for name, weight in value.items() if not isinstance(weight, int | float) or not 0 <= weight <= 1]
        return f"must be from 0 to 1 for {', '.join(wrong)}" if wrong else None


def _allowed_types(default: Any) -> tuple[type, ...]:
    if default is None:
        return (dict,)
    if isinstance(default, float):
        return (float, int)
    if isinstance(default, tuple):
        return (tuple, list)
    return (type(default),)


_changes: ContextVar[Mapping[str, Any] | None] = ContextVar("catalog_search_settings", default=None)


class Settings:
    """The settings of catalog_search, as attributes."""

    EMBEDDER = Setting[dict[str, Any]](
        {
            "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
            "OPTIONS": {"model": "sentence-transformers/clip-ViT-B-32"},
        },
        "the model that turns photo and text into one vector",
    )
    RERANKER = Setting[dict[str, Any] | None](None, "the CrossEncoder that orders the best candidates; None for none")
    IMAGE_RERANKER = Setting[dict[str, Any] | None](
        None, "another one for queries with a photo; None: RERANKER serves them"
    )

    MODEL_QUEUE = Setting("", "the Celery queue whose workers run the models of searches; empty: each process its own")
    MODEL_SECONDS = Setting(0.8, "how long a search waits for workers in all, then it goes on", minimum=0.05)

    PRICE_PER_THOUSAND = Setting(0.0, "what a thousand embedded products cost, for estimates", minimum=0)
    INDEXING = Setting(True, "False stops signals from recording changes, for fixtures and bulk loads")
    QUEUE = Setting("", "the Celery queue of indexing tasks; empty for the project's default queue")
    BATCH_SIZE = Setting(32, "documents embedded and written together; more where that is quick", minimum=1)
    LEASE_SECONDS = Setting(300, "how long a worker owns what it claimed before another may take it", minimum=1)
    MAX_ATTEMPTS = Setting(8, "failures after which a product is set aside with its reason", minimum=1)
    RETRY_SECONDS = Setting(30, "wait before the first retry; doubles with each failure", minimum=0)
    PICTURE_THREADS = Setting(4, "threads that fetch and decode pictures ahead of the model", minimum=1)
    PICTURE_TIMEOUT = Setting(20.0, "seconds that a storage has for one picture, which else is missing", minimum=0.1)

    IMAGE_FORMATS = Setting(
        ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"), "picture formats that are opened, by Pillow's names"
    )
    IMAGE_MAX_BYTES = Setting(20_000_000, "larger picture files are refused", minimum=1)
    IMAGE_MAX_PIXELS = Setting(
        50_000_000, "pictures with more pixels are refused; decoding takes up to 5 bytes for each, WebP 16", minimum=1
    )
    IMAGE_SIZE = Setting(512, "longest edge in pixels of the thumbnail that models see", minimum=32)
    IMAGES_PER_PRODUCT = Setting(4, "pictures of one product that are embedded", minimum=1)
    THUMBNAIL_STORAGE = Setting("default", "the alias in STORAGES that keeps the thumbnails")

    ANN_MIN_DOCUMENTS = Setting(6_000, "documents from which on a generation gets an HNSW index", minimum=1)
    ANN_EXACT_ROWS = Setting(2_000, "filters that leave fewer rows are searched exactly, row by row", minimum=1)
    ANN_EF_SEARCH = Setting(200, "breadth of an HNSW search: higher finds more and takes longer", minimum=10)
    ANN_M = Setting(16, "links of each document in a new HNSW index: more find more, and take memory", minimum=2)
    ANN_EF_CONSTRUCTION = Setting(64, "breadth of the search for links; at least twice ANN_M is taken", minimum=4)
    ANN_BUILD_MB = Setting(1024, "memory that building an HNSW index may take; 0 leaves it to the server", minimum=0)
    ANN_BUILD_WORKERS = Setting(2, "parallel workers of PostgreSQL that help to build an HNSW index", minimum=0)
    QUANTIZATION = Setting(
        "half", "how an HNSW index keeps vectors: half, to 4,000 dimensions, or binary", choices=QUANTIZATIONS
    )
    ANN_OVERSAMPLE = Setting(2, "candidates of a binary index for each one wanted: all are scored exactly", minimum=1)
    PREPARE = Setting(True, "False where a connection pooler cannot keep prepared statements")

    MAX_CANDIDATES = Setting(1000, "bound of the result set; beyond it surfaces say 1000+", minimum=10)
    CUTOFF = Setting(2.5, "how many standard deviations above its background a vector match must be to count")
    VECTOR_WEIGHTS = Weights(
        {"identifier": 0.1, "word": 0.15, "words": 0.5, "long": 0.5, "picture": 0.7},
        "share of the vector lane in the fused score by class of query, 0 to 1; write only those that differ",
    )
    RERANK_DEPTH = Setting(30, "candidates that the reranker scores at most", minimum=1)
    RERANK_BLEND = Setting(0.5, "share of the reranker in the final score of what it scored, 0 to 1", minimum=0)
    RERANK_SECONDS = Setting(0.3, "time within which reranking must fit: slower machines score fewer", minimum=0)

    REWRITE = Setting[tuple[str, ...]](
        (
            "catalog_search.wording.correct",
            "catalog_search.merchandising.apply_rules",
            "catalog_search.wording.expand",
        ),
        "functions that change what is asked before anything is retrieved, by path",
    )
    ARRANGE = Setting[tuple[str, ...]](
        ("catalog_search.boosts.boosted", "catalog_search.merchandising.arrange_rules"),
        "functions that change the order of what was ranked, by path",
    )
    BOOST_LIMIT = Setting(0.01, "share of a score that all boosts together can change", minimum=0)

    PAGE_SIZE = Setting(24, "hits on a page", minimum=1)
    QUERY_MAX_LENGTH = Setting(500, "longer queries are refused with a message", minimum=1)
    CACHE = Setting("default", "the alias in CACHES for query vectors, frozen rankings and uploaded pictures")
    QUERY_CACHE_SECONDS = Setting(3600, "how long the vector of a query and its reranker's scores are kept", minimum=0)
    PAGING_SECONDS = Setting(600, "how long a ranking is frozen for paging", minimum=0)
    BROWSE_SECONDS = Setting(60, "how long at most what takes long to count is kept while browsing", minimum=0)
    PICTURE_SECONDS = Setting(1800, "how long a visitor's uploaded picture can be searched with", minimum=1)

    SEARCHES_PER_MINUTE = Setting(
        120, "searches of a visitor in a minute, page and API together; 0: no bound", minimum=0
    )

    VOCABULARY_SECONDS = Setting(3600, "how old the counted words may grow while documents change", minimum=0)
    SUGGEST_QUERIES_FROM = Setting(5, "searches that must have found something before a query is suggested", minimum=1)

    QUERY_LOG = Setting(True, "False keeps no log of searches, clicks and orders")
    QUERY_LOG_DAYS = Setting(90, "days after which the log forgets a search", minimum=0)
    QUERY_LOG_BUFFER = Setting(10_000, "entries that wait to be written at most; the oldest give way", minimum=1)
    INTENT_SECONDS = Setting(30, "searches of one visitor that follow each other so soon may be one intent", minimum=0)

    API_PERMISSIONS = Setting[tuple[str, ...]](
        (), "DRF's permission classes of the API, by path; empty: those of REST_FRAMEWORK"
    )

    @classmethod
    def describe(cls) -> Iterator[Setting[Any]]:
        """Yield every setting in the order of this file."""
        yield from (value for value in vars(cls).values() if isinstance(value, Setting))

    @staticmethod
    def written() -> dict[str, Any]:
        """Return what the project wrote, known or not, under what this thread changes for the time being."""
        written = getattr(django_settings, "CATALOG_SEARCH", {})
        changes = _changes.get()
        return {**written, **changes} if changes else written if isinstance(written, dict) else {}

    @classmethod
    @contextmanager
    def changed(cls, changes: Mapping[str, Any]) -> Iterator[None]:
        """Let settings be others inside this block, for this thread alone: to try out what a change would do.

        Of weights, those that are not given stay. Raises ConfigurationError on a setting that does not exist or
        cannot have the value.
        """
        known = {setting.name: setting for setting in cls.describe()}
        for name, value in changes.items():
            problem = known[name].problem(value) if name in known else "is not a setting"
            if problem:
                raise ConfigurationError(f'CATALOG_SEARCH["{name}"] {problem}.')
        weights = {
            name: getattr(settings, name) | value for name, value in changes.items() if isinstance(known[name], Weights)
        }
        with holding(_changes, {**(_changes.get() or {}), **changes, **weights}):
            yield


settings = Settings()
