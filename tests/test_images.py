"""Pictures of every kind become small upright RGB pictures; what is none is refused in words."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from catalog_search.exceptions import ImageError
from catalog_search.images import read_picture

from .contracts.pictures import encode


def heic() -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encode(Image.new("RGB", (80, 60), (200, 30, 40)), "HEIF")


def centre(data: bytes) -> tuple[int, ...]:
    image = read_picture(data).open()
    return image.getpixel((image.width // 2, image.height // 2))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_formats(format: str) -> None:
    red, green, blue = centre(encode(Image.new("RGB", (80, 60), (200, 30, 40)), format))

    assert red > 180
    assert green < 60
    assert blue < 70


def test_pictures_of_phones() -> None:
    assert centre(heic())[0] > 180


def test_pictures_of_phones_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(ImageError, match=r"HEIC.*install pillow-heif"):
        read_picture(data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_modes(mode: str) -> None:
    source = Image.new("L", (40, 30), 255)
    image = source.convert(mode) if mode != "I;16" else Image.new("I;16", (40, 30), 65535)

    picture = read_picture(encode(image, "TIFF"))

    assert picture.open().mode == "RGB"
    assert picture.open().getpixel((20, 15))[0] > 250


MEASURE = """
import sys
from django.conf import settings
settings.configure(USE_I18N=False)
from catalog_search.images import read_picture

def most() -> int:
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

