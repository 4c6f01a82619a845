"""Multimodal product search for Django: photo and text as one document, in the shop's own PostgreSQL."""

from .content import Content
from .facets import Facet, RangeFacet
from .indexes import SearchIndex, register

__all__ = ["Content", "Facet", "RangeFacet", "SearchIndex", "register"]
__version__ = "0.1.0"
