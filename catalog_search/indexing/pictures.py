"""Pictures of products: stamped without reading them, thumbnailed once, fetched by threads within a time limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from ..conf import settings
from ..digests import digest_of
from ..exceptions import message_of
from ..fetching import fetch
from ..images import Picture, read_picture, thumbnail_storage
from ..languages import storable
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


def stamp_all(products: Sequence[Sequence[Any]]) -> list[list[PictureFile]]:
    """Stamp the files of many products at once, at most IMAGES_PER_PRODUCT each; those that fail say why."""
    limited = [files[: settings.IMAGES_PER_PRODUCT] for files in products]
    stamped = iter(fetch(_stamp, [file for files in limited for file in files], _missing))
    return [[next(stamped) for _ in files] for files in limited]


def load(files: Iterable[PictureFile], fresh: bool) -> dict[str, LoadedPicture]:
    """Load pictures by stamp, from their thumbnails where they have one; ``fresh`` reads the originals again."""
    wanted = {file.stamp: file for file in files}
    known = {} if fresh else Thumbnail.objects.in_bulk(list(wanted))
    loaded = fetch(lambda file: _load(file, known.get(file.stamp)), list(wanted.values()), _lost)
    by_stamp = dict(zip(wanted, loaded, strict=True))
    _remember(wanted.keys() - known.keys(), by_stamp)
    return by_stamp


def _stamp(file: Any) -> PictureFile:
    """Stamp a picture by its name, size and time, without reading it."""
    try:
        if isinstance(file, str):
            return _missing(file, "not a file; addresses are not fetched, keep pictures in an ImageField")
        size = file.size
        try:
            modified = file.storage.get_modified_time(file.name).timestamp()
        except NotImplementedError:
            modified = 0
    except Exception as error:  # a storage is foreign code: whatever it raises is this picture's failure
        return _missing(file, error)
    return PictureFile(file, digest_of(f"{file.name}|{size}|{modified}|{settings.IMAGE_SIZE}"))


def _missing(file: Any, reason: str | Exception = "") -> PictureFile:
    return PictureFile(file, f"missing:{_file_name(file)}", _failure(file, reason or _no_answer()))


def _lost(file: PictureFile) -> LoadedPicture:
    return LoadedPicture(None, error=_failure(file.file, _no_answer()))


def _failure(file: Any, reason: str | Exception) -> str:
    return storable(f"{_file_name(file)}: {message_of(reason)}")


def _no_answer() -> str:
    return f"the storage gave no answer within {settings.PICTURE_TIMEOUT:g} s"


def _file_name(file: Any) -> str:
    return str(getattr(file, "name", file))


def _load(file: PictureFile, thumbnail: Thumbnail | None) -> LoadedPicture:
    if file.error:
        return LoadedPicture(None, error=file.error)
    try:
        if thumbnail:
            # Where it was damaged, or somebody emptied the folder, which each storage says in its own way, it is made
            # again.
            with suppress(Exception), thumbnail_storage().open(thumbnail.name) as opened:
                picture = Picture(opened.read())
                if picture.digest == thumbnail.digest:
                    return LoadedPicture(picture, thumbnail.name)
        with file.file.storage.open(file.file.name) as opened:
            picture = read_picture(opened)
        return LoadedPicture(picture, _save(picture))
    except Exception as error:  # an ImageError, or as in _stamp()
        return LoadedPicture(None, error=_failure(file.file, error))


def _save(picture: Picture) -> str:
    name = f"catalog_search/{picture.digest[:2]}/{picture.digest}.jpg"
    storage = thumbnail_storage()
    # Named by its content, so an existing file of that name is this very picture, or what a killed worker wrote of it.
    if storage.exists(name):
        if storage.size(name) == len(picture.jpeg):
            return name
        storage.delete(name)
    return storage.save(name, ContentFile(picture.jpeg))


def _remember(stamps: Iterable[str], loaded: dict[str, LoadedPicture]) -> None:
    rows = [
        Thumbnail(stamp=one, name=loaded[one].thumbnail, digest=found.digest)
        for one in sorted(stamps)
        if (found := loaded[one].picture) is not None
    ]
    Thumbnail.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["stamp"], update_fields=["name", "digest"]
    )
