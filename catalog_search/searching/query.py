"""Query: what a visitor asks for, in words, by a picture, by products, and what they do not want."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from django.utils import translation

from ..content import Content
from ..digests import digest_of
from ..images import Picture
from ..indexes import SearchIndex
from ..languages import is_measure, normalise_identifier, primary_subtag, subtags
from .negation import split

# Words beyond these do not change what is meant; only the models read them all.
MAX_TOKENS = 32
# Each costs a call of the model where the cache does not know it.
MAX_AVOIDED = 5
# So does each of these.
MAX_PHRASINGS = 4
SEVERAL = 4
# Letters and digits from which on a word with a digit is hardly anything but an identifier.
DISTINCTIVE = 5
# Letters and digits in one word, at least four in all: "TN-2110", but not "2TB".
_CODE = re.compile(r"(?=\S*\d\S*\d)(?=\S*[^\W\d_])\S{5,}|\d{5,}")
# Telephones make dashes of a minus: the sign itself, then a dash of either length.
MINUS = "-\u2212\u2013\u2014"
# What opens and closes a phrase, also as telephones write it.
QUOTES = '"\u201c\u201d\u201e\u00ab\u00bb'
# A quote behind a digit or a letter opens nothing: 15.6" is a size.
TOKEN = re.compile(
    rf"""(?:(?<!\S)([{MINUS}])(?=\S))?(?:(?<![\w.])[{QUOTES}]([^{QUOTES}]+)[{QUOTES}]|([^\s{QUOTES}]+))"""
)
# What stands between words rather than in them. Between digits some of it makes one number: "1,5", "10/100", "16:9".
_BETWEEN = re.compile(r"[;\\|!?*=~()\[\]{}<>\u2026\u2022\u00b7]|[,:/](?!\d)|(?<!\d)[,:/]")
_AROUND = ".'&\u2019" + MINUS


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a phrase of the query; ``excluded`` by a minus before it."""

    excluded: bool
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Alternatives:
    """What words of a query may be called too: the words as typed, one by one, and the others."""

    typed: tuple[str, ...]
    others: tuple[str, ...]
    meant: bool = True
    """Do the models read them, too? They know already what a kind of something is."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as one value. ``like`` and ``unlike`` hold keys of products that the results should (not) resemble.

    ``terms`` are weighted words beside the text; a negative weight says how strongly something is not wanted.
    """

    text: str = ""
    image: Picture | None = None
    like: tuple[str, ...] = ()
    language: str = ""
    unlike: tuple[str, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    alternatives: tuple[Alternatives, ...] = ()
    """Other words for some of it, found and meant as well; a step of REWRITE brings them."""

    def __bool__(self) -> bool:
        """Does it say what it looks for, rather than nothing or only what it does not want?"""
        return bool(self.image or self.like or self.positive_text or self.positive_terms)

    @property
    def kind(self) -> str:
        """What it is asked by: "text", "photo", "photo+text", "like", each with "+like" or so, or "browse"."""
        parts = {
            "photo": self.image,
            "text": self.tokens or self.positive_terms,
            "like": self.like,
        }
        return "+".join(name for name, there in parts.items() if there) or "browse"

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The words and "quoted phrases" in order, what is negated in words left out: it bends no lane."""
        return tuple(token for text in self._texts for token in _tokens(text))

    @property
    def positive_text(self) -> str:
        """The text without quotes and without what it excludes: what a model reads."""
        return " ".join(token.text.strip() for token in _tokens(self._read[0]) if not token.excluded)

    @property
    def phrasings(self) -> tuple[str, ...]:
        """The positive text with some of its words put in other ones, for a model to read as well."""
        words = [token.text.strip() for token in _tokens(self._read[0]) if not token.excluded]
        found = []
        for one in filter(lambda one: one.meant, self.alternatives):
            starts = (at for at in range(len(words)) if tuple(words[at : at + len(one.typed)]) == one.typed)
            if (start := next(starts, None)) is not None:
                head, tail = words[:start], words[start + len(one.typed) :]
                found += [" ".join((*head, other, *tail)) for other in one.others]
        return tuple(found[:MAX_PHRASINGS])

    @property
    def positive_terms(self) -> tuple[tuple[str, float], ...]:
        """The terms that are wanted, with their weights."""
        return tuple((text, weight) for text, weight in self.terms if weight > 0)

    @property
    def avoided(self) -> tuple[tuple[str, float], ...]:
        """What is not wanted, in words, with weights from 0 to 1: -word, "without ...", negative terms."""
        text, phrases = self._read
        found = [(token.text.strip(), 1.0) for token in _tokens(text) if token.excluded]
        found += [(phrase, 1.0) for phrase in phrases]
        found += [(text, min(-weight, 1.0)) for text, weight in self.terms if weight < 0]
        return tuple(dict(found[:MAX_AVOIDED]).items())

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self._read[0], *(text for text, _ in self.positive_terms))

    @property
    def _read(self) -> tuple[str, tuple[str, ...]]:
        wanted, avoided = _without_negations(self.text, self.language)
        if not wanted.strip() and not (self.image or self.like or self.positive_terms):
            return self.text, ()  # "not black" alone: there is nothing else to go by
        return wanted, avoided

    @property
    def content(self) -> Content:
        """The query as a reranker takes it."""
        words = (self.positive_text, *(text for text, _ in self.positive_terms))
        return Content(" ".join(filter(None, words)), self.image)

    @property
    def identifier(self) -> str:
        """The whole text as identifiers are compared; "" where it could not be one."""
        whole = normalise_identifier(self.text.strip() or " ".join(text for text, _ in self.positive_terms))
        return whole if _could_be_identifier(whole) else ""

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The whole text and its words, as identifiers are compared; only what could be one."""
        whole = [token.text for text in self._texts for token in _pieces(text) if not token.excluded]
        words = [token.text for token in self.tokens if not token.excluded]
        words = words[:MAX_TOKENS]
        runs = ["".join(words[at : at + length]) for length in (2, 3) for at in range(len(words) - length + 1)]
        found = map(normalise_identifier, (*whole[:MAX_TOKENS], *words))
        joined = filter(is_distinctive, map(normalise_identifier, runs))  # "BCI 6Y"
        return tuple(dict.fromkeys(filter(_could_be_identifier, (self.identifier, *found, *joined))))

    def without(self, identifier: str) -> str:
        """Return the words beside one that is an identifier."""
        words = (token.text for token in self.tokens if not token.excluded)
        return " ".join(word for word in words if normalise_identifier(word) != identifier)

    @property
    def query_class(self) -> str:
        """What kind of asking it is, for what helps one misleads another; a key of VECTOR_WEIGHTS."""
        if self.image or self.like:
            return "picture"
        words = [token.text for token in self.tokens if not token.excluded]
        if any(_CODE.search(word) and not is_measure(word) for word in words):
            return "identifier"
        return "word" if len(words) == 1 else "words" if len(words) <= SEVERAL else "long"

    @property
    def digest(self) -> str:
        """Hexadecimal digest of everything asked."""
        picture = self.image.digest if self.image else ""
        parts = (self.text.strip(), picture, self.like, self.unlike, self.terms, self.language, self.alternatives)
        return digest_of(repr(parts))


def is_distinctive(identifier: str) -> bool:
    """Is a normalised word hardly anything but an article number, wherever it stands? "27" may be a size."""
    return len(identifier) >= DISTINCTIVE and any(character.isdigit() for character in identifier)


def _could_be_identifier(word: str) -> bool:
    return 2 <= len(word) <= 64


def _pieces(text: str) -> list[Token]:
    """Return what stands between spaces, and phrases."""
    found = (Token(bool(minus), phrase or word, bool(phrase)) for minus, phrase, word in TOKEN.findall(text))
    return [token for token in found if token.text.strip()]


def _tokens(text: str) -> list[Token]:
    found = []
    for piece in _pieces(text):
        parts = [piece.text] if piece.quoted else _BETWEEN.split(piece.text)
        found += [Token(piece.excluded, part, piece.quoted) for one in parts if (part := one.strip(_AROUND))]
    return found


@lru_cache(maxsize=64)  # every lane asks for the same text
def _without_negations(text: str, language: str) -> tuple[str, tuple[str, ...]]:
    """Take what is negated in words out of a text; quoted phrases and -words stay as they are."""
    words = [match.group() for match in TOKEN.finditer(text)]
    wanted, avoided = split(words, language)
    if not avoided or any(phrase[0] in MINUS + QUOTES for phrase in avoided):
        return text, ()
    return " ".join(wanted), tuple(avoided)


def query_language(index: SearchIndex, asked: str = "") -> str:
    """Return the index language nearest to the one asked for, or to the visitor's; the first where none fits.

    Nearest is the one that begins with most of the same subtags, and has the fewest others: "zh-hant" for "zh-hant-tw".
    """
    for wanted in (asked, translation.get_language() or ""):
        near = [one for one in index.language_codes if wanted and primary_subtag(one) == primary_subtag(wanted)]
        if near:
            return max(near, key=lambda one: _nearness(one, wanted))
    return index.language_codes[0]


def _nearness(language: str, wanted: str) -> tuple[int, int]:
    own, others = subtags(language), subtags(wanted)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(own, others, strict=False))
    return len(list(same)), -len(own)
