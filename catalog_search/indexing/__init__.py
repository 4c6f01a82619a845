"""The write side: changes of products in, documents out."""

from .changes import append, append_keys, paused
from .generations import current_generation, is_outdated, start_generation
from .switching import activate
from .work import drain

__all__ = [
    "activate",
    "append",
    "append_keys",
    "current_generation",
    "drain",
    "is_outdated",
    "paused",
    "start_generation",
]
