"""Pictures in the admin."""

from __future__ import annotations

from django.utils.html import format_html


def preview(url: str) -> str:
    """Show a thumbnail, or a dash where there is none."""
    return format_html('<img src="{}" alt="" height="64" loading="lazy">', url) if url else "–"  # noqa: RUF001
