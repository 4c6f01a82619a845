"""Settings of the programs that a benchmark starts: the project's, with the search settings of the benchmark."""

from __future__ import annotations

import json
import os

from project.settings import *  # noqa: F403

CATALOG_SEARCH = json.loads(os.environ["BENCHMARK_SEARCH"])
ROOT_URLCONF = os.environ.get("BENCHMARK_URLS", "project.urls")
# Who is throttled measures the throttle.
REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"catalog_search": None}}
