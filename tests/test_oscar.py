"""django-oscar, a shop that no one here wrote, with the recipe of docs/integrations.md: read, written, searched.

``OSCAR_PICTURE=docs/images/oscar.jpg`` takes the picture of that page anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from project import services
from project.services import children

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = services.DATA / "oscar"
REQUIREMENTS = HERE / "oscar" / "requirements.txt"
SIGNALS_TELL_OF = {
    "product saved": ["Red beaker"],
    "attribute with its product": ["Red beaker"],
    "several options": ["Red beaker"],
    "category added": ["Red beaker"],
    "category renamed": ["Plain parasol", "Red beaker"],
    "category removed": ["Red beaker"],
    "option renamed": ["Red beaker"],
    "image added": ["Plain parasol"],
    "image deleted": ["Plain parasol"],
    "stock allocated": ["Red beaker"],
    "article number changed": ["Red beaker"],
    "parent renamed": ["Alpine jacket", "Alpine jacket", "Trail jacket, large"],
    "child hidden": ["Alpine jacket", "Trail jacket, large"],
    "hidden": ["Red beaker"],
    "deleted": True,
}

pytestmark = pytest.mark.slow


def install() -> Path:
    """Return the folder with Oscar and what it needs, made where it was not; skips without a package index.

    Not an environment of its own: all the rest, gigabytes of it, is here.
    """
    ready = PACKAGES / "installed"
    if not ready.exists() or ready.read_text() != REQUIREMENTS.read_text():
        shutil.rmtree(PACKAGES, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(PACKAGES)]
        done = subprocess.run([*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"Oscar cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
        ready.write_text(REQUIREMENTS.read_text())
    return PACKAGES


def recipe() -> dict[str, str]:
    """The parts of the recipe for Oscar, by the file that they name in their first line."""
    page = (ROOT / "docs" / "integrations.md").read_text().split("\n## ")[1]
    parts = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", page, re.DOTALL)
    return dict(parts + re.findall(r"```django\n{# (\S+\.html) #}\n(.*?)```", page, re.DOTALL))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop of Oscar's manual, and on top of it what the recipe says."""
    site = tmp_path_factory.mktemp("oscar")
    subprocess.run([sys.executable, "-m", "django", "startproject", "frobshop", str(site)], check=True)
    for name in ("settings.py", "urls.py"):
        shutil.copy(HERE / "oscar" / name, site / "frobshop" / name)
    shutil.copy(HERE / "oscar" / "visit.py", site)
    (site / "shop").mkdir()
    (site / "shop" / "__init__.py").touch()
    for name, text in recipe().items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)
    own = f"""
CATALOG_SEARCH["EMBEDDER"] = {settings.CATALOG_SEARCH["EMBEDDER"]!r}
CELERY_BROKER_URL = {os.environ["CELERY_BROKER_URL"]!r}
CACHES["default"] |= {{"LOCATION": {os.environ["CACHE_URL"]!r}, "KEY_PREFIX": "oscar"}}
CELERY_BEAT_SCHEDULE["search-sweep"]["schedule"] = 1
"""
    with (site / "frobshop" / "settings.py").open("a") as file:
        file.write(own)
    return site


@pytest.fixture(scope="module")
def found(site: Path, empty_database: str) -> dict[str, Any]:
    """What the visit of the shop found, a worker at its side."""
    written = connection.settings_dict
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, (site, install(), ROOT))),
        "PYTHONWARNINGS": "ignore",
        "SHOP_DATABASE": empty_database,
        **{f"SHOP_{name}": str(written[name]) for name in ("USER", "PASSWORD", "HOST", "PORT")},
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=site, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    run("manage.py", "migrate", "-v0")
    log = services.DATA / "logs" / "oscar-worker.log"
    worker = [sys.executable, "-m", "celery", "--workdir", str(site), "-A", "frobshop", "worker", "--beat"]
    worker += ["--schedule", str(site / "beat"), "--pool", "threads", "--concurrency", "2", "--loglevel", "INFO"]
    with children.running(worker, log, env=environment):
        end = time.monotonic() + 60
        while " ready." not in log.read_text():
            assert time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.2)
        visited = json.loads(run("visit.py").partition("FOUND")[2])
        if picture := os.environ.get("OSCAR_PICTURE"):
            run("-m", "tests.oscar.picture", str(Path(picture).resolve()))
        return visited


