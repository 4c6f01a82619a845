"""Pictures in the admin."""

from __future__ import annotations

from django.utils.html import format_html


def preview(url: str, name: str = "") -> str:
    """Show a thumbnail, or a dash where there is none; ``name`` is read aloud where nothing beside it says it."""
    return format_html('<img src="{}" alt="{}" height="64" loading="lazy">', url, name) if url else "–"  # noqa: RUF001
