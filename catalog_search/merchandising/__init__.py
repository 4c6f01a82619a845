"""Merchandising: rules that pin, hide, boost, bury, filter, replace, redirect and show banners, by row and by date."""

from . import history
from .history import editing, restore
from .steps import apply_rules, arrange_rules, narrowed, steps_with

__all__ = ["apply_rules", "arrange_rules", "editing", "history", "narrowed", "restore", "steps_with"]
