"""The Django admin: semantic search in the shop's own changelists, and the state of the index, read-only."""

from . import state
from .search import SearchAdminMixin

__all__ = ["SearchAdminMixin", "state"]
