"""The query log: what people search for and choose, written off the request path and without personal data."""

from .entries import note_event, note_search

__all__ = ["note_event", "note_search"]
