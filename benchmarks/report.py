"""What every benchmark does: measure in turns, compare with a reference, print tables, keep JSON, miss goals aloud."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import django
import numpy as np
import psycopg

from project import services

KEPT = services.DATA / "benchmarks"


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def in_turns(ways: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """Let each way give its figure of each round, in changing order, so that a busy machine slows all alike."""
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in random.sample(list(ways), len(ways)):
            figures[name].append(ways[name](number))
    return figures


def ratio(figures: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median of the ratios, each of two figures of the same round."""
    return statistics.median(one / other for one, other in zip(figures, reference, strict=True))


def quantile(figures: Sequence[float], share: float) -> float:
    """Return the figure below which this share of them lies."""
    return float(np.quantile(figures, share))


def quartiles(figures: Sequence[float], form: str = ".1f") -> str:
    """Write the median and, in brackets, the quartiles."""
    low, median, high = np.quantile(figures, (0.25, 0.5, 0.75))
    return f"{median:{form}} ({low:{form}}-{high:{form}})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, and what it must be at most or at least."""

    what: str
    value: float
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        """Is the figure within the bound? A figure that is not a number is not."""
        return self.value <= self.most if self.most is not None else self.value >= (self.least or 0.0)

    @property
    def bound(self) -> str:
        """The goal in words."""
        return f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.what}: {self.value:.2f}, {self.bound}"


@dataclass
class Report:
    """What one benchmark found: printed as it comes, kept as JSON in the end."""

    name: str
    options: argparse.Namespace
    goals: list[Goal] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)
    busy: float = field(default_factory=lambda: os.getloadavg()[0])
    """Programs that wanted the processor when this began: with one or more, times say little and ratios less."""

    def table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print and keep a table; the first column names its row."""
        cells = [list(map(str, row)) for row in (heads, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        print(f"\n{title}")
        for first, *others in cells:
            told = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            print("  ".join([first.ljust(widths[0]), *told]), flush=True)
        self.measured.setdefault("tables", []).append({"title": title, "heads": list(heads), "rows": cells[1:]})

    def keep(self, **figures: Any) -> None:
        """Keep figures that no table shows in full."""
        self.measured |= figures

    def goal(self, what: str, value: float, most: float | None = None, least: float | None = None) -> None:
        """Note a figure that has a goal."""
        self.goals.append(Goal(what, value, most, least))

    def plot(
        self, name: str, across: str, up: str, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    ) -> None:
        """Draw lines, (across, up) by name, on logarithmic axes into a PNG beside the JSON."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot(xscale="log", yscale="log", xlabel=across, ylabel=up, title=name)
        for label, (x, y) in lines.items():
            axes.plot(x, y, marker="o", label=label)
        axes.grid(alpha=0.3)
        axes.legend()
        path = self.path.with_name(f"{self.path.stem}-{name.replace(' ', '-')}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
        print(f"plot: {path}")

    @property
    def path(self) -> Path:
        """Where the JSON goes."""
        return self.options.json or KEPT / f"{self.name}.json"

    def finish(self) -> int:
        """Write the JSON, print the goals; returns the exit status, 1 where one is missed."""
        asked = {name: value for name, value in vars(self.options).items() if name != "json"}
        kept = {
            "benchmark": self.name,
            "at": time.strftime("%Y-%m-%d %H:%M:%S%z"),
            "machine": {"processors": os.cpu_count(), "busy": self.busy, "platform": platform.platform()},
            "versions": {
                "python": platform.python_version(),
                "django": django.__version__,
                "psycopg": psycopg.__version__,
            },
            "options": asked,
            "goals": [asdict(one) | {"met": one.met} for one in self.goals],
            **self.measured,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(kept, indent=1, default=str), encoding="utf-8")
        print()
        for one in self.goals:
            print(one)
        if self.busy >= 1:
            print(f"{self.busy:.1f} programs kept the machine busy before this began.")
        return int(not all(one.met for one in self.goals))


def apart(name: str, *arguments: object) -> dict[str, Any]:
    """Run a benchmark in a process of its own and return what it kept: nothing is remembered of another database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments), "--json", str(path)]
        # Missed goals are told by its status, too.
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def parser(purpose: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark can be told."""
    made = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, help=f"where to keep what was measured (default: {KEPT})")
    return made
