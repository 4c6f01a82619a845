"""The registry: which search indexes there are, by name and by model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .exceptions import ConfigurationError, IndexNotFound

if TYPE_CHECKING:
    from django.db.models import Model

    from .indexes import SearchIndex


class Registry:
    """The declared indexes by name and by model."""

    def __init__(self) -> None:
        self._indexes: dict[str, SearchIndex] = {}

    def add(self, index: SearchIndex, name: str) -> None:
        """Keep an index under a name; raises ConfigurationError where the name or the model is taken."""
        for other_name, other in self._indexes.items():
            if type(other).__qualname__ == type(index).__qualname__ and other.model is index.model:
                continue  # the module was imported again under another name
            if other_name == name:
                raise ConfigurationError(f'{index!r} and {other!r} share the name "{name}"; give one a name = "...".')
            if other.model is index.model:
                raise ConfigurationError(f"{index!r} and {other!r} index the same model; merge the two.")
        self._indexes[name] = index

    def find(self, name: str) -> SearchIndex | None:
        """Return an index by its name or its model label ("product" or "shop.product"), None where there is none."""
        return next((index for known, index in self._indexes.items() if name in (known, index.label)), None)

    def get(self, name: str) -> SearchIndex:
        """Return an index by its name or its model label. Raises IndexNotFound."""
        if index := self.find(name):
            return index
        known_names = ", ".join(sorted(self._indexes)) or "none yet"
        raise IndexNotFound(f'There is no search index "{name}" (there are: {known_names}); see @register.')

    def chosen(self, name: str) -> SearchIndex:
        """Return an index by its name, the first one declared where the name is empty. Raises IndexNotFound."""
        return self.get(name) if name or not self._indexes else next(iter(self))

    def of(self, declaration: type[SearchIndex]) -> SearchIndex:
        """Return the registered instance of a declaration."""
        for index in self:
            if type(index) is declaration:
                return index
        raise IndexNotFound(f"{declaration.__name__} is not registered; decorate it with @register(Model).")

    def for_model(self, model: type[Model]) -> SearchIndex | None:
        """Return the index that has the rows of a model: its own, or that of a model it inherits its keys from."""
        return next((index for one in _by_the_same_keys(model) for index in self if index.model is one), None)

    def remove(self, index: SearchIndex) -> None:
        """Forget an index; for tests that declare their own."""
        self._indexes = {name: other for name, other in self._indexes.items() if other is not index}

    def __iter__(self) -> Iterator[SearchIndex]:
        return iter(list(self._indexes.values()))

    def __len__(self) -> int:
        return len(self._indexes)


def _by_the_same_keys(model: type[Model]) -> list[type[Model]]:
    """Return a model, then those that it is a proxy of or inherits from under the same keys, the nearest first."""
    tables: list[Any] = [model._meta.concrete_model]
    while (link := tables[-1]._meta.pk.remote_field) and link.parent_link:
        tables.append(link.model._meta.concrete_model)
    return [one for one in model.__mro__ if hasattr(one, "_meta") and one._meta.concrete_model in tables]


registry = Registry()


def register(model: type[Model]) -> Callable[[type[SearchIndex]], type[SearchIndex]]:
    """Register the decorated SearchIndex for a model."""

    def decorate(declaration: type[SearchIndex]) -> type[SearchIndex]:
        declaration.name = declaration.name or str(model._meta.model_name)
        registry.add(declaration(model), declaration.name)
        return declaration

    return decorate
