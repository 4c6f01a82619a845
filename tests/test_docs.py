"""The documentation tells what is there: settings, commands and checks, and its snippets run."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import unittest
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands
from django.template import Context, Template
from django.test import Client

from catalog_search import checks
from catalog_search.backends.presets import PRESETS, Preset
from catalog_search.checks import lookups
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
    sources = "\n".join(path.read_text() for path in (ROOT / "catalog_search").rglob("*.py"))
    found = set(re.findall(r"catalog_search\.([EW]\d{3})", sources))

    assert found == set(re.findall(r"`([EW]\d{3})`", (ROOT / "docs" / "indexing.md").read_text()))


def test_every_link_leads_somewhere() -> None:
    for path in DOCS:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_picture_is_shown() -> None:
    shown = set(re.findall(r"images/([\w-]+\.(?:jpg|png))\)", TEXT))

    assert {path.name for path in (ROOT / "docs" / "images").iterdir()} == shown


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_python_snippets_are_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)


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
    made = unittest.defaultTestLoader.loadTestsFromTestCase(names["SearchTests"])  # type: ignore[arg-type]
    made.run(found := unittest.TestResult())
    assert (found.testsRun, found.errors, found.failures) == (1, [], [])


@pytest.mark.django_db
def test_the_snippets_about_facets_run(indexed_shop: dict[str, Any]) -> None:
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    names: dict[str, Any] = {"print": lambda *_: None}
    first, *others = blocks(ROOT / "docs" / "facets.md", "python")
    exec(compile(first, "docs/facets.md", "exec"), names)  # noqa: S102 - our own page
    assert list(lookups.check_index(names["ProductIndex"](Product))) == []
    names["ProductIndex"] = ProductIndex
    for block in others:
        exec(compile(block, "docs/facets.md", "exec"), names)  # noqa: S102 - our own page


LISTS = {"view_change", "view_document", "change_judgement", "view_rule", "view_synonym"}
"""Permissions of Django's own lists and forms, which need no word."""


@pytest.mark.django_db
def test_the_snippets_about_the_admin_run(indexed_shop: dict[str, Any]) -> None:
    from django.contrib.admin import site
    from django.contrib.auth.models import Group

    from project.shop.models import Product
    from project.shop.search import ProductIndex

    names: dict[str, Any] = {"ProductIndex": ProductIndex}
    for block in blocks(ROOT / "docs" / "admin.md", "python"):
        exec(compile(block, "docs/admin.md", "exec"), names)  # noqa: S102 - our own page

    for group in Group.objects.all():
        # Each name is one that there is.
        kept = set(group.permissions.values_list("codename", flat=True))
        assert kept == set(names["duties"][group.name])
        assert all(f"`{name}`" in (ROOT / "docs" / "admin.md").read_text() for name in kept - LISTS)
    assert Group.objects.count() == 2
    assert names["ProductAdmin"](Product, site).check() == []
    assert names["results"].hits
    for model, pages in names["office"]._registry.items():
        assert pages.get_urls()[0].callback.__name__ == site._registry[model].get_urls()[0].callback.__name__
    assert len(names["office"]._registry) > 8


@pytest.mark.django_db
def test_the_snippets_about_words_run(indexed_shop: dict[str, Any]) -> None:
    from project.shop.search import ProductIndex

    names = {"ProductIndex": ProductIndex, "print": lambda *_: None}
    for block in blocks(ROOT / "docs" / "words.md", "python"):
        exec(compile(block, "docs/words.md", "exec"), names)  # noqa: S102 - our own page


def models_page() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "models.md", "python"):
        exec(compile(block, "docs/models.md", "exec"), names)  # noqa: S102 - our own page
    return names


def test_the_snippets_about_models_are_settings_that_work(settings: Any) -> None:
    from sentence_transformers import SentenceTransformer  # takes seconds

    names = models_page()
    embedders = [one for one in names.values() if isinstance(one, dict) and "BACKEND" in one]
    for search in [names["CATALOG_SEARCH"], *({"EMBEDDER": one} for one in embedders)]:
        settings.CATALOG_SEARCH = search
        assert [one for one in checks.check_settings(None) if "CATALOG_SEARCH" in one.msg] == []
        assert checks.check_models(None) == []
        for setting, configuration in search.items():
            backend = checks.backend_class(configuration, checks.BACKENDS[setting], setting)
            known = inspect.signature(backend).parameters.keys() | inspect.signature(SentenceTransformer).parameters
            assert configuration["OPTIONS"].keys() <= known
    assert len(embedders) == 2


COLUMNS = 8
"""Of the tables of families in docs/models.md."""


