"""Wording: steps that read a query as it was meant - misspelt words, and words that the shop has others for."""

from .correcting import correct
from .expanding import expand

__all__ = ["correct", "expand"]
