"""Picture files of every kind that shops have, made in code."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I", "I;16", "F")
TURN = 0x0112  # the EXIF tag of how a picture is to be turned


def drawing(turned: bool = False) -> Image.Image:
    """A red square on white beside a blue one on top: no two of its sides are alike."""
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 24, 40, 56), "red")
    draw.rectangle((56, 4, 88, 20), "blue")
    return image.transpose(Image.Transpose.ROTATE_90) if turned else image


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """Return the file of an image."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def odd_files() -> dict[str, bytes]:
    """Return files that can be read, by what is odd about them."""
    image = drawing()
    clear = image.convert("RGBA")
    clear.putalpha(image.convert("L").point(lambda value: 255 if value < 250 else 0))
    exif = Image.Exif()
    exif[TURN] = 6
    grey = image.convert("L")
    deep = {"I;16": Image.new("I;16", grey.size, 40_000), "I": grey.convert("I"), "F": grey.convert("F")}
    modes = {mode: deep.get(mode) or image.convert("L" if mode == "PA" else "RGB").convert(mode) for mode in MODES}
    return {
        **{f"mode {mode}": encode(converted, "TIFF") for mode, converted in modes.items()},
        "16-bit PNG": encode(deep["I;16"]),
        "CMYK JPEG": encode(image.convert("CMYK"), "JPEG", quality=95),
        "turned": encode(drawing(turned=True), "JPEG", exif=exif, quality=95),
        "transparent": encode(clear),
        "transparent palette": encode(clear.quantize(16)),
        "animated GIF": encode(image, "GIF", save_all=True, append_images=[drawing(turned=True).resize(image.size)]),
        "animated PNG": encode(image, save_all=True, append_images=[Image.new("RGB", image.size)]),
        "animated WebP": encode(image, "WEBP", save_all=True, append_images=[Image.new("RGB", image.size)]),
        "thin": encode(Image.new("RGB", (900, 2), "green")),
        "one pixel": encode(Image.new("RGB", (1, 1), "green")),
    }