@pytest.mark.parametrize("known", PRESETS, ids=lambda known: known.pattern)
def test_every_family_has_its_row(known: Preset) -> None:
    """The page says of each family what the preset says."""
    rows = [
        row
        for row in (ROOT / "docs" / "models.md").read_text().splitlines()
        for name in re.findall("`(.+?)`", row.lower().split("|")[1] if row.count("|") == COLUMNS + 1 else "")
        if fnmatchcase(name, known.pattern) or fnmatchcase(known.pattern, name)
    ]

    assert rows, known.pattern
    assert any(str(known.dimensions or "") in row for row in rows)
    together = "together" if known.fuses else "apart" if len(known.modalities) > 1 else "text only"
    assert known.kind == "reranker" or any(together in row for row in rows)
    assert any(known.languages in row for row in rows)
    assert all(("not for commercial use" in row) == bool(known.restriction) for row in rows)
    assert all(("trust_remote_code" in row) == known.remote_code for row in rows)
    assert all(("torchvision" in row) == known.torchvision for row in rows)
    assert not known.gpu_gigabytes or any(f"{known.gpu_gigabytes} GB" in row for row in rows)


def test_the_settings_about_serving_are_valid(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog_search import backends

    monkeypatch.setenv("MODEL_KEY", "secret")
    shown = [block for block in blocks(ROOT / "docs" / "serving.md", "python") if "EMBEDDER" in block]
    for block in shown:
        names: dict[str, Any] = {}
        exec(compile(block, "docs/serving.md", "exec"), names)  # noqa: S102 - our own page
        settings.CATALOG_SEARCH = names["CATALOG_SEARCH"]
        assert [one for one in checks.check_settings(None) if one.is_serious()] == []
        if "remote" in block:
            assert backends.get_embedder().modalities >= {"text"}
            assert backends.get_reranker() is not None

    assert len(shown) == 4


@pytest.mark.django_db
def test_the_snippets_about_indexing_run(indexed_shop: dict[str, Any], settings: Any) -> None:
    from django.test.utils import override_settings

    from catalog_search.models import Change
    from project.celery import app

    written = dict(settings.CATALOG_SEARCH)
    for block in blocks(ROOT / "docs" / "indexing.md", "python"):
        names: dict[str, Any] = {}
        exec(compile(block, "docs/indexing.md", "exec"), names)  # noqa: S102 - our own page
        with override_settings(CATALOG_SEARCH=written | names.get("CATALOG_SEARCH", {})):
            assert [one for one in checks.check_settings(None) if one.is_serious()] == []
        for entry in names.get("CELERY_BEAT_SCHEDULE", {}).values():
            assert entry["task"] in app.tasks
    # The last of them says what was done past the signals: one product has no stock.
    assert Change.objects.get().object_key == str(indexed_shop["photo mug"].pk)


@pytest.mark.django_db
def test_the_snippet_that_counts_statements_runs(
    indexed_shop: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = blocks(ROOT / "docs" / "integrations.md", "python")
    counting = next(block for block in shown if "CaptureQueriesContext" in block)
    exec(compile(counting, "docs/integrations.md", "exec"), {})  # noqa: S102 - our own page

    few, many = re.findall(r"products: (\d+) statements", capsys.readouterr().out)
    assert few == many


def test_nothing_speaks_of_one_machine() -> None:
    home = str(Path.home())

    for path in DOCS:
        assert home not in path.read_text()


def shell_commands(path: Path) -> list[list[str]]:
    lines = [line for block in blocks(path, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("python manage.py")]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["merchandising.md", "switching.md"])
def test_the_snippets_about_rules_run(page: str, indexed_shop: dict[str, Any]) -> None:
    from project.shop.models import Product
    from project.shop.search import ProductIndex

    product = indexed_shop["blue mug"]
    names = {"Product": Product, "ProductIndex": ProductIndex, "product": product, "print": lambda *_: None}
    for block in blocks(ROOT / "docs" / page, "python"):
        exec(compile(block, f"docs/{page}", "exec"), names)  # noqa: S102 - our own page
    if page == "merchandising.md":
        assert names["rule"].actions.count() == 3
        assert ProductIndex.search("cup").hits[0].object == product


@pytest.mark.django_db
def test_the_commands_about_rules_run(
    indexed_shop: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog_search.models import Rule

    page = ROOT / "docs" / "merchandising.md"
    (table,) = blocks(page, "csv")
    export = '[{"objectID": "a", "consequence": {"hide": [{"objectID": "CH-77"}]}}]'
    files = {
        "rules.csv": table.replace("MUG-1001", str(indexed_shop["red mug"].pk)),
        "queries.txt": "red mug\t30\nchair\n",
        "judged.csv": "query,product,grade\nred mug,MUG-1001,3\n",
        "after.json": '{"rerank": false}',
        "algolia-rules.json": export,
        "typesense-overrides.json": '[{"id": "b", "rule": {"query": "mug"}, "excludes": [{"id": "CH-77"}]}]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for command in [*shell_commands(page), *shell_commands(ROOT / "docs" / "switching.md")]:
        if command[0] == "export_search_rules":
            command[1] = "exported.csv"
        call_command(*command, stdout=StringIO(), verbosity=0)

    assert {"Mug week", "Acme first", "b"} <= set(Rule.objects.values_list("name", flat=True))
    assert Rule.objects.get(name="Mug week").actions.count() == 2


STOREFRONT = ROOT / "docs" / "storefront.md"


@pytest.mark.django_db
def test_the_snippets_about_the_storefront_run(
    indexed_shop: dict[str, Any], client: Client, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from project.shop.search import ProductIndex

    jinja, marked = blocks(STOREFRONT, "python")
    names: dict[str, Any] = {}
    exec(compile(jinja, "docs/storefront.md", "exec"), names)  # noqa: S102 - our own page
    box = names["environment"](autoescape=True).from_string("{{ search_box() }}")
    assert '<form class="cs-box"' in box.render(request=None)
    exec(compile(marked, "docs/storefront.md", "exec"), {"ProductIndex": ProductIndex})  # noqa: S102 - our own page
    assert "<mark>mug</mark>" in capsys.readouterr().out
    box, card, similar = blocks(STOREFRONT, "django")
    assert 'role="search"' in Template(box).render(Context())
    row = Template(similar).render(Context({"product": indexed_shop["red mug"]}))
    assert 'class="cs-strip"' in row
    assert "?like=" in row
    (tmp_path / "catalog_search").mkdir()
    (tmp_path / "catalog_search" / "hit.html").write_text(card)
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path, *engine["DIRS"]]}]
    indexed_shop["red mug"].__class__.objects.update(stock=0)
    page = client.get("/search/", {"q": "red mug"}).text
    assert "<p>€" in page
    assert "Sold out" in page


def test_every_block_of_a_template_is_told() -> None:
    templates = ROOT / "catalog_search" / "templates" / "catalog_search"
    rows = re.findall(r"^\| `catalog_search/(\w+\.html)` \| [^|]* \| ([^|]+) \|$", STOREFRONT.read_text(), re.MULTILINE)
    written = {name: set(re.findall(r"{% block (\w+) %}", (templates / name).read_text())) for name, _ in rows}
    written["search.html"] -= written["base.html"]  # those of its frame are told with the frame

    assert {name: set(re.findall(r"`(\w+)`", blocks_)) for name, blocks_ in rows} == written
    assert {"base.html", "search.html", "hit.html", "similar.html"} == written.keys()


def test_the_variables_of_the_style_sheet_are_told_as_they_are() -> None:
    (css,) = blocks(STOREFRONT, "css")
    sheet = (ROOT / "catalog_search" / "static" / "catalog_search" / "search.css").read_text()

    for variable in re.findall(r"--cs-[a-z-]+", css):
        assert f"var({variable})" in sheet, variable


@pytest.mark.django_db
def test_the_snippets_about_relevance_run(
    indexed_shop: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    page = ROOT / "docs" / "relevance.md"
    (table,) = blocks(page, "csv")
    (weights,) = blocks(page, "python")
    for written, name in {"MUG-17": "red mug", "MUG-18": "blue mug", "LAMP-2": "red chair"}.items():
        table = table.replace(written, indexed_shop[name].sku)
    (tmp_path / "judgements.csv").write_text(table)
    monkeypatch.chdir(tmp_path)
    for command in shell_commands(page):
        call_command(*command, stdout=StringIO(), verbosity=0)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    names: dict[str, Any] = {}
    exec(compile(weights, "docs/relevance.md", "exec"), names)  # noqa: S102 - our own page
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | names["CATALOG_SEARCH"]
    assert checks.check_settings(None) == []


@pytest.mark.django_db
def test_the_readmes_answer_of_the_api_has_its_fields(indexed_shop: dict[str, Any], client: Client) -> None:
    (shown,) = blocks(ROOT / "README.md", "console")
    (address,) = re.findall(r"curl 'http://localhost:8000([^']+)'", shown)
    answer = client.get(address).content.decode()

    for field in re.findall(r'"(\w+)": ', shown):
        assert f'"{field}":' in answer, field
