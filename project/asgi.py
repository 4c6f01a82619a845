"""The ASGI entry point."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from project import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
services.ensure()
application = get_asgi_application()
