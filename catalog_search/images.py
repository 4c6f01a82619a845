"""Pictures, opened by us and within limits: what comes out is a small upright RGB JPEG, whatever went in."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO

from django.core.files.storage import Storage, storages
from django.utils.translation import gettext as _
from PIL import ExifTags, Image

from .conf import settings
from .digests import digest_of
from .exceptions import ImageError, message_of

logger = logging.getLogger(__name__)

JPEG_QUALITY = 90
# Of the longer edge to the shorter: Qwen's processors refuse pictures from 200 on.
MAX_RATIO = 100
# A decoder goes over all pixels for each scan of a progressive JPEG, of which an empty one takes a few bytes: so many
# of a small file cost hours. Encoders make about ten; libtiff draws the line here as well.
MAX_SCANS = 100
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
# Of a TIFF, whose pieces are read one by one; many may be the same few bytes of a small file, a row of pixels each.
MAX_PIECES = 20_000
# What files of the HEIF family call themselves.
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Modes that Pillow shrinks well as they are; palettes, deep greys and what is transparent are converted first.
_SHRINKABLE = ("RGB", "L", "CMYK", "YCbCr")
# Pixels of an edge of what is converted at once, where that is more than the decoder's own copy of a picture.
TILE = 1024
# What EXIF's orientations other than 1, upright, ask for.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A picture that is safe to show and to hand to a model.

    ``jpeg`` holds an upright RGB JPEG, its longest edge at most ``IMAGE_SIZE`` pixels.
    """

    jpeg: bytes

    @cached_property
    def digest(self) -> str:
        """Hexadecimal digest of the pixels as stored."""
        return digest_of(self.jpeg)

    def open(self) -> Image.Image:
        """Decode into a fresh RGB image. Raises ImageError where the bytes, kept somewhere, were damaged."""
        try:
            image = Image.open(io.BytesIO(self.jpeg), formats=["JPEG"])
            image.load()
        except Exception as error:  # see read_picture
            raise ImageError(_("The picture's thumbnail is damaged: %s") % error) from error
        return image


def read_picture(source: bytes | IO[bytes]) -> Picture:
    """Open a picture file within the limits of the settings.

    The first frame of an animation counts; transparency is laid on white, EXIF rotation applied.
    Raises ImageError, with the reason in words for a visitor, on anything that is not such a picture.
    """
    limit = settings.IMAGE_MAX_BYTES
    data = source if isinstance(source, bytes) else _read(source, limit + 1)
    if not data:
        raise ImageError(_("The picture file is empty."))
    if len(data) > limit:
        raise ImageError(_("The picture file is larger than %(size)s MB.") % {"size": f"{limit / 1e6:g}"})
    if len(_SCAN.findall(data)) > MAX_SCANS:
        raise ImageError(_too_long())
    try:
        with warnings.catch_warnings():
            # Our own pixel limit decides; Pillow's warning would only repeat it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_formats(data)) as image:
                return Picture(_encode(_normalise(image)))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(_too_many_pixels()) from error
    except Exception as error:  # Pillow's decoders raise many kinds on broken files
        raise ImageError(
            _("This is not a picture that can be read; give one of: %s.") % ", ".join(settings.IMAGE_FORMATS)
        ) from error


def _read(source: IO[bytes], most: int) -> bytes:
    """Read a file, but not more than so many bytes: one that comes over a network may give fewer than asked for."""
    data = bytearray()
    while len(data) < most and (piece := source.read(most - len(data))):
        data += piece
    return bytes(data)


def _formats(data: bytes) -> list[str]:
    """Return the formats that may be opened; HEIF, as phones take pictures, where its library is there."""
    formats = list(settings.IMAGE_FORMATS)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF and b"avif" not in data[:64]:
        try:
            from pillow_heif import register_heif_opener  # optional
        except ImportError as error:
            raise ImageError(_("This is a HEIC picture; save it as JPEG, or install pillow-heif.")) from error
        register_heif_opener()
        formats.append("HEIF")
    return formats


def thumbnail_storage() -> Storage:
    """Return the storage that keeps the thumbnails of products."""
    return storages[settings.THUMBNAIL_STORAGE]