data = sys.stdin.buffer.read()
before = most()
read_picture(data)
print(most() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory of a process is read from /proc")
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_large_picture_takes_little_more_memory_than_its_pixels(mode: str) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    opaque = {"transparency": 0} if mode == "P" else {}
    data = encode(Image.new(mode, (6000, 6000)), exif=turned, compress_level=1, **opaque)
    run = subprocess.run([sys.executable, "-c", MEASURE], input=data, capture_output=True, check=True)

    assert int(run.stdout) < 6000 * 6000 * 5


@pytest.mark.parametrize("size", [(3000, 2000), (20, 9000), (1023, 1), (4097, 2049)])
def test_what_is_converted_looks_as_if_it_were_whole(size: tuple[int, int]) -> None:
    ramp = Image.linear_gradient("L").resize(size)
    plain = np.asarray(read_picture(encode(ramp)).open(), int)
    deep = Image.fromarray(np.asarray(ramp).astype("u2") * 257)
    clear = ramp.convert("LA")

    for other in (deep, clear, ramp.convert("P")):
        converted = np.asarray(read_picture(encode(other)).open(), int)
        assert converted.shape == plain.shape
        assert np.abs(converted - plain).max() <= 8


def test_sixteen_bits_keep_their_greys() -> None:
    assert abs(centre(encode(Image.new("I;16", (20, 20), 32768)))[0] - 128) <= 2


def test_transparency_is_laid_on_white() -> None:
    assert centre(encode(Image.new("RGBA", (20, 20), (0, 0, 0, 0)))) == (255, 255, 255)


def test_palette_transparency_is_laid_on_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([0, 0, 0] * 256)

    assert centre(encode(image, transparency=0)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_applied(orientation: int) -> None:
    image = Image.radial_gradient("L").resize((80, 40)).convert("RGB")
    image.paste("red", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(image, exif=exif)
    found, expected = read_picture(data).open(), ImageOps.exif_transpose(Image.open(io.BytesIO(data)))

    assert found.size == expected.size
    assert np.abs(np.asarray(found, dtype=int) - np.asarray(expected, dtype=int)).mean() < 8


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_costs_no_picture(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    damaged = exif.tobytes().replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02")  # the maker's name as a width
    image = Image.new("RGB", (80, 40), "red")

    assert damaged != exif.tobytes()
    assert read_picture(encode(image, format, exif=damaged)).open().size == (40, 80)
    assert read_picture(encode(image, format, exif=b"Exif\0\0" + b"1" * 100)).open().size == (80, 40)


@pytest.mark.parametrize(("format", "length"), [("JPEG", 60_000), ("GIF", 70_000)])
def test_comments_are_left_behind(format: str, length: int) -> None:
    """They may say who took the picture, and a GIF's may be longer than a JPEG's can."""
    image = Image.new("RGB", (80, 40), "red")
    picture = read_picture(encode(image, format, comment=b"by Anna" * (length // 7)))

    assert b"Anna" not in picture.jpeg
    assert picture == read_picture(encode(image, format))


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("blue", "red")]

    assert centre(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))[2] > 200


def test_large_pictures_shrink_to_the_edge(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"IMAGE_SIZE": 100}

    assert read_picture(encode(Image.new("RGB", (3000, 1500)), "JPEG")).open().size == (100, 50)
    assert read_picture(encode(Image.new("RGB", (5000, 2)))).open().size == (100, 1)
    assert read_picture(encode(Image.new("RGB", (30, 20)))).open().size == (30, 20)


def test_a_line_gets_a_band_that_models_can_read() -> None:
    for size in ((5000, 2), (2, 5000)):
        picture = read_picture(encode(Image.new("RGB", size))).open()

        assert sorted(picture.size) == [5, 512]
        assert picture.getpixel((picture.width // 2, picture.height // 2))[0] < 60


def test_equal_pixels_have_equal_digests() -> None:
    first, second = (read_picture(encode(Image.new("RGB", (9, 9), "red"))) for _ in range(2))

    assert first.digest == second.digest
    assert first.digest != read_picture(encode(Image.new("RGB", (9, 9), "blue"))).digest


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"\x00" * 1000],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        read_picture(data)


def test_truncated_pictures_are_refused() -> None:
    whole = encode(Image.effect_noise((200, 200), 50), "PNG")

    with pytest.raises(ImageError, match="can be read"):
        read_picture(whole[: len(whole) // 2])


def test_formats_off_the_list_are_refused() -> None:
    with pytest.raises(ImageError):
        read_picture(encode(Image.new("RGB", (9, 9)), "PPM"))


def test_decompression_bombs_are_refused_before_decoding() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 1_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")

    with pytest.raises(ImageError, match="megapixels"):
        read_picture(bomb)


def test_progressive_pictures_are_read_unless_they_have_scans_without_end() -> None:
    picture = encode(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    start, end = picture.rindex(b"\xff\xda"), picture.rindex(b"\xff\xd9")
    endless = picture[:end] + 200 * picture[start:end] + picture[end:]

    Image.open(io.BytesIO(endless)).load()  # nothing is wrong with it, but the time it takes
    with pytest.raises(ImageError, match="too long"):
        read_picture(endless)
    # Phones put a film after the picture, in which anything may stand.
    assert centre(picture + b"\xff\xda" * 200) == pytest.approx((128, 128, 128), abs=2)


@pytest.mark.parametrize("rows", [100, 30_000])
def test_a_picture_in_pieces_without_end_is_refused(rows: int) -> None:
    width, pixels = 100, 8  # of each row, at the same place
    places = pixels + width
    sizes, tags_at = places + 4 * rows, places + 8 * rows
    sizes_of_rows = struct.pack("<I", pixels) * rows + struct.pack("<I", width) * rows
    tags = {256: width, 257: rows, 258: 8, 259: 1, 262: 1, 273: places, 277: 1, 278: 1, 279: sizes}
    file = b"II*\0" + struct.pack("<I", tags_at) + bytes(width) + sizes_of_rows + struct.pack("<H", len(tags))
    for tag, value in tags.items():
        file += struct.pack("<HHII", tag, 4, rows if tag in (273, 279) else 1, value)
    file += bytes(4)

    if rows == 100:
        assert centre(file) == (0, 0, 0)
    else:
        with pytest.raises(ImageError, match="too long"):
            read_picture(file)


class Stream(io.RawIOBase):
    """A file that comes in pieces, as a network gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data.read(min(len(buffer), 100))
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_file_that_comes_in_pieces(picture_bytes: Any) -> None:
    data = picture_bytes("red")

    assert len(data) > 100
    assert read_picture(Stream(data)) == read_picture(data)


def test_too_many_bytes_are_refused_without_reading_them_all(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"IMAGE_MAX_BYTES": 1000}
    file = io.BytesIO(b"x" * 5000)

    with pytest.raises(ImageError, match=r"larger than 0\.001 MB"):
        read_picture(file)

    assert file.tell() == 1001
