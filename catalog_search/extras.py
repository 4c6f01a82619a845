"""Extras: which of the package's brings a library that is not installed."""

from __future__ import annotations

EXTRAS = {
    "drf_spectacular": "api",
    "httpx": "remote",
    "ir_measures": "evaluation",
    "rest_framework": "api",
    "sentence_transformers": "models",
    "tenacity": "remote",
    "torch": "models",
    "transformers": "models",
}


def hinted(error: BaseException) -> str:
    """Return what an error says, with the line that installs what was missing where an extra brings it."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    extra = EXTRAS.get(name)
    return f'{error}: pip install "django-catalog-search[{extra}]"' if extra else str(error)
