"""Wiring only: find the declarations, connect their signals, register the checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CatalogSearchConfig(AppConfig):
    """The app configuration of catalog_search."""

    name = "catalog_search"
    verbose_name = _("Catalogue search")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, merchandising, signals, warming  # models are not importable any earlier
        from .indexing import triggers
        from .registry import registry
        from .wording import synonyms

        checks.connect()
        warming.connect()
        merchandising.history.connect()
        synonyms.connect()
        autodiscover_modules("search")
        for index in registry:
            signals.connect(index)
        post_migrate.connect(triggers.renew, sender=self, dispatch_uid="catalog_search.triggers")
