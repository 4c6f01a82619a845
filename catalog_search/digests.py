"""Digests: forty letters that tell two things apart, in a column or as the name of what a cache keeps."""

from __future__ import annotations

import hashlib


def digest_of(told: str | bytes) -> str:
    """Return the hexadecimal digest of a text or of bytes; the columns that keep one are as long."""
    return hashlib.blake2b(told.encode() if isinstance(told, str) else told, digest_size=20).hexdigest()
