"""What the index keeps: generations, documents, changes waiting for them, what people search for and say of it."""

from .changes import Change
from .documents import Document, Thumbnail, no_lengths
from .generations import Generation
from .judging import Judgement, Measurement, judged_text
from .log import QueryEvent, QueryLog

__all__ = [
    "Change",
    "Document",
    "Generation",
    "Judgement",
    "Measurement",
    "QueryEvent",
    "QueryLog",
    "Thumbnail",
    "judged_text",
    "no_lengths",
]
