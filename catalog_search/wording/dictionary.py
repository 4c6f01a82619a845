"""The dictionary: words of a language, as simplemma knows them where it is installed (the extra ``spelling``)."""

from __future__ import annotations

from ..languages import primary_subtag

try:
    import simplemma
except ImportError:  # an optional extra
    simplemma = None  # type: ignore[assignment]


def is_at_hand() -> bool:
    """Is there a dictionary at all?"""
    return simplemma is not None


def is_in_language(word: str, language: str) -> bool:
    """Is it a word of the language, as far as there is a dictionary to tell?"""
    try:
        return simplemma is not None and simplemma.is_known(word, lang=primary_subtag(language))
    except ValueError:  # a language that it does not have
        return False
