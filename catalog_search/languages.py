"""Languages: which PostgreSQL text search configuration serves one, and how accents are folded."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import combinations

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

COMPOUNDING = frozenset(("da", "de", "fi", "nb", "nl", "nn", "no", "sv"))
"""Languages that write the parts of what they name together, as "Kinderschuhe"."""

_FOLDED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW")
# Letters that Unicode does not take apart, with what people type instead.
_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE"}
    | {"œ": "oe", "Œ": "OE", "\u0131": "i", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th"}
)
# What nobody reads: where a word may break, in which direction it is written, what only stretches an Arabic one, and
# halves of characters, which no database takes.
# Joiners stay: Persian spells with them.
_INVISIBLE = dict.fromkeys(
    [
        0xAD,
        0x640,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x206A),
        *range(0xD800, 0xE000),
        0xFEFF,
    ]
)
# Signs that Unicode takes for letters ("Core\u2122" is not "CoreTM"), and hyphens that break no line.
_SIGNS = str.maketrans({"\u2122": " ", "\u2120": " ", "\u2010": "-", "\u2011": "-"})


# What stands behind a number without a space as often as with one: "2TB" and "2 TB" are the same.
_UNITS = "k?v|m?w|kw|m?ah?|wh|[kmgt]b|[kmg]?hz|[cmk]?m|in|ft|yd|oz|lbs?|[km]?g|[mc]?l|db|dpi|p?px|mp|rpm|pcs?"
_NUMBER_AND_UNIT = re.compile(rf"(?<![\w.,-])(\d+(?:[.,]\d+)?)({_UNITS})(?![\w-])", re.IGNORECASE)
_NUMBER_OF_THINGS = re.compile(r"\d{1,4}(?:[.,]\d+)?-[^\W\d_]{2,}")
_DIGIT_AND_LETTER = re.compile(r"[0-9][A-Za-z]")  # far quicker to look for, and most texts have none
# PostgreSQL takes "HDMI/DVI" for a file, "StarTech.com" for a host, "me@home" for an address and the 20 of "15-20" for
# minus twenty: single words, by no part of which anything is found. Letters alone ("M.2", "L.O.L.") are no host.
# Each way begins with the character itself, so that the rest of a text is passed over quickly.
_FOR_ONE = re.compile(r"/|\\|@(?<=\w@)(?=\w)|-(?=\d)|\.(?<=[^\W\d_]{2}\.)(?=[^\W\d_]{2})")
# Kana, Chinese characters and Thai are written without spaces, in runs that no search asks for whole.
_UNSPACED = re.compile(
    r"[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|[\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*"
)

PARSING = 2
"""Raised where a text is read or weighed otherwise than before: a generation that was built before is outdated then."""


def as_words(text: str) -> str:
    """Return a text as PostgreSQL is to read it, a document's or a query's: accents folded, words apart.

    Units stand apart from their numbers; part numbers such as "RS80N3" stay whole. Where a script has no spaces each
    character is a word: a query of several is a phrase, and so finds them wherever they stand in a row.
    """
    text = fold(text)
    if not text.isascii():
        text = _UNSPACED.sub(r" \g<0> ", text)
    if _DIGIT_AND_LETTER.search(text):
        text = _NUMBER_AND_UNIT.sub(r"\1 \2", text)
    return _FOR_ONE.sub(" ", text)


def is_measure(word: str) -> bool:
    """Does a word say how large something is, or how many: "500GB", "15.6-inch", "24-port"?"""
    return bool(_NUMBER_AND_UNIT.fullmatch(word) or _NUMBER_OF_THINGS.fullmatch(word))


def legible(text: str) -> str:
    """Return a text without the characters that nobody sees, which come with what is copied from elsewhere."""
    return text if text.isascii() else text.translate(_INVISIBLE)


def subtags(language: str) -> list[str]:
    """Return the parts of a language code, however it is written: "pt" and "br" of "pt_BR"."""
    return language.lower().replace("_", "-").split("-")


def primary_subtag(language: str) -> str:
    """Return a language code without country and script: "pt" of "pt-BR"."""
    return subtags(language)[0]


def agree(language: str, other: str) -> bool:
    """Are these one language, of which either may say more: "de" and "de-AT", but not "zh-Hans" and "zh-Hant"?"""
    return all(one == two for one, two in zip(subtags(language), subtags(other), strict=False))


@lru_cache
def text_config(language: str) -> str:
    """Return the text search configuration of a language code; "simple" where PostgreSQL knows no stemmer."""
    return CONFIGS.get(primary_subtag(language), "simple")


def compounds(language: str) -> bool:
    """Does a language write the parts of a name together?"""
    return primary_subtag(language) in COMPOUNDING


def fold(text: str) -> str:
    """Take accents off Latin, Greek and Cyrillic letters ("café" and "cafe" are one word), vowel signs off Arabic and
    Hebrew ones.

    Other scripts stay: in Devanagari or Thai the combining signs are vowels, not decoration.
    """
    if text.isascii():
        return text
    folded: list[str] = []
    base_is_folded = False
    for character in unicodedata.normalize("NFKD", legible(text).translate(_LETTERS).translate(_SIGNS)):
        if unicodedata.combining(character):
            if not base_is_folded:
                folded.append(character)
            continue
        base_is_folded = unicodedata.name(character, "").startswith(_FOLDED_SCRIPTS)
        folded.append(character)
    return unicodedata.normalize("NFC", "".join(folded))


def folded(words: str) -> str:
    """Return words as they are compared: in lower case, without accents."""
    return fold(words.casefold())


LONGEST_IDENTIFIER = 500
"""Characters of one that are kept: PostgreSQL refuses words of more than 2,046 bytes."""


def normalise_identifier(value: object) -> str:
    """Reduce a SKU, EAN or part number to its letters and digits in lower case: "NW-48 21" is "nw4821"."""
    characters = (character for character in fold(str(value)).casefold() if character.isalnum())
    return "".join(characters)[:LONGEST_IDENTIFIER]


PIECE = "/"
"""Before a piece of an identifier, where identifiers are kept: no normalised one has it."""
MOST_PARTS = 5
_SEPARATOR = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d{4,}")


def identifier_pieces(value: object) -> list[str]:
    """Return what people shorten an identifier to, beside its beginning: the "1704" of "SF-1704-BK", each marked."""
    text = fold(str(value)).casefold()
    parts = [part for part in _SEPARATOR.split(text) if part][:MOST_PARTS]
    runs = ["".join(parts[start:stop]) for start, stop in combinations(range(len(parts) + 1), 2)]
    whole = normalise_identifier(value)
    cut = (one[:LONGEST_IDENTIFIER] for one in (*runs, *_NUMBER.findall(text)))
    found = (one for one in cut if len(one) >= 4 and any(map(str.isdigit, one)))
    return [f"{PIECE}{one}" for one in dict.fromkeys(found) if one != whole]


VOWEL_SIGNS = r"\u0300-\u036f\u0900-\u0963\u0970-\u0dff\u0e31-\u0ecf"
"""Those of scripts that write them apart (Devanagari to Sinhala, Thai and Lao), as a part of a class of characters."""
LETTER = rf"(?:[^\W\d_]|[{VOWEL_SIGNS}])"
"""One letter, or a sign that belongs to it, as a part of a pattern."""
WORD = re.compile(rf"{LETTER}+(?:['’]{LETTER}+)*")  # noqa: RUF001
"""A word without digits: "bluetooth", "children's"; what has digits is a number, a size or a part number."""


_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def noted(text: str) -> str:
    """Return a query as the log and judgements keep it: in lower case, one space between words.

    Control characters are left out: who reads reports in a terminal is not to be at the mercy of who searched.
    """
    return " ".join(text.translate(_CONTROLS).casefold().split())


def writable(text: str) -> str:
    """Return a text as UTF-8 has it: without halves of characters, which JSON can spell."""
    return text.encode(errors="replace").decode()


def storable(text: str) -> str:
    """Return a text as PostgreSQL keeps it: without halves of characters and NUL, also where JSON spells one."""
    return writable(text).replace("\x00", " ").replace("\\u0000", " ")
