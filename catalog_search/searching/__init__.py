"""The read side: a query in, ranked products out."""

from .results import Hit, Results, Why
from .search import search
from .similar import similar

__all__ = ["Hit", "Results", "Why", "search", "similar"]
