"""Runs in the shop of test_oscar.py, a process of its own: fills it, lets Oscar write, visits it; prints JSON."""

import io
import json
import os
import time
from decimal import Decimal

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "frobshop.settings"
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402
from shop.search import ProductIndex  # noqa: E402

from catalog_search.indexing.reading import read  # noqa: E402
from catalog_search.models import Change, Document, Generation  # noqa: E402
from catalog_search.registry import registry  # noqa: E402
from project.drawing import ProductSpec, draw  # noqa: E402

AttributeOption = get_model("catalogue", "AttributeOption")
AttributeOptionGroup = get_model("catalogue", "AttributeOptionGroup")
Category = get_model("catalogue", "Category")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductAttribute = get_model("catalogue", "ProductAttribute")
ProductClass = get_model("catalogue", "ProductClass")
ProductImage = get_model("catalogue", "ProductImage")
StockRecord = get_model("partner", "StockRecord")

COLOURS = ("red", "blue", "green", "yellow")
KINDS = {"mug": "Kitchen", "teapot": "Kitchen", "armchair": "Chairs", "backpack": "Bags", "beanie": "Clothes"}
found = {}


def photo(kind, colour, seed=1):
    file = io.BytesIO()
    draw(ProductSpec(kind, colour), seed, 320).save(file, "JPEG")
    return ContentFile(file.getvalue(), f"{colour}-{kind}.jpg")


def stock(product, sku, price, number=5):
    return StockRecord.objects.create(
        product=product, partner=partner, partner_sku=sku, price=Decimal(price), num_in_stock=number
    )


def text(product):
    """What the index says of a product; None where it has no document."""
    return Document.objects.filter(object_key=str(product.pk)).values_list("text", flat=True).first()


def pictures(product):
    return Document.objects.get(object_key=str(product.pk)).pictures


def settle():
    """Wait until the worker has done what there is to do."""
    end = time.monotonic() + 60
    while Change.objects.exists():
        if time.monotonic() > end:
            raise SystemExit(f"The worker left: {list(Change.objects.values())}")
        time.sleep(0.05)


def told(write):
    """Write, and return the titles of the products that this tells the index of, before any worker sees it."""
    with transaction.atomic():
        last = Change.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        write()
        keys = set(Change.objects.filter(pk__gt=last).values_list("object_key", flat=True))
    settle()
    return sorted(one.get_title() for one in Product.objects.filter(pk__in=keys)) or sorted(keys)


def statements(action, *arguments):
    with CaptureQueriesContext(connection) as captured:
        action(*arguments)
    return len(captured)


# The shop, written as Oscar's own code writes it.
partner = Partner.objects.create(name="Acme")
options = AttributeOptionGroup.objects.create(name="Colours")
for colour in COLOURS:
    AttributeOption.objects.create(group=options, option=colour.capitalize())
uses = AttributeOptionGroup.objects.create(name="Uses")
for use in ("Camping", "Office"):
    AttributeOption.objects.create(group=uses, option=use)
goods = ProductClass.objects.create(name="Goods")
ProductAttribute.objects.create(product_class=goods, name="Colour", code="colour", type="option", option_group=options)
ProductAttribute.objects.create(product_class=goods, name="Material", code="material", type="text")
ProductAttribute.objects.create(
    product_class=goods, name="Good for", code="uses", type="multi_option", option_group=uses
)
categories = {name: Category.add_root(name=name) for name in sorted({*KINDS.values(), "Gifts"})}
products = {}
for kind, category in KINDS.items():
    for number, colour in enumerate(COLOURS):
        product = Product(product_class=goods, title=f"{colour.capitalize()} {kind}", description=f"<p>A {kind}.</p>")
        product.attr.colour = colour.capitalize()
        product.save()
        product.categories.add(categories[category])
        ProductImage.objects.create(product=product, original=photo(kind, colour))
        stock(product, f"{kind[:3].upper()}-{number}", 10 + 5 * number)
        products[f"{colour} {kind}"] = product
