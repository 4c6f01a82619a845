"""A shop that writes without end, in every way there is: ``python -m tests.faults.writer SEED FOLDER LEAST``.

It goes on until the file FOLDER/stop is there and it wrote LEAST times, however slow the machine is, then leaves its
counts in FOLDER/writer-SEED.json. Databases may fail under it; anything else that a save raises is a fault of ours and
ends it.
"""

from __future__ import annotations

import io
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402
from django.db import (  # noqa: E402
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.utils import timezone  # noqa: E402
from PIL import Image  # noqa: E402

from project.shop.models import Brand, Category, Product, ProductImage  # noqa: E402

COLOURS = ["red", "green", "blue", "black", "white", "yellow"]
draw = random.Random(int(sys.argv[1]))
count = iter(range(10**9))


def number() -> str:
    return f"{sys.argv[1]}-{next(count)}-{draw.randrange(10**6)}"


def product() -> Product:
    return Product.objects.order_by("?")[0]


def picture() -> ContentFile[bytes]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), draw.choice(COLOURS)).save(buffer, "JPEG")
    return ContentFile(buffer.getvalue(), f"{number()}.jpg")


def new() -> Product:
    name = f"{draw.choice(COLOURS)} mug {number()}"
    brand, category = Brand.objects.order_by("?").first(), Category.objects.order_by("?").first()
    made = timezone.now()
    return Product(reference=number(), sku=number(), name=name, brand=brand, category=category, created=made)


def create() -> None:
    one = new()
    one.save()
    ProductImage.objects.create(product=one, file=picture())


def create_in_bulk() -> None:
    Product.objects.bulk_create([new() for _ in range(3)])


def rename() -> None:
    one = product()
    one.name = f"{draw.choice(COLOURS)} cup {number()}"
    one.save()


def hide() -> None:
    one = product()
    one.is_public = not one.is_public
    one.save()


def update() -> None:
    some = Product.objects.order_by("?").values("pk")[:5]
    Product.objects.filter(pk__in=list(some.values_list("pk", flat=True))).update(description=f"As of {number()}")


def write_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_product SET name = %s WHERE id = %s", [f"raw bowl {number()}", product().pk])


def delete() -> None:
    if Product.objects.count() > 100:
        product().delete()


def delete_by_sql() -> None:
    if Product.objects.count() > 100:
        key = product().pk
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM shop_productimage WHERE product_id = %s", [key])
            cursor.execute("DELETE FROM shop_product WHERE id = %s", [key])


def rename_brand() -> None:
    one = Brand.objects.order_by("?")[0]
    one.name = f"Brand {number()}"
    one.save()


def rename_brand_by_update() -> None:
    Brand.objects.filter(pk=Brand.objects.order_by("?")[0].pk).update(name=f"Brand {number()}")


def add_picture() -> None:
    ProductImage.objects.create(product=product(), file=picture(), position=draw.randrange(5))


def move_picture() -> None:
    one = ProductImage.objects.order_by("?").first()
    if one:
        one.product = product()
        one.save()


def move_picture_by_update() -> None:
    one = ProductImage.objects.order_by("?").first()
    if one:
        ProductImage.objects.filter(pk=one.pk).update(product=product())


def replace_picture() -> None:
    one = ProductImage.objects.order_by("?").first()
    if one:
        one.file = picture()
        one.save()


def remove_picture() -> None:
    one = ProductImage.objects.order_by("?").first()
    if one:
        one.delete()


def change_mind() -> None:
    with transaction.atomic():
        rename()
        update()
        transaction.set_rollback(True)


WAYS = [
    *(create, create_in_bulk, rename, rename, hide, update, write_sql, delete, delete, delete_by_sql, delete_by_sql),
    *(rename_brand, rename_brand_by_update, add_picture, move_picture, move_picture_by_update),
    *(replace_picture, remove_picture, change_mind),
]


def main(folder: Path, least: int) -> None:
    counts: Counter[str] = Counter()
    while counts.total() < least or not (folder / "stop").exists():
        way = draw.choice(WAYS)
        try:
            way()
            counts[way.__name__] += 1
        except (OperationalError, InterfaceError, InternalError):  # the last is a pooler's that lost its server
            connection.close()
            counts["outages"] += 1
            time.sleep(0.05)
        except (IntegrityError, ProductImage.DoesNotExist, Product.DoesNotExist, IndexError):
            counts["collisions"] += 1  # another writer was faster
        except OSError:
            counts["pictures lost"] += 1  # the folder went while it wrote
        # Several a second from each: as many as the workers of a small machine follow.
        time.sleep(draw.random() * 0.1)
    (folder / f"writer-{sys.argv[1]}.json").write_text(json.dumps(counts))


main(Path(sys.argv[2]), int(sys.argv[3]))
