"""The Django admin: semantic search in the shop's own changelists, and the search's own pages."""

from . import generations, judging, log, relevance, rules, state, synonyms, versions
from .search import SearchAdminMixin

__all__ = ["SearchAdminMixin", "generations", "judging", "log", "relevance", "rules", "state", "synonyms", "versions"]
