"""Prints what the benchmarks kept as one table for docs/performance.md: each figure, its goal, and how busy it was."""

from __future__ import annotations

import json
import sys
from typing import Any

from .report import KEPT, Goal

ORDER = ["vector_lane", "whole", "endpoint", "suggestions", "facets", "ingest", "pictured", "saved", "cold"]


def rows(kept: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the goals of one benchmark as the cells of rows."""
    busy = f"{kept['machine']['busy']:.1f}"
    found = []
    for one in kept["goals"]:
        goal = Goal(one["what"], one["value"], one["most"], one["least"])
        found.append((goal.what, f"{goal.value:.2f}", goal.bound, "met" if goal.met else "**missed**", busy))
    return found


def main() -> int:
    """Print the table; returns the exit status."""
    known = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in KEPT.glob("*.json")}
    measured = {name: one for name, one in known.items() if one.get("goals")}
    print("| benchmark | what | figure | goal | | others at work |\n|---|---|---|---|---|---|")
    for name in sorted(measured, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        for cells in rows(measured[name]):
            print(f"| `{name}` | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
