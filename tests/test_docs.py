"""The documentation tells what is there: settings, commands and checks, and its snippets run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from catalog_search import checks
from catalog_search.conf import Settings

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(path.read_text() for path in DOCS)


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def settings_table() -> str:
    rows = [f"| `{one.name}` | `{one.default!r}` | {one.why} |" for one in Settings.describe()]
    return "\n".join(["| setting | default | what for |", "|---|---|---|", *rows])


def test_the_readme_lists_every_setting() -> None:
    written = (ROOT / "README.md").read_text().split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]

    assert written == settings_table(), f"README.md should say:\n{settings_table()}"


@pytest.mark.parametrize("command", sorted(name for name, app in get_commands().items() if app == "catalog_search"))
def test_every_command_is_documented(command: str) -> None:
    assert command in TEXT


def test_every_check_is_documented() -> None:
    found = set(re.findall(r"catalog_search\.([EW]\d{3})", Path(checks.__file__).read_text()))

    assert found == set(re.findall(r"`([EW]\d{3})`", (ROOT / "docs" / "indexing.md").read_text()))


def test_every_link_leads_somewhere() -> None:
    for path in DOCS:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_python_snippets_are_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(re.sub(r"^(\s*path\(.*),$", r"\1", block, flags=re.MULTILINE))


@pytest.mark.django_db
def test_the_snippets_about_searching_run(indexed_shop: dict[str, Any], rf: Any, picture_bytes: Any) -> None:
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    names = {
        "Product": Product,
        "ProductIndex": ProductIndex,
        "request": rf.get("/"),
        "photo": picture_bytes("red"),
        "product": indexed_shop["red mug"],
        "other": indexed_shop["red chair"],
        "print": lambda *_: None,
    }
    for block in blocks(ROOT / "docs" / "searching.md", "python"):
        exec(compile(block, "docs/searching.md", "exec"), names)  # noqa: S102 - our own page


def test_nothing_speaks_of_one_machine() -> None:
    home = str(Path.home())

    for path in DOCS:
        assert home not in path.read_text()
