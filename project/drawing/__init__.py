"""Pictures of products, drawn by code, and a catalogue of them."""

from .kinds import KINDS
from .palette import COLOURS
from .patterns import PATTERNS
from .picture import draw
from .spec import ProductSpec

__all__ = ["COLOURS", "KINDS", "PATTERNS", "ProductSpec", "draw"]
