"""The read side: a query in, ranked products out."""

from .results import Hit, Results, Why
from .search import search

__all__ = ["Hit", "Results", "Why", "search"]
