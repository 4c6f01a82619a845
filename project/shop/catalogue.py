"""Loading a catalogue folder into the shop: ``catalog.jsonl`` with one product a line, and its pictures."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime

from catalog_search.indexing import append, paused
from catalog_search.registry import registry

from .models import Brand, CatalogueLoad, Category, Product, ProductImage

BATCH = 500
COLUMNS = {"id", "name", "description", "price", "category", "attributes", "image", "images", "brand", "sku", "ean"}
COLUMNS |= {"colour", "size", "stock", "popularity", "is_public", "created", "parent"}
IGNORED = {"truth", "currency"}
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)


class CatalogueError(Exception):
    """The folder holds no catalogue that can be loaded."""


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the products of a folder as written. Raises CatalogueError with file and line of what is wrong."""
    path = folder / "catalog.jsonl"
    if not path.is_file():
        raise CatalogueError(f"{path} does not exist; a catalogue folder holds catalog.jsonl and its pictures.")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise CatalogueError(f"{path}, line {number}: not JSON ({error}).") from error
            if not isinstance(row, dict) or row.get("id") in (None, "") or not row.get("name"):
                raise CatalogueError(f"{path}, line {number}: a product needs an id and a name.")
            yield row


def load_catalogue(folder: Path, done: Callable[[int], None] | None = None) -> int:
    """Load or update the products of a folder and return how many there are; unknown keys become attributes.

    A picture that is missing stays named, so that the index can tell about it. ``done`` hears of each batch.
    A folder that did not change since it was loaded is left alone.
    """
    rows = list(read_lines(folder))
    digest = _digest(folder)
    if CatalogueLoad.objects.filter(folder=str(folder.resolve()), digest=digest).exists():
        if done:
            done(len(rows))
        return len(rows)
    parents = {str(row["id"]): str(row["parent"]) for row in rows if row.get("parent")}
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        with transaction.atomic(), paused():
            loaded = _load(batch, folder)
        if done:
            done(loaded)
    _link(parents)
    CatalogueLoad.objects.update_or_create(folder=str(folder.resolve()), defaults={"digest": digest})
    references = [str(row["id"]) for row in rows]
    for start in range(0, len(references), BATCH):
        append(registry.for_model(Product), Product.objects.filter(reference__in=references[start : start + BATCH]))
    return len(rows)


def _digest(folder: Path) -> str:
    """Return the state of a folder: what the catalogue says, and the names, sizes and times of all files."""
    digest = hashlib.blake2b((folder / "catalog.jsonl").read_bytes(), digest_size=20)
    for path in sorted(folder.rglob("*")):
        state = path.stat()
        digest.update(f"{path.relative_to(folder)}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _load(rows: list[dict[str, Any]], folder: Path) -> int:
    brands = _by_name(Brand, "name", {str(row["brand"])[:100] for row in rows if row.get("brand")})
    categories = _by_name(Category, "path", {str(row["category"])[:300] for row in rows if row.get("category")})
    products = [_product(row, brands, categories) for row in rows]
    columns = [field.name for field in Product._meta.fields if field.name not in ("id", "reference", "parent")]
    Product.objects.bulk_create(products, update_conflicts=True, unique_fields=["reference"], update_fields=columns)
    by_reference = Product.objects.in_bulk([product.reference for product in products], field_name="reference")
    ProductImage.objects.filter(product__in=by_reference.values()).delete()
    ProductImage.objects.bulk_create(
        ProductImage(product=by_reference[str(row["id"])], file=_copy(folder, name), position=position)
        for row in rows
        for position, name in enumerate(_picture_names(row))
    )
    return len(rows)


def _product(row: dict[str, Any], brands: dict[str, Any], categories: dict[str, Any]) -> Product:
    attributes = row.get("attributes")
    attributes = dict(attributes) if isinstance(attributes, dict) else {}
    attributes |= {key: value for key, value in row.items() if key not in COLUMNS | IGNORED and value not in (None, "")}
    return Product(
        reference=str(row["id"])[:100],
        sku=str(row.get("sku") or row["id"])[:60],
        ean=str(row.get("ean") or "")[:14],
        name=str(row["name"])[:300],
        description=str(row.get("description") or ""),
        brand=brands.get(str(row.get("brand"))[:100]),
        category=categories.get(str(row.get("category"))[:300]),
        colour=_colour(row, attributes),
        size=str(row.get("size") or "")[:20],
        attributes=attributes,
        price=_price(row.get("price")),
        stock=int(row.get("stock", 1) or 0),
        popularity=float(row.get("popularity") or 0),
        is_public=bool(row.get("is_public", True)),
        created=_date(row.get("created")),
    )


def _colour(row: dict[str, Any], attributes: dict[str, Any]) -> str:
    colours = row.get("colour") or attributes.get("colours") or attributes.get("colour") or ""
    return str(colours[0] if isinstance(colours, list) and colours else colours or "")[:40]


def _price(value: Any) -> Decimal | None:
    try:
        return None if value in (None, "") else Decimal(str(value)).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def _date(value: Any) -> datetime:
    if isinstance(value, str):
        if moment := parse_datetime(value):
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if day := parse_date(value):
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UNDATED


def _picture_names(row: dict[str, Any]) -> list[str]:
    names = row.get("images") or [row.get("image")]
    return [str(name) for name in names if name and "://" not in str(name)]


def _copy(folder: Path, name: str) -> str:
    """Copy a picture into the shop's storage as it is, and return its name there."""
    source = (folder / name).resolve()
    target = f"products/{folder.resolve().name}/{Path(name).name}"
    if not source.is_relative_to(folder.resolve()):
        raise CatalogueError(f'The picture "{name}" lies outside the catalogue folder.')
    if source.is_file():
        path = Path(default_storage.path(target))
        unchanged = path.is_file() and path.stat().st_size == source.stat().st_size
        if not unchanged:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
    return target


def _by_name(model: Any, field: str, names: set[str]) -> dict[str, Any]:
    model.objects.bulk_create([model(**{field: name}) for name in sorted(names)], ignore_conflicts=True)
    return {getattr(row, field): row for row in model.objects.filter(**{f"{field}__in": names})}


def _link(parents: dict[str, str]) -> None:
    """Tie variants to their parents, once all are loaded."""
    wanted = {*parents, *parents.values()}
    by_reference = Product.objects.in_bulk(list(wanted), field_name="reference")
    children = []
    for child, parent in parents.items():
        if child in by_reference and parent in by_reference and child != parent:
            by_reference[child].parent = by_reference[parent]
            children.append(by_reference[child])
    Product.objects.bulk_update(children, ["parent"], batch_size=BATCH)