def test_documents_hold_what_oscar_knows(found: dict[str, Any]) -> None:
    documents = found["documents"]

    assert documents["mug"] == "Red mug\nKitchen\nColour: Red\nA mug."
    assert documents["bare"] == ["Plain parasol\nGifts", "none"]
    assert documents["small"] == ["Trail jacket\nMaterial: wool", "ok"]
    assert documents["parent"] == ["Trail jacket\nClothes", "ok"]


def test_statements_do_not_grow_with_the_products(found: dict[str, Any]) -> None:
    few, many = found["reading"]
    assert few == many <= 15
    few, many = found["showing"]
    assert few == many


def test_products_are_found(found: dict[str, Any]) -> None:
    searches = found["searches"]

    assert searches["sku of a child"] == searches["material of a child"] == ["Trail jacket"]
    assert searches["upc"] == ["Plain parasol"]
    assert "Blue teapot" in searches["photo"]
    assert searches["words"] == ["Red mug"]
    assert "Secret mug" not in searches["secret"]
    assert searches["cheap"] == sorted(f"Red {kind}" for kind in ("mug", "teapot", "armchair", "backpack", "beanie"))
    assert searches["gifts"] == ["Plain parasol"]


def test_facets_count_what_visitors_may_see(found: dict[str, Any]) -> None:
    facets = {name: dict(values) for name, values in found["facets"].items()}

    assert found["total"] == 22
    assert facets["category"] == {"Kitchen": 8, "Clothes": 5, "Bags": 4, "Chairs": 4, "Gifts": 1}
    assert facets["type"] == {"Goods": 22}
    assert facets["colour"] == {"Red": 5, "Blue": 5, "Green": 5, "Yellow": 5}
    assert facets["in_stock"] == {"true": 21, "false": 1}
    assert found["range"] == ["10.00", "90.00"]
    assert found["prices"] == {"Trail jacket": "90.00"}


@pytest.mark.parametrize("write", SIGNALS_TELL_OF)
def test_what_oscar_writes_reaches_the_index(found: dict[str, Any], write: str) -> None:
    told, arrived = found["signals"][write]

    assert told == SIGNALS_TELL_OF[write]
    assert arrived


def test_what_sends_no_signal_is_found_by_comparing(found: dict[str, Any]) -> None:
    unsaid = found["unsaid"]

    assert unsaid["attributes alone"] == unsaid["update"] == []
    assert "2 products differ" in unsaid["compared"]
    assert unsaid["mended"] == [True, True]


def test_triggers_tell_of_it_at_once(found: dict[str, Any]) -> None:
    assert found["triggers"] == {
        "attributes alone": [["Blue mug"], True],
        "update": [["Plain parasol"], True],
        "option updated": [[f"Blue {kind}" for kind in ("armchair", "backpack", "beanie", "mug", "teapot")], True],
        "category linked in bulk": [["Blue mug"], True],
    }


def test_its_pages(found: dict[str, Any]) -> None:
    pages = found["pages"]

    assert {status for status, _ in pages.values()} == {200}
    for name in ("home", "category", "product", "basket", "search", "none", "photo"):
        text = pages[name][1]
        assert text.count('role="search"') == 1
        assert 'class="navbar-toggler"' in text  # Oscar's frame
        assert 'action="/search/"' in text
    assert "Alpine jacket" in pages["search"][1]
    assert "£80.00" in pages["search"][1]  # by Oscar's strategy: the other child is hidden by now
    assert "Blue teapot" in pages["photo"][1]
    assert "21 products" in pages["home"][1]
    assert "Secret mug" not in pages["home"][1]
    assert "Yellow teapot" in pages["category"][1]
    assert "Yellow armchair" not in pages["category"][1]


def test_its_admin(found: dict[str, Any]) -> None:
    pages = found["pages"]

    assert "Trail jacket, large" in pages["admin"][1]
    assert "<img" in pages["admin"][1]
    assert "Secret mug" in pages["admin draft"][1]
    assert "Plain parasol" in pages["admin exact"][1]
