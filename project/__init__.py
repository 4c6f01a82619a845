"""The demo project: a small shop around catalog_search."""

from .celery import app as celery_app

__all__ = ["celery_app"]
