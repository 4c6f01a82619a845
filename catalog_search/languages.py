"""Languages: which PostgreSQL text search configuration serves one, and how accents are folded."""

from __future__ import annotations

import re
import unicodedata

# The configurations that ship with PostgreSQL 14 and newer (PostgreSQL documentation, 12.6 Dictionaries).
CONFIGS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}

_FOLDED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
# Letters that Unicode does not take apart, with what people type instead.
_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE"})


# What stands behind a number without a space as often as with one: "2TB" and "2 TB" are the same.
_UNITS = "k?v|m?w|kw|m?ah?|wh|[kmgt]b|[kmg]?hz|[cmk]?m|in|ft|yd|oz|lbs?|[km]?g|[mc]?l|db|dpi|p?px|mp|rpm|pcs?"
_NUMBER_AND_UNIT = re.compile(rf"(?<![\w.,-])(\d+(?:[.,]\d+)?)({_UNITS})(?![\w-])", re.IGNORECASE)
_DIGIT_AND_LETTER = re.compile(r"\d[^\W\d_]")  # far quicker to look for, and most texts have none


def separate_units(text: str) -> str:
    """Put a space between a number and its unit; part numbers such as "RS80N3" stay as they are."""
    return _NUMBER_AND_UNIT.sub(r"\1 \2", text) if _DIGIT_AND_LETTER.search(text) else text


def text_config(language: str) -> str:
    """Return the text search configuration of a language code; "simple" where PostgreSQL knows no stemmer."""
    return CONFIGS.get(language.lower().split("-")[0].split("_")[0], "simple")


def fold(text: str) -> str:
    """Take accents off Latin, Greek and Cyrillic letters ("café" and "cafe" are one word).

    Other scripts stay: in Devanagari or Thai the combining signs are vowels, not decoration.
    """
    if text.isascii():
        return text
    folded: list[str] = []
    base_is_folded = False
    for character in unicodedata.normalize("NFKD", text.translate(_LETTERS)):
        if unicodedata.combining(character):
            if not base_is_folded:
                folded.append(character)
            continue
        base_is_folded = unicodedata.name(character, "").startswith(_FOLDED_SCRIPTS)
        folded.append(character)
    return unicodedata.normalize("NFC", "".join(folded))


def normalise_identifier(value: object) -> str:
    """Reduce a SKU, EAN or part number to its letters and digits in lower case: "NW-48 21" is "nw4821"."""
    return "".join(character for character in fold(str(value)).casefold() if character.isalnum())


# Letters and the vowel signs of scripts that write them apart (Devanagari to Sinhala, Thai and Lao).
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u0970-\u0dff\u0e31-\u0ecf])"
WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")  # noqa: RUF001
"""A word without digits: "bluetooth", "children's"; what has digits is a number, a size or a part number."""


def storable(text: str) -> str:
    """Return a text as PostgreSQL keeps it: without NUL, also where JSON spells one."""
    return text.replace("\x00", " ").replace("\\u0000", " ")
