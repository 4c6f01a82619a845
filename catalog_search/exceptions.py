"""What can go wrong: one root, few leaves; a leaf's docstring is its default message."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from .languages import writable


class CatalogSearchError(Exception):
    """Something in catalog_search went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


def message_of(error: Exception | str) -> str:
    """Return what went wrong in its own words, or its kind where it has none: many a foreign exception says nothing."""
    return str(error) or type(error).__name__


def reason_of(error: Exception) -> str:
    """Say what went wrong, as a database keeps it: foreign exceptions often say little without their kind."""
    reason = str(error) if isinstance(error, CatalogSearchError) else f"{type(error).__name__}: {error}"
    return writable(reason).replace("\x00", "")


class ConfigurationError(CatalogSearchError, ImproperlyConfigured):
    """A CATALOG_SEARCH setting or an index declaration cannot be used; run `manage.py check` for the fix."""


class IndexNotFound(CatalogSearchError, LookupError):
    """No such search index; declare one with @register(Model) in the search.py of an installed app."""


class ImageError(CatalogSearchError, ValueError):
    """The picture cannot be read; give a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file within the size limits."""


class ModelError(CatalogSearchError):
    """A model failed or cannot take this input; see the chained exception for its own words."""


class Refused(ModelError):
    """A model server refuses this very input; its own words say why."""


class Unavailable(ModelError):
    """A worker, an inference server or the cache does not answer; see whether it runs and can be reached."""


class TooSlow(CatalogSearchError):
    """The database gave up a statement that took longer than its statement_timeout; give the role of workers more."""


class NotReady(CatalogSearchError):
    """The index holds no searchable generation yet; run `manage.py rebuild_search_index`."""


class NotPassed(CatalogSearchError):
    """Judgements did not let this generation pass; give `--force` to `manage.py search_generations activate`."""
