"""Facets: how a field of the product becomes a filter with counts beside the results."""

from .base import Facet, FacetRange, FacetValue, read_as
from .hierarchy import HierarchyFacet
from .ranges import RangeFacet, bounds

__all__ = ["Facet", "FacetRange", "FacetValue", "HierarchyFacet", "RangeFacet", "bounds", "read_as"]
