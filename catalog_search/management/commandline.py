"""The command line: what the commands have in common - mistakes told in words, numbers within bounds, tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from ..exceptions import CatalogSearchError
from ..indexes import SearchIndex
from ..models import Generation
from ..registry import registry
from ..sql import write_alias

Number = TypeVar("Number", int, float)

MOST_DAYS = 36_500
"""A hundred years; a date beyond is none."""


class SearchCommand(BaseCommand):
    """A command that ends with the words of what went wrong, where the app, a file or its encoding is to blame."""

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Check the databases too, as ``migrate`` does: what is wrong there is told before anything is asked of it."""
        return {**super().get_check_kwargs(options), "databases": [write_alias(Generation)]}

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except (CatalogSearchError, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            line = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The database says: {line}\nWhere tables are missing: manage.py migrate; else see whether it answers."
            ) from error

    def warn(self, *lines: object) -> None:
        """Say beside the output what somebody should know."""
        for line in lines:
            self.stderr.write(self.style.WARNING(str(line)))

    def succeed(self, text: str) -> None:
        """Say what was done."""
        self.stdout.write(self.style.SUCCESS(text))


def add_files(parser: argparse.ArgumentParser, kept: str, shown: str) -> None:
    """Declare the files that ``write_files`` writes."""
    parser.add_argument("--json", type=Path, help=f"write {kept} to this file")
    parser.add_argument("--html", type=Path, help=f"write a page with {shown} to this file")


def write_files(report: Any, options: dict[str, Any]) -> None:
    """Write a report where the options say so."""
    if options["json"]:
        text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
        options["json"].write_text(text, encoding="utf-8")
    if options["html"]:
        options["html"].write_text(report.as_html(), encoding="utf-8")


def the_index(name: str) -> SearchIndex:
    """Return the index of a name, or the only one. Raises CommandError where the choice is open."""
    if not name and len(registry) != 1:
        labels = ", ".join(index.label for index in registry) or "none"
        raise CommandError(f"Name the index; there are: {labels}.")
    return registry.chosen(name)


def some_indexes(names: Sequence[str] | None) -> list[SearchIndex]:
    """Return the indexes of some names, or all. Raises IndexNotFound."""
    return [registry.get(name) for name in names] if names else list(registry)


def integer(least: int = 1, most: int = 1_000_000) -> Callable[[str], int]:
    """Return an argument type: a whole number within the bounds."""
    return _within(int, "whole number", least, most)


def number(least: float = 0.0, most: float = 1e12) -> Callable[[str], float]:
    """Return an argument type: a number within the bounds."""
    return _within(float, "number", least, most)


def _within(kind: type[Number], name: str, least: Number, most: Number) -> Callable[[str], Number]:
    def read(written: str) -> Number:
        found = kind(written)
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"give {least:g} to {most:g}, not {found:g}")
        return found

    read.__name__ = name
    return read


def table(rows: Sequence[Sequence[str]], left: bool = False) -> str:
    """Lay out rows for a terminal, the first column to the left, or all of them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place and not left else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
