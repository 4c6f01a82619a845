"""Content: what a product, or a query, says and shows. The one thing that is embedded and reranked."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .digests import digest_of
from .images import Picture


@dataclass(frozen=True)
class Content:
    """A text, a picture, or both as one document.

    ``others`` are further pictures of the same product: they are embedded too, the first is shown and reranked.
    """

    text: str = ""
    image: Picture | None = None
    others: tuple[Picture, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.image)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The kinds it consists of, sorted as sentence-transformers names them: ("image", "text")."""
        return tuple(kind for kind, there in (("image", self.image), ("text", self.text.strip())) if there)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, the shown one first."""
        return (self.image, *self.others) if self.image else ()

    @cached_property
    def digest(self) -> str:
        """Hexadecimal digest of everything that a model would see: equal digests have equal vectors."""
        parts = (self.text.strip(), *(picture.digest for picture in self.pictures))
        return digest_of("\0".join(parts))

    def as_input(self) -> dict[str, Any]:
        """Return what sentence-transformers takes: ``{"text": ..., "image": PIL image}``, absent parts left out.

        Always a dict, since a bare string that looks like a path or URL of a picture would be opened; always
        text before image, since the order of keys changes the tokens of vision-language models.
        """
        parts: dict[str, Any] = {}
        if self.text.strip() or not self.image:
            parts["text"] = self.text.strip()
        if self.image:
            parts["image"] = self.image.open()
        return parts

    def packed(self) -> tuple[str, str]:
        """Return the text and the first picture as JSON takes them."""
        return self.text, base64.b64encode(self.image.jpeg).decode() if self.image else ""

    @classmethod
    def unpacked(cls, text: str, picture: str) -> Content:
        """Return the content of what ``packed`` gave."""
        return cls(text, Picture(base64.b64decode(picture)) if picture else None)

    def views(self) -> Iterator[Content]:
        """Yield one single-picture content for each picture, or itself where there is at most one."""
        if not self.others:
            yield self
        else:
            yield from (Content(self.text, picture) for picture in self.pictures)