secret = Product.objects.create(product_class=goods, title="Secret mug", is_public=False)
bare = Product.objects.create(product_class=goods, title="Plain parasol", upc="5901234123457")
bare.categories.add(categories["Gifts"])
parent = Product.objects.create(product_class=goods, structure="parent", title="Trail jacket")
parent.categories.add(categories["Clothes"])
ProductImage.objects.create(product=parent, original=photo("jumper", "green"))
small, large = (Product(structure="child", parent=parent, title=title) for title in ("", "Trail jacket, large"))
for child, material, sku, price in ((small, "wool", "JACKET-S", "80"), (large, "goretex", "JACKET-L", "90")):
    child.attr.material = material
    child.save()
    stock(child, sku, price)
ProductImage.objects.create(product=large, original=photo("jumper", "red"))

found["check"] = call_command("check", databases=["default"]) or ""
call_command("rebuild_search_index", verbosity=0)
index = registry.get("product")
serving = Generation.objects.active(index.label)


# What it costs to read products: as many statements for five as for twenty.
def reading(number):
    keys = Product.objects.order_by("-pk").values_list("pk", flat=True)[:number]
    read(serving, [str(key) for key in keys])


found["reading"] = [statements(reading, number) for number in (5, 20)]
found["documents"] = {
    "mug": text(products["red mug"]),
    "bare": [text(bare), pictures(bare)],
    "small": [text(small), pictures(small)],
    "parent": [text(parent), pictures(parent)],
}


def search(query="", **more):
    return [hit.object.get_title() for hit in ProductIndex.search(query, page_size=50, **more)]


found["searches"] = {
    "sku of a child": search("JACKET-L"),
    "upc": search("5901234123457"),
    "material of a child": search("goretex"),
    "photo": search(image=photo("teapot", "blue").read())[:1],
    "words": search("red mug")[:1],
    "secret": search("secret mug"),
    "cheap": sorted(search(facets={"price": (None, Decimal(10))})),
    "gifts": search(facets={"category": ["Gifts"]}),
    "by price": search("jacket", sort="price"),
}
browsed = ProductIndex.search("")
found["facets"] = {
    name: [(one.value, one.count) for one in browsed.facets[name].found]
    for name in ("category", "type", "colour", "in_stock")
}
found["total"] = browsed.total
found["range"] = [str(browsed.facets["price"].found.low), str(browsed.facets["price"].found.high)]
found["prices"] = {hit.object.get_title(): str(hit.object.price) for hit in ProductIndex.search("JACKET-S")}

# What Oscar writes: who hears of it by signals alone, and what the index says then.
mug, record = products["red mug"], products["red mug"].stockrecords.get()


def retitle():
    mug.title = "Red beaker"
    mug.save()


def repaint():
    mug.attr.colour = "Green"
    mug.save()


def allot():
    mug.attr.uses = AttributeOption.objects.filter(option="Camping")
    mug.save()


def coat(material):
    mug.attr.material = material
    mug.attr.save()


def rename(instance, field, value):
    setattr(instance, field, value)
    instance.save()


