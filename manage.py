#!/usr/bin/env python
"""Django's command line for the demo project."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from project import services


def main() -> None:
    """Start the embedded services where none are given, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        services.ensure()
    except services.ServiceError as error:
        sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
