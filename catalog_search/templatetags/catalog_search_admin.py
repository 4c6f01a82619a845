"""Plots for the admin: SVG from the server, for they need no script and no inline style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.formats import number_format

register = template.Library()

COLOURS = 10


@register.inclusion_tag("admin/catalog_search/_sparkline.html")
def sparkline(values: Sequence[float], label: str = "", width: int = 120, height: int = 28) -> dict[str, Any]:
    """Draw a series of numbers as a small line, from nothing to its highest."""
    highest = max(values, default=0) or 1
    step = (width - 4) / max(len(values) - 1, 1)
    points = [
        f"{2 + place * step:.1f},{height - 2 - (height - 4) * value / highest:.1f}"
        for place, value in enumerate(values)
    ]
    return {"points": " ".join(points), "label": label, "width": width, "height": height}


@register.inclusion_tag("admin/catalog_search/_stack.html")
def stack(parts: Mapping[str, float], unit: str = "ms", whole: float = 0.0) -> dict[str, Any]:
    """Draw parts of a whole as one bar with a legend: stages of a search, shares of a likeness.

    ``whole`` is what the full width stands for; their sum where none is given. The unit "%" takes shares from 0 to 1.
    """
    total = whole or sum(parts.values()) or 1.0
    drawn, left = [], 0.0
    for number, (name, value) in enumerate(parts.items()):
        width = 100 * value / total
        text = f"{value:.0%}" if unit == "%" else f"{number_format(value, 1)} {unit}"
        drawn.append(
            {"colour": number % COLOURS, "name": name, "text": text, "left": f"{left:.2f}", "width": f"{width:.2f}"}
        )
        left += width
    return {"parts": drawn}
