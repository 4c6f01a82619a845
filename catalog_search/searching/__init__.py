"""The read side: a query in, ranked products out."""

from .results import FacetResult, Guidance, Hit, Results, Why
from .search import search
from .similar import similar

__all__ = ["FacetResult", "Guidance", "Hit", "Results", "Why", "search", "similar"]
