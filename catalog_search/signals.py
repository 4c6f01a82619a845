"""Signals: every save, delete and many-to-many change of an indexed or followed row becomes Change rows.

They are connected for each index apart, so models that no index concerns pay nothing; and for each class that writes
to the same table, since Django tells a proxy's or a child's listeners only of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import ModelSignal, m2m_changed, post_delete, post_save, pre_delete, pre_save

from .exceptions import ConfigurationError
from .indexes import SearchIndex
from .indexing import append, append_keys, changes
from .indexing.related import Relation, owners, relations
from .paths import followed

logger = logging.getLogger(__name__)


def connect(index: SearchIndex) -> None:
    """Connect the signals of one index."""
    model = index.model
    key = _concrete(model)._meta.pk.attname

    def written(sender: type[Model], instance: Model, **_: Any) -> None:
        # Documents are left to workers, also of what is gone: it is never found, since searches join to the shop's own
        # rows; and whoever deletes would wait for workers, or they for it, or each for the other.
        if changes.recording():
            append_keys(index, [getattr(instance, key)])

    _connect(index, post_save, _writers(model, children=True), written)
    _connect(index, post_delete, _writers(model), written)
    try:
        found = list(relations(index))
    except ConfigurationError as error:  # the checks say it too, but a worker runs none
        logger.error("%s Nothing is followed until then.", error)
        return
    for relation in found:
        _follow(index, relation)


def _follow(index: SearchIndex, relation: Relation) -> None:
    mark = f"_catalog_search_{index.label}_{relation.path}"

    def saving(sender: type[Model], instance: Model, **_: Any) -> None:
        # A picture may move to another product. Told before it has, a worker would still find it where it was.
        if instance.pk is not None and changes.recording():
            instance.__dict__[mark] = list(owners(index, relation.path, instance.pk).values_list("pk", flat=True))

    def touched(sender: type[Model], instance: Model, **_: Any) -> None:
        left = instance.__dict__.pop(mark, ())
        if changes.recording():
            append_keys(index, left)
            append(index, owners(index, relation.path, instance.pk).exclude(pk__in=left))

    def linked(
        sender: type[Model], instance: Model, action: str, model: type[Model], pk_set: set[Any] | None, **_: Any
    ) -> None:
        # While the rows are there; Django has a transaction around it. Both ends may be of one model.
        if action not in ("post_add", "pre_remove", "pre_clear") or not changes.recording():
            return
        source = followed(index.model, relation.source).field.related_model if relation.source else index.model
        near, far = _concrete(source), _concrete(relation.model)
        keys = [instance.pk] if isinstance(instance, near) else []
        keys += pk_set or () if issubclass(model, near) else ()
        append(index, owners(index, relation.source, *keys))
        if pk_set is None and isinstance(instance, far):
            append(index, owners(index, relation.path, instance.pk))

    # Saved as what it is, a product that inherits is told of already.
    inherited = issubclass(index.model, relation.model) and _concrete(index.model) is not _concrete(relation.model)
    _connect(index, post_save, _writers(relation.model, children=not inherited), touched, relation.path)
    _connect(index, pre_delete, _writers(relation.model), touched, relation.path)
    if relation.names_owner:
        _connect(index, pre_save, _writers(relation.model, children=True), saving, relation.path)
    if relation.through is not None:
        _connect(index, m2m_changed, [relation.through], linked, relation.path)


def _concrete(model: type[Model]) -> type[Model]:
    found: type[Model] = model._meta.concrete_model or model
    return found


def _writers(model: type[Model], children: bool = False) -> list[type[Model]]:
    """Return the classes that write to the table of a model: itself, its proxies and, with ``children``, its heirs.

    Where an heir is deleted Django tells of the row of its parent by itself.
    """
    table = _concrete(model)
    everybody = apps.get_models(include_auto_created=True)
    return [one for one in everybody if _concrete(one) is table or (children and issubclass(one, table))]


def _connect(
    index: SearchIndex, signal: ModelSignal, senders: list[type[Model]], receiver: Callable[..., None], path: str = ""
) -> None:
    uid = f"catalog_search:{index.label}:{path}:{receiver.__name__}"
    for sender in senders:
        signal.connect(receiver, sender=sender, weak=False, dispatch_uid=uid)
