"""What the index keeps: generations, documents, changes waiting for them, and what people search for."""

from .changes import Change
from .documents import Document, Thumbnail, no_lengths
from .generations import Generation
from .log import QueryEvent, QueryLog
from .words import PopularQuery, Synonym, Vocabulary

__all__ = [
    "Change",
    "Document",
    "Generation",
    "PopularQuery",
    "QueryEvent",
    "QueryLog",
    "Synonym",
    "Thumbnail",
    "Vocabulary",
    "no_lengths",
]
