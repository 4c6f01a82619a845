"""Digests: forty letters that tell two things apart, in a column or as the name of what a cache keeps."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(content: str | bytes) -> str:
    """Return the hexadecimal digest of a text or of bytes; the columns that keep one are as long."""
    return hashlib.blake2b(content.encode() if isinstance(content, str) else content, digest_size=20).hexdigest()


def canonical(value: Any) -> str:
    """Return a value as JSON, equal ones alike; what JSON lacks as its text."""
    return json.dumps(value, sort_keys=True, default=str)
