"""The Django admin: semantic search in the shop's own changelists, the state of the index, the log, and rules."""

from . import log, rules, state, versions
from .search import SearchAdminMixin

__all__ = ["SearchAdminMixin", "log", "rules", "state", "versions"]
