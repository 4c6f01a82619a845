"""Extras: a library that is not installed is told with the line that installs it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from catalog_search.extras import EXTRAS, hinted

ROOT = Path(__file__).parent.parent
LOCAL = "catalog_search.backends.local.SentenceTransformerEmbedder"
REMOTE = "catalog_search.backends.remote.RemoteEmbedder"
ASKED = """
import sys
from importlib import import_module

sys.modules.update(dict.fromkeys(sys.argv[1].split(","), None))  # as if they were not installed

import django
from django.conf import settings

backend = {"BACKEND": sys.argv[2], "OPTIONS": {"model": "any", "server": {"url": "http://localhost:1"}}}
if sys.argv[2].endswith("SentenceTransformerEmbedder"):
    del backend["OPTIONS"]["server"]
apps = ["django.contrib.contenttypes", "catalog_search"]
settings.configure(INSTALLED_APPS=apps, CATALOG_SEARCH={"EMBEDDER": backend})
django.setup()
from catalog_search import backends, evaluation

try:
    exec(sys.argv[3])
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "backend", "asked", "extra"),
    [
        ("sentence_transformers", LOCAL, "backends.get_embedder()", "models"),
        ("torch,transformers", LOCAL, "backends.get_embedder()", "models"),
        ("httpx", REMOTE, "backends.get_embedder()", "remote"),
        ("tenacity", REMOTE, "backends.get_embedder()", "remote"),
        ("ir_measures", LOCAL, "evaluation._scores({}, {})", "evaluation"),
        ("rest_framework", LOCAL, "import_module('catalog_search.api.urls')", "api"),
        ("drf_spectacular", LOCAL, "import_module('catalog_search.api.urls')", "api"),
    ],
)
def test_what_is_missing_is_told_with_the_remedy(missing: str, backend: str, asked: str, extra: str) -> None:
    command = [sys.executable, "-c", ASKED, missing, backend, asked]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    assert f'pip install "django-catalog-search[{extra}]"' in found.stdout


def test_they_are_the_packages_own() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert set(EXTRAS.values()) <= declared.keys()
    assert hinted(ValueError("No luck")) == "No luck"
    assert hinted(ImportError("No module named 'shop'", name="shop")) == "No module named 'shop'"
