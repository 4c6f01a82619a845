"""Query: what a visitor asks for, in words, by a picture, or both."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from django.utils import translation

from ..content import Content
from ..images import Picture
from ..indexes import SearchIndex
from ..languages import normalise_identifier

# Words beyond these do not change what is meant; only the models read them all.
MAX_TOKENS = 32
SEVERAL = 4
# Letters and digits in one word, at least four in all: "TN-2110", but not "2TB".
_CODE = re.compile(r"(?=.*\d.*\d)(?=.*[^\W\d_]).{5,}|\d{5,}")
_TOKEN = re.compile(r"""(?:(?<!\S)(-)(?=\S))?(?:"([^"]+)"|([^\s"]+))""")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a phrase of the query; ``excluded`` by a minus before it."""

    excluded: bool
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query as one value. ``like`` holds keys of products that the results should resemble."""

    text: str = ""
    image: Picture | None = None
    like: tuple[str, ...] = ()
    language: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.image or self.like)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The words and "quoted phrases" in order."""
        found = (Token(bool(minus), phrase or word) for minus, phrase, word in _TOKEN.findall(self.text))
        return tuple(token for token in found if token.text.strip())

    @property
    def positive_text(self) -> str:
        """The text without quotes and without what it excludes: what a model reads."""
        return " ".join(token.text.strip() for token in self.tokens if not token.excluded)

    @property
    def content(self) -> Content:
        """The query as the models take it."""
        return Content(self.positive_text, self.image)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The whole text, then its words, as identifiers are compared; only what could be one."""
        words = [self.text, *(token.text for token in self.tokens[:MAX_TOKENS] if not token.excluded)]
        words = [normalise_identifier(word) for word in words]
        return tuple(dict.fromkeys(word for word in words if 2 <= len(word) <= 64))

    @property
    def query_class(self) -> str:
        """What kind of asking it is, for what helps one misleads another; a key of VECTOR_WEIGHTS."""
        if self.image or self.like or not self.text.strip():
            return "picture"
        words = [token.text for token in self.tokens if not token.excluded]
        if any(_CODE.search(word) for word in words):
            return "identifier"
        return "word" if len(words) == 1 else "words" if len(words) <= SEVERAL else "long"

    @property
    def digest(self) -> str:
        """Hexadecimal digest of everything asked."""
        parts = [self.text.strip(), self.image.digest if self.image else "", *self.like, self.language]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=20).hexdigest()


def query_language(index: SearchIndex, asked: str = "") -> str:
    """Return the index language nearest to the one asked for, or to the visitor's; the first where none fits."""
    for wanted in (asked, translation.get_language() or ""):
        for language in index.language_codes:
            if wanted and language.lower().split("-")[0] == wanted.lower().split("-")[0]:
                return language
    return index.language_codes[0]
