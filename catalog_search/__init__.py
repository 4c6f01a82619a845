"""Multimodal product search for Django: photo and text as one document, in the shop's own PostgreSQL."""

from .boosts import Boost
from .content import Content
from .facets import Facet, HierarchyFacet, RangeFacet
from .indexes import SearchIndex
from .registry import register

__all__ = ["Boost", "Content", "Facet", "HierarchyFacet", "RangeFacet", "SearchIndex", "register"]
__version__ = "0.1.0"
