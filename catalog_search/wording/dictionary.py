"""The dictionary: words of a language, as simplemma knows them where it is installed (the extra ``spelling``)."""

from __future__ import annotations

from ..languages import fold

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
        return simplemma is not None and simplemma.is_known(word, lang=language.split("-")[0])
    except ValueError:  # a language that it does not have
        return False


def folded(word: str) -> str:
    """Return a word as words are compared: lower case, without accents."""
    return fold(word.casefold())
