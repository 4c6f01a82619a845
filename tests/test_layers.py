"""Imports go one way: pure values below, wiring on top."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "catalog_search"

LAYERS = [
    {
        "exceptions",
        "extras",
        "bisection",
        "breaker",
        "conf",
        "contexts",
        "languages",
        "moments",
        "patterns",
        "visitors",
        "images",
        "fetching",
        "content",
        "digests",
        "fusion",
        "quantization",
        "paths",
    },
    {"fields", "boosts", "facets", "registry", "indexes", "conditions", "backends", "embedding"},
    {"models", "routers", "sql"},
    {"indexing", "searching"},
    {
        "tasks",
        "warming",
        "signals",
        "forms",
        "checks",
        "evaluation",
        "measuring",
        "tuning",
        "querylog",
        "health",
        "metrics",
        "comparison",
        "merchandising",
        "wording",
        "suggesting",
    },
    {
        "views",
        "endpoints",
        "urls",
        "navigation",
        "chips",
        "panels",
        "throttling",
        "admin",
        "api",
        "management",
        "templatetags",
    },
    {"apps"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# The one upward step: SearchIndex.search() needs what is built on top of it.
ALLOWED = {("indexes", "searching")}
# Wiring calls into what it wires; declarations are all that the package itself shows.
UNLAYERED = {"__init__", "migrations"}


def imports(path: Path) -> set[str]:
    """Return the top-level modules of the package that a file imports, those only for type checkers left out."""
    tree = ast.parse(path.read_text())
    guarded = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    found = set()
    for node in ast.walk(tree):
        if node in guarded or not isinstance(node, ast.ImportFrom | ast.Import):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = list(parts[: len(parts) - node.level]) if node.level else []
            module = node.module.split(".") if node.module else []
            root = ["catalog_search"] if node.level else []
            names = [".".join([*root, *base, *module, alias.name]) for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("catalog_search.")}
    return found


def modules() -> list[tuple[str, Path]]:
    """Return every file of the package with the layer name it belongs to."""
    files = [path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts]
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in files]


def test_every_module_has_a_layer() -> None:
    names = {name for name, _ in modules()} - UNLAYERED

    assert names <= LEVEL.keys()


def test_imports_go_down_only() -> None:
    upward = [
        f"{path.relative_to(PACKAGE)} imports {target}"
        for name, path in modules()
        if name not in UNLAYERED
        for target in imports(path)
        if target in LEVEL and target != name and LEVEL[target] > LEVEL[name] and (name, target) not in ALLOWED
    ]

    assert upward == []


def test_the_architecture_page_shows_these_layers() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    rows = page.partition("| layer | modules |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()

    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == LAYERS


def test_the_architecture_page_names_files_that_exist() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    files = {path.name for _, path in modules()}

    assert set(re.findall(r"`(?!tests/)(?:\w+/)*(\w+\.py)`", page)) <= files


def test_the_two_sides_do_not_know_each_other() -> None:
    for name, path in modules():
        if name in ("indexing", "searching"):
            assert not {"indexing", "searching"} - {name} & imports(path), path


def test_modules_are_small_enough_to_be_one_idea() -> None:
    long = [str(path) for _, path in modules() if len(path.read_text().splitlines()) > 300]

    assert long == []
