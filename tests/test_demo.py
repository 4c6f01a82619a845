"""The demo: any shop's catalogue loads, and the one command that shows everything does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from catalog_search.indexing import drain
from catalog_search.models import Change, Document
from project.shop.catalogue import CatalogueError, load_catalogue
from project.shop.models import Product
from project.shop.search import ProductIndex

ROOT = Path(__file__).parent.parent
MAGENTO = ROOT.parent / "shared" / "data" / "magento"

ODD = [
    {"id": 1, "name": "Blå kopp", "description": "En kopp för morgonkaffet", "price": 89, "category": "Kök"},
    {"id": 2, "name": "लाल प्याला", "description": None, "price": None, "image": "images/red.jpg"},
    {"id": 3, "name": "Broken picture", "image": "images/broken.jpg", "price": "12.5", "colour_code": "#f00"},
    {"id": 4, "name": "Missing picture", "image": "images/none.jpg", "attributes": {"colours": ["Red", "Blue"]}},
    {"id": "X-5", "name": "Remote picture", "image": "https://example.com/x.jpg", "price": "not a price"},
    {"id": 6, "name": "<b>Bold</b> name", "description": "A &amp; B" * 2000, "parent": "X-5", "attributes": []},
]


@pytest.fixture
def folder(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> Path:
    """A catalogue of odd products."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "red.jpg").write_bytes(picture_bytes("red"))
    (tmp_path / "images" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    lines = [json.dumps(row, ensure_ascii=False) for row in ODD]
    (tmp_path / "catalog.jsonl").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return tmp_path


@pytest.mark.django_db
def test_odd_products_load_and_are_found(folder: Path, build_index: Any) -> None:
    assert load_catalogue(folder) == len(ODD)
    build_index()
    states = dict(Document.objects.values_list("text", "pictures"))

    assert Product.objects.get(reference="2").price is None
    assert Product.objects.get(reference="3").attributes == {"colour_code": "#f00"}
    assert Product.objects.get(reference="6").parent == Product.objects.get(reference="X-5")
    assert ProductIndex.search("kopp").hits[0].object.name == "Blå kopp"
    assert ProductIndex.search("bla kopp").hits[0].object.name == "Blå kopp"
    assert ProductIndex.search("प्याला").hits[0].object.name == "लाल प्याला"
    assert ProductIndex.search("x5").hits[0].object.name == "Remote picture"
    failed = {text.split("\n")[0] for text, state in states.items() if state == "failed"}
    assert failed == {"Broken picture", "Missing picture"}


@pytest.mark.django_db
def test_loading_the_same_again_changes_nothing(folder: Path, build_index: Any) -> None:
    load_catalogue(folder)
    build_index()
    load_catalogue(folder)

    assert not Change.objects.filter(set_aside=False).exists()


@pytest.mark.django_db
def test_loading_a_changed_catalogue_updates_it(folder: Path, build_index: Any) -> None:
    load_catalogue(folder)
    build_index()
    lines = [json.dumps(row | {"name": f"New {row['name']}"}) for row in ODD]
    (folder / "catalog.jsonl").write_text("\n".join(lines))
    load_catalogue(folder)
    drain()

    assert Document.objects.filter(text__startswith="New").count() == len(ODD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("line", "message"), [("{", "line 2: not JSON"), ("[]", "needs an id and a name"), ('{"id": 1}', "needs an id")]
)
def test_what_is_no_catalogue_is_refused_by_line(folder: Path, line: str, message: str) -> None:
    (folder / "catalog.jsonl").write_text('{"id": 1, "name": "a"}\n' + line)

    with pytest.raises(CatalogueError, match=message):
        load_catalogue(folder)


@pytest.mark.django_db
def test_pictures_outside_the_folder_are_refused(folder: Path) -> None:
    (folder / "catalog.jsonl").write_text('{"id": 1, "name": "a", "image": "../../etc/passwd"}')

    with pytest.raises(CatalogueError, match="outside"):
        load_catalogue(folder)


@pytest.fixture
def own_database() -> Iterator[dict[str, str]]:
    """The environment of a demo beside everything else."""
    address, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"demo_test_{os.getpid()}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as administration:
        administration.execute(f"CREATE DATABASE {name}")
        yield os.environ | {"DATABASE_URL": f"{address}/{name}", "SEARCH_QUEUE": name, "PYTHONUNBUFFERED": "1"}
        administration.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        **options,
    )


@pytest.mark.slow
def test_check_of_the_drawn_shop() -> None:
    outcome = manage("demo", "--check")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "found what they should" in outcome.stdout


@pytest.mark.slow
@pytest.mark.skipif(not MAGENTO.is_dir(), reason="the Magento catalogue is not beside the checkout")
def test_check_of_a_real_catalogue() -> None:
    outcome = manage("demo", "--check", "--catalog", str(MAGENTO))

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.slow
def test_check_fails_where_a_search_does(tmp_path: Path) -> None:
    (tmp_path / "catalog.jsonl").write_text("")

    assert manage("demo", "--check", "--catalog", str(tmp_path)).returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_demo_serves_and_leaves_nothing(
    folder: Path, own_database: dict[str, str], end: signal.Signals, tmp_path: Path
) -> None:
    port = "8765"
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--catalog", str(folder), "--port", port]
    for start in range(2):
        log = tmp_path / f"demo-{start}.log"
        with log.open("wb") as output:
            demo = subprocess.Popen(command, env=own_database, stdout=output, stderr=output, start_new_session=True)
        try:
            page = _fetch(f"http://localhost:{port}/search/?q=kopp", demo)
            assert "Blå kopp" in page
            assert ("6 new products" in log.read_text()) == (start == 0)
            children = _descendants(demo.pid)
            assert len(children) >= 2
        finally:
            demo.send_signal(end)
            demo.wait(30)
        assert _gone(children)
    shutil.rmtree(tmp_path, ignore_errors=True)


def _fetch(url: str, process: subprocess.Popen[bytes], seconds: float = 180) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - only ever localhost
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{url} was not served.")


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found |= {child} | _descendants(child)
    return found


def _gone(pids: set[int], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False
