"""Random secrets kept in files outside version control."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def kept_secret(path: Path) -> str:
    """Return the secret kept at `path`, made up on first use and readable by its owner only."""
    with suppress(FileNotFoundError):
        return path.read_text()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    # A link appears whole and only once: of two processes making it up together both read the first one's.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text()