def thumbnail_url(name: str) -> str:
    """Return the address of a thumbnail by its name; "" where there is none, or its storage fails to tell."""
    try:
        return thumbnail_storage().url(name) if name else ""
    except Exception as error:  # a storage is foreign code, and a search is worth more than its pictures
        logger.error("The address of a thumbnail cannot be told: %s", message_of(error))
        return ""


def kept_thumbnail(name: str) -> Picture | None:
    """Return a thumbnail by its name; None where there is none, or its storage fails to give it."""
    try:
        if name:
            with thumbnail_storage().open(name) as file:
                return Picture(file.read())
    except Exception as error:  # as above
        logger.warning("A thumbnail cannot be read: %s", message_of(error))
    return None


def _normalise(image: Image.Image) -> Image.Image:
    if image.width < 1 or image.height < 1:
        raise ImageError(_("The picture has no pixels."))
    if image.width * image.height > settings.IMAGE_MAX_PIXELS:
        raise ImageError(_too_many_pixels())
    if len(getattr(image, "tile", ())) > MAX_PIECES:
        raise ImageError(_too_long())
    edge = settings.IMAGE_SIZE
    # A JPEG decoder can deliver a half, a quarter or an eighth of the size at a fraction of the cost.
    image.draft("RGB", (edge * 2, edge * 2))
    small = image if image.mode in _SHRINKABLE else _converted(image, 2 * edge)
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return _thicken(_to_rgb(_upright(small, image)))


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    """Turn a picture as the EXIF data of its original say.

    ImageOps.exif_transpose writes them anew, which damaged ones may refuse.
    """
    try:
        turn = _TURNS.get(original.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # see read_picture; what is damaged says nothing, and the picture is as good without it
        return image
    return image if turn is None else image.transpose(turn)


def _thicken(image: Image.Image) -> Image.Image:
    """Lay a picture that is hardly more than a line on a white band."""
    least = max(image.size) // MAX_RATIO
    if min(image.size) >= least:
        return image
    ground = Image.new("RGB", (max(image.width, least), max(image.height, least)), "white")
    ground.paste(image, ((ground.width - image.width) // 2, (ground.height - image.height) // 2))
    return ground


def _converted(image: Image.Image, least: int) -> Image.Image:
    """Return a picture as RGB, reduced by whole numbers to ``least`` at its longest edge or a little more.

    Tile by tile: several copies of a large one, as conversions make them, would take most of a gigabyte.
    """
    image.load()
    factor = max(max(image.size) // least, 1)
    edge = factor * max(TILE // factor, 1)
    brightest = max(_brightest(tile) for _, _, tile in _tiles(image, edge)) if _is_deep(image) else 0.0
    reduced = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for left, top, tile in _tiles(image, edge):
        shallow = _to_eight_bits(tile, brightest) if _is_deep(tile) else tile
        reduced.paste(_to_rgb(shallow).reduce(factor), (left // factor, top // factor))
    return reduced


def _tiles(image: Image.Image, edge: int) -> Iterator[tuple[int, int, Image.Image]]:
    for top in range(0, image.height, edge):
        for left in range(0, image.width, edge):
            box = left, top, min(left + edge, image.width), min(top + edge, image.height)
            yield left, top, image.crop(box)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    return image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """Is it of 16-bit, 32-bit or float greys?"""
    return image.mode == "F" or image.mode.startswith("I")


def _brightest(image: Image.Image) -> float:
    return float(image.convert("F").getextrema()[1])  # type: ignore[arg-type]


def _to_eight_bits(image: Image.Image, brightest: float) -> Image.Image:
    """Scale deep greys by the brightest of their picture; Pillow's own conversion would clip them to white."""
    scale = 1.0 if brightest <= 255 else 255 / max(brightest, 65535)
    return image.convert("F").point(lambda value: value * scale + 0).convert("L")


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.info.clear()  # else a comment goes along, of more bytes than the pixels or than a JPEG can hold
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _too_long() -> str:
    return _("The picture would take too long to decode; save it anew.")


def _too_many_pixels() -> str:
    return _("The picture has more than %(size)s megapixels.") % {"size": f"{settings.IMAGE_MAX_PIXELS / 1e6:g}"}
