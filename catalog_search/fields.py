"""Form fields of what is looked for beside words: a picture, products to resemble, weighted words."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .exceptions import ImageError
from .images import Picture, read_picture

MAX_LIKED = 20
MAX_TERMS = 8
MAX_WEIGHT = 10


class PictureField(forms.FileField):
    """An uploaded picture, opened within the limits of the settings; cleans to a Picture."""

    def clean(self, data: Any, initial: Any = None) -> Picture | None:
        if not data:
            return None
        if not hasattr(data, "read"):
            raise ValidationError(_("Send the picture as a file."), code="invalid")
        try:
            return read_picture(data)
        except ImageError as error:
            raise ValidationError(str(error), code="invalid_image") from error


class SeveralField(forms.CharField):
    """A text that may be given several times; cleans to a list."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[Any]:
        parts = value if isinstance(value, list | tuple) else [value or ""]
        return [super(SeveralField, self).clean(part) for part in parts]


class KeysField(SeveralField):
    """Keys of products, separated by commas or given several times; cleans to a list of them, each once.

    One that holds a comma stands in double quotes, as in CSV: see ``write_keys``.
    """

    key: Any = None
    """The primary key that they are of; the form tells it."""

    def clean(self, value: Any) -> list[Any]:
        try:
            written = [
                key for part in super().clean(value) for row in csv.reader([part], skipinitialspace=True) for key in row
            ]
        except csv.Error as error:
            raise ValidationError(_("Separate keys by commas."), code="invalid") from error
        keys = dict.fromkeys(filter(None, map(str.strip, written)))
        if len(keys) > MAX_LIKED:
            raise ValidationError(_("Give at most %(limit)d products to resemble."), params={"limit": MAX_LIKED})
        return [self.key.to_python(key) for key in keys]


def write_keys(keys: Iterable[Any]) -> str:
    """Return keys of products as a KeysField reads them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(keys)
    return line.getvalue()


class TermsField(SeveralField):
    """Weighted words, given once or several times: "summer dress", "floral^-0.5"; cleans to (words, weight) pairs."""

    def clean(self, value: Any) -> list[tuple[str, float]]:
        terms = [self._pair(part) for part in super().clean(value) if part.strip()]
        if len(terms) > MAX_TERMS:  # each is a call of the model
            raise ValidationError(_("Give at most %(limit)d weighted terms."), params={"limit": MAX_TERMS})
        return terms

    def _pair(self, term: str) -> tuple[str, float]:
        words, caret, written = term.rpartition("^")
        try:
            weight = float(written) if caret else 1.0
        except ValueError:
            weight = math.nan
        if not (0 < abs(weight) <= MAX_WEIGHT) or not (words if caret else written).strip():
            raise ValidationError(
                _("Write a term as words^weight, the weight between -%(limit)d and %(limit)d: floral^-0.5."),
                code="invalid",
                params={"limit": MAX_WEIGHT},
            )
        return (words if caret else written).strip(), weight
