"""Settings: read when asked for, each with a default that its own check accepts."""

from __future__ import annotations

from typing import Any

import pytest

from catalog_search.conf import Settings, settings
from catalog_search.exceptions import CatalogSearchError, ImageError


def test_defaults_and_what_a_project_writes(settings: Any) -> None:
    from catalog_search.conf import settings as ours

    settings.CATALOG_SEARCH = {"PAGE_SIZE": 7}

    assert ours.PAGE_SIZE == 7
    assert ours.BATCH_SIZE == 32
    del settings.CATALOG_SEARCH
    assert ours.PAGE_SIZE == 24


@pytest.mark.parametrize("setting", list(Settings.describe()), ids=lambda setting: setting.name)
def test_every_setting_explains_itself_and_accepts_its_default(setting: Any) -> None:
    assert setting.why
    assert setting.problem(setting.default) is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PAGE_SIZE", "24", "must be int, not str"),
        ("PAGE_SIZE", True, "must be int, not bool"),
        ("PAGE_SIZE", 0, "must be at least 1, not 0"),
        ("CUTOFF", 2, None),
        ("RERANKER", None, None),
        ("RERANKER", "name", "must be dict, not str"),
        ("IMAGE_FORMATS", ["PNG"], None),
        ("INDEXING", 1, "must be bool, not int"),
    ],
)
def test_problems(name: str, value: Any, problem: str | None) -> None:
    setting = next(one for one in Settings.describe() if one.name == name)

    assert setting.problem(value) == problem


def test_the_docstring_of_an_exception_is_its_message() -> None:
    assert str(CatalogSearchError()) == "Something in catalog_search went wrong."
    assert str(ImageError("No.")) == "No."
    assert isinstance(settings, Settings)
