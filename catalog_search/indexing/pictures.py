"""Pictures of products: stamped without reading them, thumbnailed once, fetched in threads ahead of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from ..conf import settings
from ..exceptions import ImageError
from ..images import Picture, read_picture, thumbnail_storage
from ..models import Thumbnail


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture of a product as its storage knows it: enough to see whether it changed."""

    file: Any
    stamp: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class LoadedPicture:
    """A picture ready for a model with the name of its thumbnail, or the reason why there is none."""

    picture: Picture | None
    thumbnail: str = ""
    error: str = ""


def stamp(file: Any) -> PictureFile:
    """Stamp a picture by its name, size and time, without reading it; a storage that fails is noted, not raised."""
    try:
        size = file.size
        try:
            modified = file.storage.get_modified_time(file.name).timestamp()
        except NotImplementedError:
            modified = 0
    except Exception as error:  # a storage is foreign code: whatever it raises is this picture's failure
        return PictureFile(file, f"missing:{file.name}", f"{file.name}: {error or type(error).__name__}")
    text = f"{file.name}|{size}|{modified}|{settings.IMAGE_SIZE}"
    return PictureFile(file, hashlib.blake2b(text.encode(), digest_size=20).hexdigest())


def load(files: Iterable[PictureFile], pool: ThreadPoolExecutor) -> dict[str, LoadedPicture]:
    """Load pictures by stamp: from their thumbnails where they have one, else from the originals."""
    wanted = {file.stamp: file for file in files}
    known = dict(Thumbnail.objects.filter(stamp__in=wanted).values_list("stamp", "name"))
    loaded = list(pool.map(lambda file: _load(file, known.get(file.stamp)), wanted.values()))
    _remember(wanted.keys() - known.keys(), dict(zip(wanted, loaded, strict=True)))
    return dict(zip(wanted, loaded, strict=True))


def _load(file: PictureFile, thumbnail: str | None) -> LoadedPicture:
    if file.error:
        return LoadedPicture(None, error=file.error)
    try:
        if thumbnail:
            try:
                with thumbnail_storage().open(thumbnail) as opened:
                    return LoadedPicture(Picture(opened.read()), thumbnail)
            except FileNotFoundError:
                pass  # somebody emptied the folder: make it again from the original
        with file.file.storage.open(file.file.name) as opened:
            picture = read_picture(opened)
        return LoadedPicture(picture, _save(picture))
    except ImageError as error:
        return LoadedPicture(None, error=f"{file.file.name}: {error}")
    except Exception as error:  # see stamp()
        return LoadedPicture(None, error=f"{file.file.name}: {error or type(error).__name__}")


def _save(picture: Picture) -> str:
    name = f"catalog_search/{picture.digest[:2]}/{picture.digest}.jpg"
    storage = thumbnail_storage()
    # Named by its content, so an existing file of that name is this very picture.
    return name if storage.exists(name) else storage.save(name, ContentFile(picture.jpeg))


def _remember(stamps: Iterable[str], loaded: dict[str, LoadedPicture]) -> None:
    rows = [
        Thumbnail(stamp=one, name=loaded[one].thumbnail, digest=found.digest)
        for one in stamps
        if (found := loaded[one].picture) is not None
    ]
    Thumbnail.objects.bulk_create(rows, ignore_conflicts=True)


def stamp_all(products: Sequence[Sequence[Any]], pool: ThreadPoolExecutor) -> list[list[PictureFile]]:
    """Stamp the files of many products at once, at most IMAGES_PER_PRODUCT each."""
    limited = [files[: settings.IMAGES_PER_PRODUCT] for files in products]
    stamps = iter(list(pool.map(stamp, [file for files in limited for file in files])))
    return [[next(stamps) for _ in files] for files in limited]
