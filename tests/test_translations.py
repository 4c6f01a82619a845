"""Translations: the storefront speaks German, and no text of the package is missed."""

from __future__ import annotations

import os
import shutil
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

PACKAGE = Path(__file__).parent.parent / "catalog_search"
LANGUAGES = sorted(path.name for path in (PACKAGE / "locale").iterdir())


def texts(path: Path) -> dict[Any, str]:
    """What a compiled catalogue holds, by its original; plural forms under their number."""
    with path.open("rb") as file:
        return {key: text for key, text in GNUTranslations(file)._catalog.items() if key}  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missed(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("xgettext"):
        if os.environ.get("CI"):
            pytest.fail("CI has no xgettext; .ci/run installs it.")
        pytest.skip("There is no xgettext here: apt-get install gettext")
    copy = tmp_path / "catalog_search"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    monkeypatch.chdir(copy)
    call_command("makemessages", locale=[language], no_obsolete=True, no_location=True, no_wrap=True, verbosity=0)
    messages = copy / "locale" / language / "LC_MESSAGES"
    # Without a translation, xgettext leaves an empty text; without a sure one, it marks it.
    written = (messages / "django.po").read_text()
    blocks = [block for block in written.split("\n\n")[1:] if "msgid" in block]
    missing = [block for block in blocks if "#, fuzzy" in block or block.rstrip().endswith('msgstr ""')]
    missing += [block for block in blocks if 'msgstr[0] ""' in block]

    assert missing == [], f"Translate these in catalog_search/locale/{language}, then run compilemessages."


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("msgfmt"):
        pytest.skip("There is no msgfmt here: apt-get install gettext")
    messages = PACKAGE / "locale" / language / "LC_MESSAGES"
    shutil.copytree(PACKAGE / "locale", tmp_path / "locale", ignore=shutil.ignore_patterns("*.mo"))
    monkeypatch.chdir(tmp_path)
    call_command("compilemessages", locale=[language], verbosity=0)
    compiled = tmp_path / "locale" / language / "LC_MESSAGES" / "django.mo"

    assert texts(compiled) == texts(messages / "django.mo")


@pytest.mark.django_db
def test_the_storefront_in_german(client: Client, indexed_shop: Any) -> None:
    html = client.get("/search/", {"q": "mug", "price_max": "20,5"}, headers={"Accept-Language": "de"}).text

    for words in ("Ergebnisse für „mug“", "Filter anwenden", "Sortieren nach", "bis 20,5", "Mit einem Bild suchen"):
        assert words in html
