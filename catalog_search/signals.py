"""Signals: every save, delete and many-to-many change of an indexed or followed row becomes Change rows.

They are connected for each index apart, so models that no index concerns pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.db.models.signals import ModelSignal, m2m_changed, post_delete, post_save, pre_delete, pre_save

from .indexes import SearchIndex
from .indexing import append, append_keys, changes
from .indexing.documents import remove
from .indexing.related import Relation, owners, relations
from .models import Generation
from .sql import write_alias


def connect(index: SearchIndex) -> None:
    """Connect the signals of one index."""
    model = index.model

    def saved(sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:
        if changes.recording():
            append_keys(index, [instance.pk])

    def deleted(sender: type[Model], instance: Model, **_: Any) -> None:
        # The documents go in the product's own transaction; the change catches a worker that holds the product.
        if changes.recording():
            live = Generation.objects.of(index.label).live().values_list("pk", flat=True)
            remove(write_alias(model), [str(instance.pk)], list(live))
            append_keys(index, [instance.pk])

    _connect(index, post_save, model, saved)
    _connect(index, post_delete, model, deleted)
    for relation in relations(index):
        _follow(index, relation)


def disconnect(index: SearchIndex) -> None:
    """Disconnect the signals of one index; for tests that declare their own."""
    for signal, sender, receiver, uid in _connected.pop(index.label, []):
        signal.disconnect(receiver, sender=sender, dispatch_uid=uid)


def _follow(index: SearchIndex, relation: Relation) -> None:
    def touched(sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:
        # Before and after: a picture moved to another product concerns both.
        if instance.pk is not None and changes.recording():
            append(index, owners(index, relation.path, instance))

    def linked(sender: type[Model], instance: Model, action: str, reverse: bool, **_: Any) -> None:
        if changes.recording():
            near = isinstance(instance, _model_at(index, relation.source))
            append(index, owners(index, relation.source if near else relation.path, instance))

    for signal in (pre_save, post_save, pre_delete):
        _connect(index, signal, relation.model, touched, relation.path)
    if relation.through is not None:
        _connect(index, m2m_changed, relation.through, linked, relation.path)


def _model_at(index: SearchIndex, path: str) -> type[Model]:
    model: Any = index.model
    for name in filter(None, path.split("__")):
        model = model._meta.get_field(name).related_model
    return model


_connected: dict[str, list[tuple[ModelSignal, type[Model], Callable[..., None], str]]] = {}


def _connect(
    index: SearchIndex, signal: ModelSignal, sender: type[Model], receiver: Callable[..., None], path: str = ""
) -> None:
    uid = f"catalog_search:{index.label}:{path}:{receiver.__name__}"
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=uid)
    _connected.setdefault(index.label, []).append((signal, sender, receiver, uid))
