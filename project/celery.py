"""The Celery application of the demo project."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.app.defaults import DEFAULTS
from celery.app.utils import Settings
from celery.signals import celeryd_init
from django.conf import settings

from project import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# Not at import: importing the settings imports this module too, and starts nothing.
@app.on_configure.connect
def ensure_services(**_: Any) -> None:
    """Have the broker and the database in the environment before a worker reads the settings."""
    services.ensure()


# What settings.py makes fail fast.
IMPATIENT = (
    "redis_retry_on_timeout",
    "redis_socket_connect_timeout",
    "redis_socket_timeout",
    "result_backend_transport_options",
    "task_publish_retry_policy",
)


@celeryd_init.connect
def be_patient(conf: Settings, **_: Any) -> None:
    """Give workers Celery's own patience back: nobody waits for them on a web page."""
    conf.update({name: DEFAULTS[name] for name in IMPATIENT})
    conf.broker_transport_options = settings.REDELIVERY


@celeryd_init.connect
def collect_rarely(**_: Any) -> None:
    """Let garbage be looked for less often: a batch makes a hundred thousand objects, and drops them all at its end."""
    gc.set_threshold(20_000)
