"""The Django admin: semantic search in the shop's own changelists, and the state of the index, read-only."""

from . import log, state
from .search import SearchAdminMixin

__all__ = ["SearchAdminMixin", "log", "state"]
