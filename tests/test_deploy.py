"""What docs/deploy.md and deploy/ say of production: settings that satisfy the checks, commands that run."""

from __future__ import annotations

import gc
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml
from celery import Celery
from django.conf import settings as django_settings
from redis import Redis

from catalog_search import checks
from catalog_search.checks import workers
from project import services
from project.celery import app
from project.services import children

from .surroundings import database_url, free_port

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "deploy.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DATABASES = (13, 14, 15)
"""Of Redis: neither the demo's nor those of other tests."""


OF_WEB_PROCESSES = ("task_publish_retry_policy", "broker_transport_options")


def command_of(name: str) -> list[str]:
    return shlex.split(SERVICES[name]["command"])


@pytest.fixture
def page_settings() -> dict[str, Any]:
    """The settings of the page, as one settings.py."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n# settings.py\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/deploy.md", "exec"), names)  # noqa: S102 - our own page
    return names


def test_the_settings_satisfy_the_checks(
    page_settings: dict[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CATALOG_SEARCH, settings.CACHES = page_settings["CATALOG_SEARCH"], page_settings["CACHES"]
    for name, value in page_settings.items():
        if name.startswith("CELERY_"):
            monkeypatch.setitem(app.conf, name.removeprefix("CELERY_").lower(), value)

    assert checks.check_settings(None) == []


def test_workers_wait_for_their_broker_as_celery_does(page_settings: dict[str, Any]) -> None:
    (block,) = re.findall(r"```python\n# celery.py\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/deploy.md", "exec"), names)  # noqa: S102 - our own page
    shop, usual = Celery("shop", set_as_current=False), Celery("usual", set_as_current=False)
    shop.conf.update({name: page_settings[f"CELERY_{name.upper()}"] for name in OF_WEB_PROCESSES})
    thresholds = gc.get_threshold()
    try:
        names["take_time"](conf=shop.conf, options={})  # not by the signal, which the demo hears too
        assert gc.get_threshold()[0] > thresholds[0]
    finally:
        gc.set_threshold(*thresholds)

    assert shop.conf.task_publish_retry_policy == usual.conf.task_publish_retry_policy
    assert shop.conf.broker_transport_options == workers.REDELIVERY


def test_beat_runs_every_task_that_wants_it(page_settings: dict[str, Any]) -> None:
    wanted = {name for name, task in app.tasks.items() if "beat every" in (task.__doc__ or "")}

    assert wanted
    assert {entry["task"] for entry in page_settings["CELERY_BEAT_SCHEDULE"].values()} == wanted


def test_the_address_of_the_metrics(rf: Any) -> None:
    (block,) = re.findall(r"```python\n# urls.py\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"urlpatterns": []}
    exec(compile(block, "docs/deploy.md", "exec"), names)  # noqa: S102 - our own page

    assert names["urlpatterns"][0].resolve("metrics/").func is names["metrics"]


def test_the_parts_of_the_compose_file_fit_together() -> None:
    assert {"postgres", "redis", "web", "search-worker", "index-worker", "beat", "models"} <= SERVICES.keys()
    for name, service in SERVICES.items():
        assert ("image" in service) != ("build" in service), name
        for other, condition in service.get("depends_on", {}).items():
            wants = {"service_healthy": "healthcheck", "service_completed_successfully": "command"}
            assert wants[condition["condition"]] in SERVICES[other], name
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in COMPOSE["volumes"], name
        if "build" in service:
            folder = (ROOT / "deploy" / service["build"]["context"]).resolve()
            assert (folder / service["build"]["dockerfile"]).is_file()
    for used in re.findall(r"https?://(\w+):|redis://(\w+):|@(\w+):\d", yaml.dump(SERVICES)):
        assert "".join(used) in {*SERVICES, "localhost"}


def test_the_compose_file_sets_what_the_settings_read() -> None:
    read = (ROOT / "project" / "settings.py").read_text()

    assert all(f'"{name}"' in read for name in SERVICES["web"]["environment"].keys() - {"OMP_NUM_THREADS"})


def test_workers_serve_the_queues_of_the_settings() -> None:
    served = {}
    for name in ("search-worker", "index-worker"):
        command = command_of(name)
        served[name] = command[command.index("--queues") + 1]

    assert served["index-worker"] == django_settings.CATALOG_SEARCH["QUEUE"]
    assert served["search-worker"] == django_settings.CATALOG_SEARCH["MODEL_QUEUE"]
    for line in re.findall(r"^celery .* worker .*--queues (\S+)", PAGE, re.MULTILINE):
        assert line in served.values()


# The commands


MAKE = """
from django.utils import timezone
from project.shop.models import Product

for number, name in enumerate({names!r}):
    Product.objects.create(name=name, reference=name, price=9, stock=1, created=timezone.now())
"""


@pytest.mark.slow
def test_the_commands_of_the_compose_file_make_a_shop_that_searches(empty_database: str, tmp_path: Path) -> None:
    server = os.environ["CELERY_BROKER_URL"].rpartition("/")[0]
    redis = [f"{server}/{number}" for number in DATABASES]
    for address in redis:
        with Redis.from_url(address) as one:
            one.flushdb()
    port = free_port()
    own = {
        "DATABASE_URL": database_url(empty_database),
        **dict(zip(("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CACHE_URL"), redis, strict=True)),
        "SECRET_KEY": "of a test",
        "ALLOWED_HOSTS": "127.0.0.1",
        "MEDIA_ROOT": str(tmp_path),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    written = {name: str(value) for name, value in SERVICES["web"]["environment"].items()}
    environment = {**os.environ, **written, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    replaced = {"0.0.0.0:8000": f"127.0.0.1:{port}", "/tmp/beat": str(tmp_path / "beat")}  # noqa: S108

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]

    def ask(path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/search/{path}", timeout=30) as response:
                return json.load(response)
        except URLError:  # not there yet
            return {}

    def found(path: str, title: str) -> dict[str, Any]:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            answer = ask(path)
            if any(hit["title"] == title for hit in answer.get("hits", ())) and not answer["degraded"]:
                return answer
            time.sleep(0.5)
        raise AssertionError((answer, [log.read_text()[-1500:] for log in logs]))

    run(*command_of("migrate"))
    names = ("web", "search-worker", "index-worker", "beat")
    logs = [services.DATA / "logs" / f"deploy-{name}.log" for name in names]
    with ExitStack() as stack:
        for name, log in zip(names, logs, strict=True):
            command = [replaced.get(word, word) for word in command_of(name)]
            stack.enter_context(children.running(command, log, env=environment))
        run("python", "manage.py", "shell", "-c", MAKE.format(names=["Red mug", "Summer dress"]))
        run("python", "manage.py", "rebuild_search_index", "--verbosity", "0")
        answer = found("product/?q=red+mug", "Red mug")
        assert answer["timings"]["encode"] > 0  # by the search worker: the web process has no model
        assert ask("health/")["status"] in ("ok", "degraded")
        run("python", "manage.py", "shell", "-c", MAKE.format(names=["Blue lamp"]))
        found("product/?q=blue+lamp", "Blue lamp")
        assert "beat: Starting" in logs[3].read_text()