signals = found["signals"] = {}
signals["product saved"] = [told(retitle), "Red beaker" in text(mug)]
signals["attribute with its product"] = [told(repaint), "Colour: Green" in text(mug)]
signals["several options"] = [told(allot), "Good for: Camping" in text(mug)]
signals["category added"] = [told(lambda: mug.categories.add(categories["Gifts"])), "Gifts" in text(mug)]
signals["category renamed"] = [
    told(lambda: rename(categories["Gifts"], "name", "Presents")),
    "Presents" in text(mug) and "Presents" in text(bare),
]
signals["category removed"] = [told(lambda: mug.categories.remove(categories["Gifts"])), "Presents" not in text(mug)]
signals["option renamed"] = [
    told(lambda: rename(AttributeOption.objects.get(option="Camping"), "option", "Hiking")),
    "Good for: Hiking" in text(mug),
]
signals["image added"] = [
    told(lambda: ProductImage.objects.create(product=bare, original=photo("umbrella", "red"))),
    pictures(bare) == "ok",
]
signals["image deleted"] = [told(lambda: bare.images.get().delete()), pictures(bare) == "none"]
signals["stock allocated"] = [told(lambda: record.allocate(5)), search("MUG-0", facets={"in_stock": ["true"]}) == []]
signals["article number changed"] = [
    told(lambda: rename(record, "partner_sku", "BEAKER-1")),
    search("BEAKER-1")[:1] == ["Red beaker"],
]
signals["parent renamed"] = [
    told(lambda: rename(parent, "title", "Alpine jacket")),
    text(small).startswith("Alpine jacket"),
]
signals["child hidden"] = [
    told(lambda: rename(large, "is_public", False)),
    [search("JACKET-L"), search("JACKET-S")] == [[], ["Alpine jacket"]],
]
signals["hidden"] = [told(lambda: rename(mug, "is_public", False)), "Red beaker" not in search("BEAKER-1")]
signals["deleted"] = [told(mug.delete) != [], text(mug) is None and search("BEAKER-1") == []]

# What sends no signal is found by comparing, and told by triggers.
mug = products["blue mug"]
unsaid = found["unsaid"] = {}
unsaid["attributes alone"] = told(lambda: coat("stoneware"))
unsaid["update"] = told(lambda: Product.objects.filter(pk=bare.pk).update(title="Striped parasol"))
report = io.StringIO()
call_command("reconcile_search_index", dry_run=True, stdout=report)
unsaid["compared"] = report.getvalue()
call_command("reconcile_search_index", stdout=io.StringIO())
settle()
unsaid["mended"] = ["stoneware" in text(mug), text(bare).startswith("Striped parasol")]
call_command("search_triggers", install=True, stdout=io.StringIO())
triggers = found["triggers"] = {}
triggers["attributes alone"] = [told(lambda: coat("porcelain")), "porcelain" in text(mug)]
triggers["update"] = [
    told(lambda: Product.objects.filter(pk=bare.pk).update(title="Plain parasol")),
    text(bare).startswith("Plain parasol"),
]
triggers["option updated"] = [
    told(lambda: AttributeOption.objects.filter(option="Blue").update(option="Azure")),
    "Azure" in text(mug),
]
triggers["category linked in bulk"] = [
    told(
        lambda: Product.categories.through.objects.bulk_create(
            [Product.categories.through(product=mug, category=categories["Gifts"])]
        )
    ),
    "Presents" in text(mug),
]

# Its pages.
client = Client(headers={"host": "localhost"})
pages = found["pages"] = {}
for name, address in {
    "home": "/",
    "category": categories["Kitchen"].get_absolute_url(),
    "product": mug.get_absolute_url(),
    "basket": "/basket/",
    "search": "/search/?q=jacket",
    "none": "/search/?q=JACKET-S&price_min=1000",
}.items():
    response = client.get(address, follow=True)
    pages[name] = [response.status_code, response.content.decode()]
found["showing"] = [
    statements(client.get, "/search/", {"category": category}) for category in ("Presents", "Kitchen") * 2
][2:]
sent = client.post("/search/", {"q": "", "image": photo("teapot", "blue", seed=3)}, follow=True)
pages["photo"] = [sent.status_code, sent.content.decode()]

User.objects.create_superuser("owner", "owner@example.com", "owner")
client.login(username="owner", password="owner")
for name, address in {
    "admin": "/admin/catalogue/product/?q=trail+jacket",
    "admin child": "/admin/catalogue/product/?q=JACKET-S",
    "admin draft": "/admin/catalogue/product/?q=secret+mug",
    "admin exact": "/admin/catalogue/product/?q=%3D5901234123457",
}.items():
    response = client.get(address)
    pages[name] = [response.status_code, response.content.decode()]
print("FOUND" + json.dumps(found))
