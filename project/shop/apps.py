"""Configuration of the demo shop."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The app configuration of the demo shop."""

    name = "project.shop"
    label = "shop"
    verbose_name = "Shop"
