"""The overview: each index and its generations as an operator wants to see them, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Max, Q
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..health import Health, health_of
from ..indexes import SearchIndex
from ..indexing import ann, generations
from ..indexing.estimates import Estimate, estimate
from ..models import Change, Document, Generation
from ..models.changes import IN_WORK, WAITING, products_with
from ..registry import registry
from ..sql import execute, write_alias
from .operations import OPERATIONS

SPEED_WINDOW = timedelta(minutes=1)
"""The time over which the speed of a build is taken."""
REASON_LENGTH = 160
REASONS = 5
STATUS = {"ok": _("Healthy"), "degraded": _("Needs a look"), "down": _("Does not serve")}
UNDER_WAY = (Generation.State.PREPARING, Generation.State.BUILDING)


@dataclass(frozen=True, slots=True)
class GenerationState:
    """One generation: how far it is, what waits, what failed and why."""

    generation: Generation
    serves: bool
    products: int
    served_before: bool = False
    documents: int = 0
    without_pictures: int = 0
    pictures_failed: int = 0
    latest: datetime | None = None
    """When the last of its documents was embedded."""
    in_a_minute: int = 0
    waiting: int = 0
    in_work: int = 0
    failing: int = 0
    set_aside: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    """What failed, by the beginning of its reason, the most frequent first."""
    ann_bytes: int = 0
    expected: Estimate | None = None
    """Of one that is being built: what it takes in all."""

    @property
    def percent(self) -> int:
        """The share of the products that have a document here; 100 only where nothing is missing."""
        return min(100 * self.documents // self.products, 100) if self.products else 100

    @property
    def failed(self) -> int:
        """Products whose last attempt failed, set aside or not."""
        return self.failing + self.set_aside

    @property
    def model_name(self) -> str:
        """The model that embedded it, without the place of its files."""
        return self.generation.model_name.rpartition("/")[2]

    @property
    def is_under_way(self) -> bool:
        """Do workers build it, or should they?"""
        return self.generation.state in UNDER_WAY

    @property
    def ready_at(self) -> datetime | None:
        """When it is built, at the speed of the last minute, or of the sample before anything is embedded."""
        left = max(self.products - self.documents, 0)
        if not (self.is_under_way and left):
            return None
        seconds = self.expected.seconds(1) if self.expected else None
        if self.in_a_minute:
            seconds = left * SPEED_WINDOW.total_seconds() / self.in_a_minute
        return timezone.now() + timedelta(seconds=seconds) if seconds else None

    @property
    def operations(self) -> list[tuple[str, Any]]:
        """What its state allows: (name, title)."""
        state, states = self.generation.state, Generation.State
        allowed = {
            "activate": state == states.READY and not self.serves,
            "pause": state == states.BUILDING,
            "resume": state == states.PAUSED,
            "retry": bool(self.failed),
        }
        return [(name, OPERATIONS[name].title) for name, there in allowed.items() if there]


@dataclass(frozen=True, slots=True)
class IndexState:
    """One index: its health, what differs from the settings, its generations, the newest first."""

    index: SearchIndex
    health: Health
    products: int
    differing: tuple[str, ...] = ()
    table_bytes: int = 0
    index_bytes: int = 0
    generations: tuple[GenerationState, ...] = ()

    @property
    def serving(self) -> GenerationState | None:
        """The generation that answers searches."""
        return next((one for one in self.generations if one.serves), None)

    @property
    def is_under_way(self) -> bool:
        """Is one of its generations being built?"""
        return any(one.is_under_way for one in self.generations)

    @property
    def can_go_back(self) -> bool:
        """Is there an earlier generation that could serve at once?"""
        return any(one.served_before for one in self.generations)

    @property
    def title(self) -> str:
        """What people call the things that are indexed."""
        return capfirst(str(self.index.model._meta.verbose_name_plural))

    @property
    def status_text(self) -> Any:
        """The status in a word."""
        return STATUS[self.health.status]

    @property
    def degraded_percent(self) -> int:
        """The share of the latest searches that went without something."""
        return round(100 * self.health.degraded / self.health.searches) if self.health.searches else 0


def index_states(probe: bool) -> list[IndexState]:
    """Look at every index; ``probe`` also asks the models of each, which may take a moment."""
    return [_index_state(index, probe) for index in registry]


def _index_state(index: SearchIndex, probe: bool) -> IndexState:
    alias = write_alias(index.model)
    health = health_of(index, probe)
    live = list(Generation.objects.using(alias).of(index.label).live().defer("means").order_by("-pk"))
    products = health.products if health.generation else index.index_queryset().using(alias).count()
    serving = next((one for one in live if one.pk == health.generation), None)
    table, indexes, graphs = _sizes(alias)
    counted = _figures(index, live, alias)
    return IndexState(
        index=index,
        health=health,
        products=products,
        differing=generations.changed_parts(serving) if serving and health.outdated else (),
        table_bytes=table,
        index_bytes=indexes,
        generations=tuple(
            GenerationState(
                one,
                one == serving,
                products,
                served_before=one != serving and one.state == Generation.State.READY and one.activated_at is not None,
                ann_bytes=graphs.get(one.ann_index, 0),
                expected=estimate(one) if one.state in UNDER_WAY else None,
                **counted[one.pk],
            )
            for one in live
        ),
    )


def _figures(index: SearchIndex, live: Sequence[Generation], alias: str) -> dict[int, dict[str, Any]]:
    """Return fields of a GenerationState by the key of the generation: documents and changes, by three queries."""
    keys = [one.pk for one in live]
    main = index.language_codes[0]
    once = (Q(generation=one, language=one.language_for(main)) for one in live)  # of a product in several languages
    documents = Document.objects.using(alias).filter(reduce(or_, once, Q(pk__in=[])))
    changes = Change.objects.using(alias).filter(generation__in=keys).exclude(priority=Change.Priority.PICTURES)
    products = changes.order_by().values("generation")
    of_documents = (
        documents.order_by()
        .values("generation")
        .annotate(
            documents=Count("pk"),
            without_pictures=Count("pk", filter=Q(pictures=Document.Pictures.NONE)),
            pictures_failed=Count("pk", filter=Q(pictures=Document.Pictures.FAILED)),
            in_a_minute=Count("pk", filter=Q(embedded_at__gt=timezone.now() - SPEED_WINDOW)),
            latest=Max("embedded_at"),
        )
    )
    of_changes = products.annotate(
        waiting=products_with(WAITING),
        in_work=products_with(IN_WORK),
        failing=products_with(~WAITING & Q(set_aside=False)),
        set_aside=products_with(Q(set_aside=True)),
    )
    reasons = products.exclude(WAITING).annotate(reason=Left("error", REASON_LENGTH)).values("generation", "reason")
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    counts: list[Any] = [*of_documents, *of_changes]
    for row in counts:
        found[row.pop("generation")] |= row
    for one in reasons.annotate(count=Count("object_key", distinct=True)).order_by("-count", "reason"):
        known = found[one["generation"]].get("reasons", ())
        found[one["generation"]]["reasons"] = (*known, (one["reason"], one["count"]))[:REASONS]
    return found


def _sizes(alias: str) -> tuple[int, int, dict[str, int]]:
    """Return the bytes of the documents, of all their indexes, and of each HNSW index by its name."""
    name = Document._meta.db_table
    ((table, indexes),) = execute(
        alias, "SELECT pg_table_size(%s::regclass), pg_indexes_size(%s::regclass)", (name,) * 2
    )
    graphs = execute(
        alias,
        "SELECT relname::text, pg_relation_size(oid) FROM pg_class WHERE relkind = 'i' AND relname ^@ %s",
        (ann.PREFIX,),
    )
    return table, indexes, dict(graphs)
