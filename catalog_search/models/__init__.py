"""What the index keeps, what people search for and say of it, and the rules of merchandising."""

from .changes import Change
from .documents import Document, Thumbnail, no_lengths
from .generations import Generation
from .judging import Judgement, Measurement
from .log import QueryEvent, QueryLog
from .rules import Rule, RuleAction, RuleVersion
from .words import PopularQuery, Synonym, Vocabulary

__all__ = [
    "Change",
    "Document",
    "Generation",
    "Judgement",
    "Measurement",
    "PopularQuery",
    "QueryEvent",
    "QueryLog",
    "Rule",
    "RuleAction",
    "RuleVersion",
    "Synonym",
    "Thumbnail",
    "Vocabulary",
    "no_lengths",
]
