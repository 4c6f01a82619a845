"""The WSGI entry point."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from project import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
services.ensure()
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018  the first visitor does not wait for what they import
gc.freeze()  # what is loaded stays: the collector need not walk it at every search
