"""The read side: a query in, ranked products out."""

from .results import Banner, FacetResult, Guidance, Hit, Results, Why
from .search import search
from .similar import similar

__all__ = ["Banner", "FacetResult", "Guidance", "Hit", "Results", "Why", "search", "similar"]
