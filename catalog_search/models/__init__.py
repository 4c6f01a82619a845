"""What the index keeps: generations, documents, changes waiting for them, what people search for, and rules."""

from .changes import Change
from .documents import Document, Thumbnail, no_lengths
from .generations import Generation
from .log import QueryEvent, QueryLog
from .rules import Rule, RuleAction, RuleVersion

__all__ = [
    "Change",
    "Document",
    "Generation",
    "QueryEvent",
    "QueryLog",
    "Rule",
    "RuleAction",
    "RuleVersion",
    "Thumbnail",
    "no_lengths",
]
