"""The curl lines and the JavaScript of docs/api.md, against a live server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.shop.models import Product

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).replace("\\\n", "")
LINES = [line for line in SHELL.splitlines() if line.startswith("curl ")]


@pytest.mark.skipif(not shutil.which("curl"), reason="There is no curl here.")
def test_the_curl_lines_run(
    shop: dict[str, Product], live_server: Any, tmp_path: Path, picture_bytes: Callable[..., bytes]
) -> None:
    (tmp_path / "mug.jpg").write_bytes(picture_bytes("blue"))
    key = str(shop["Red mug"].pk)
    for line in LINES:
        own = (
            line.replace("http://localhost:8000", live_server.url).replace("=7&", f"={key}&").replace("/7/", f"/{key}/")
        )
        told = subprocess.run(
            [*shlex.split(own), "--silent", "--write-out", "\n%{http_code}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        ).stdout
        body, _, code = told.rpartition("\n")
        assert code == ("204" if "events" in line else "200"), told
        if "/search/product/?" in line or "multi/" in line:
            answer = json.loads(body)
            assert all(one["total"] for one in answer.get("results", [answer])), line
    assert len(LINES) == 12


def test_the_javascript_runs(visit: Callable[..., Any], logbook: Any) -> None:
    (snippet,) = re.findall(r"```js\n(.*?)```", TEXT, re.DOTALL)
    page = visit("/")

    with page.expect_response("**/api/search/events/") as noted:
        found = page.evaluate(f"async () => {{ {snippet}; return found }}")
    assert found["hits"][0]["title"] == "Red mug"
    assert noted.value.status == 204
