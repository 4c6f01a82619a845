"""Facets: what is counted is exactly what choosing finds, whatever the catalogue, the query and the other filters."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db import connection, models
from django.db.models import QuerySet
from django.db.models.functions import ExtractYear, Length
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from catalog_search import Facet, HierarchyFacet, RangeFacet, SearchIndex
from catalog_search.checks import declarations
from catalog_search.facets import FacetRange, FacetValue, bounds
from catalog_search.forms import SearchForm
from catalog_search.models import Generation
from catalog_search.searching import Results, search
from catalog_search.searching import cache as shared
from project.shop.models import Brand, Category, Product, ProductImage
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

MakeProduct = Callable[..., Product]

NOUNS = ["mug", "chair", "dress", "lamp"]
COLOURS = ["red", "blue", "green", ""]
SIZES = ["S", "M", "L", ""]
PATHS = ["Home", "Home > Kitchen", "Home > Kitchen > Mugs", "Home > Kitchen > Pots", "Clothes > Summer", "Clothes"]
STEPS = [10, 25, 50]


class Catalogue(SearchIndex):
    """Every kind of facet that the shop's rows can show."""

    text = ["name"]
    identifiers = ["sku"]
    variants = "parent"
    facets = [
        Facet("brand.name"),
        Facet("brand", name="maker"),
        Facet("colour"),
        Facet("size"),
        Facet("in_stock"),
        Facet("attributes.material", name="material"),
        Facet("images.position", name="photo"),
        HierarchyFacet("category.path"),
        HierarchyFacet("parent", name="line", parent="parent"),
        RangeFacet("price", steps=STEPS),
    ]
    sorts = {"price": "price", "popular": "-popularity", "dear": "-price"}

    def queryset(self, request: Any = None) -> QuerySet[Product]:
        """Show what is public."""
        return Product.objects.public().with_stock()


INDEX = Catalogue(Product)


@pytest.fixture
def products(make_product: MakeProduct, build_index: Any) -> list[Product]:
    """Forty products whose names stay; all that facets read is dealt anew for each example."""
    draw = random.Random(7)
    made = [make_product(f"{draw.choice(COLOURS[:3])} {draw.choice(NOUNS)}", price=1) for _ in range(40)]
    for path in PATHS:
        Category.objects.create(path=path)
    for name in ("Acme", "Bolt", "Coco"):
        Brand.objects.create(name=name)
    build_index()
    return made


def deal(products: Sequence[Product], seed: int) -> None:
    """Give every product another look, price, place and family."""
    cache.clear()  # what a busy machine took long to count is kept for a minute
    draw = random.Random(seed)
    brands, categories = [*Brand.objects.all(), None], [*Category.objects.all(), None]
    for number, product in enumerate(products):
        product.brand, product.category = draw.choice(brands), draw.choice(categories)
        product.colour, product.size = draw.choice(COLOURS), draw.choice(SIZES)
        product.price = draw.choice([None, Decimal("10"), Decimal("24.99"), Decimal("25"), Decimal("50"), Decimal(80)])
        product.stock, product.popularity = draw.choice([0, 5]), draw.random()
        product.attributes = draw.choice([{}, {"material": "wood"}, {"material": 7, "note": ""}])
        product.is_public = draw.random() > 0.1
        product.parent = products[draw.randrange(number)] if number and draw.random() < 0.5 else None
    # One level of families, as shops have them.
    for product in products:
        if product.parent and product.parent.parent:
            product.parent = None
    fields = ["brand", "category", "colour", "size", "price", "stock", "popularity", "attributes", "is_public"]
    Product.objects.bulk_update(products, [*fields, "parent"])
    ProductImage.objects.all().delete()
    images = [ProductImage(product=one, position=place) for one in products for place in draw.choices([1, 2, 3], k=2)]
    ProductImage.objects.bulk_create(images)


def held(product: Product, name: str) -> set[str]:
    """Return the values that a product has of a facet, in plain Python."""
    if name == "category":
        parts = product.category.path.split(" > ") if product.category else []
        return {" > ".join(parts[: depth + 1]) for depth in range(len(parts))}
    if name == "line":
        return {str(product.parent.pk)} if product.parent else set()
    if name == "price":
        return set() if product.price is None else {step_of(product.price)}
    if name == "photo":
        return {str(image.position) for image in product.images.all()}
    value = {
        "brand": product.brand and product.brand.name,
        "maker": product.brand_id,
        "colour": product.colour,
        "size": product.size,
        "in_stock": "true" if product.stock else "false",
        "material": product.attributes.get("material"),
    }[name]
    return {str(value)} if value else set()


def step_of(price: Decimal) -> str:
    ends = ["", *map(str, STEPS), ""]
    place = sum(price >= step for step in STEPS)
    return f"{ends[place]}..{ends[place + 1]}"


def kept(product: Product, chosen: Mapping[str, Sequence[str]], without: str = "") -> bool:
    return all(held(product, name) & set(values) for name, values in chosen.items() if name != without)


def options(chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {name: (None, None, *values) if name == "price" else values for name, values in chosen.items()}


def counted(results: Results) -> dict[str, dict[str, int]]:
    """Return every count that is shown, by facet and value."""

    def flat(values: Sequence[FacetValue]) -> Iterator[FacetValue]:
        for value in values:
            yield value
            yield from flat(value.children)

    return {
        name: {one.value: one.count for one in flat(facet.range.steps if facet.range else facet.values) if one.count}
        for name, facet in results.facets.items()
    }


def family(product: Product, grouped: bool) -> int:
    return (product.parent_id or product.pk) if grouped else product.pk


VALUES: dict[str, list[str]] = {
    "brand": ["Acme", "Bolt", "None such"],
    "colour": COLOURS[:3],
    "size": SIZES[:3],
    "in_stock": ["true", "false"],
    "material": ["wood", "7"],
    "photo": ["1", "2"],
    "category": ["Home", "Home > Kitchen", "Clothes > Summer"],
    "price": ["..10", "10..25", "25..50", "50.."],
}


@given(
    seed=st.integers(0, 10_000),
    text=st.sampled_from(
        ["", "", "red mug chair dress", "mug", "red", "blue chair", "SKU-0003", "green lamp", "zzz", "dress -red"]
    ),
    choices=st.lists(st.sampled_from([(name, value) for name, known in VALUES.items() for value in known]), max_size=3),
    grouped=st.booleans(),
)
# Without shrinking, which takes minutes where each try asks a database.
@hypothesis(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_count_is_brute_force_and_what_choosing_finds(
    products: list[Product], seed: int, text: str, choices: list[tuple[str, str]], grouped: bool
) -> None:
    deal(products, seed)
    chosen: dict[str, list[str]] = {}
    for name, value in choices:
        chosen.setdefault(name, []).append(value)
    asked = {"page_size": 1000, "rerank": False, "group_by": grouped}
    everything = search(INDEX, text, **asked | {"group_by": False})
    fresh = Product.objects.select_related("brand", "category", "parent").prefetch_related("images")
    whole = list(fresh.filter(pk__in=[hit.object.pk for hit in everything]))
    results = search(INDEX, text, facets=options(chosen), **asked)
    found = counted(results)

    shown = {family(one, grouped) for one in whole if kept(one, chosen)}
    assert len(whole) == everything.total
    assert {family(hit.object, grouped) for hit in results} == shown
    assert results.total == len(results.hits) == len(shown)
    if grouped:
        sizes = Counter(family(one, True) for one in whole if kept(one, chosen))
        assert {family(hit.object, True): hit.variants for hit in results} == sizes
    for name, counts in found.items():
        brute: dict[str, set[int]] = {}
        for one in whole:
            if kept(one, chosen, without=name):
                for value in held(one, name):
                    brute.setdefault(value, set()).add(family(one, grouped))
        expected = {value: len(units) for value, units in brute.items()}
        if name in ("category", "line"):  # only the levels that are open
            expected = {value: number for value, number in expected.items() if value in counts}
            roots = {value for value in brute if name == "line" or " > " not in value}
            assert roots <= counts.keys() or name == "line"
        assert counts == expected, name
        for value in random.Random(seed).sample(sorted(counts), min(2, len(counts))):
            choice = {**chosen, name: [value]}
            assert search(INDEX, text, facets=options(choice), **asked).total == counts[value], (name, value)


@pytest.fixture
def tagged(db: None) -> Iterator[Any]:
    """A table of its own: tags in an array, many categories in a tree, a choice."""

    class Shelf(models.Model):
        name = models.CharField(max_length=20)
        parent = models.ForeignKey("self", models.CASCADE, null=True)

        class Meta:
            app_label = "shop"

        def __str__(self) -> str:
            return self.name

    class Item(models.Model):
        name = models.CharField(max_length=20)
        tags = ArrayField(models.CharField(max_length=20), default=list)
        state = models.CharField(max_length=1, choices=[("n", "New"), ("u", "Used")])
        shelves = models.ManyToManyField(Shelf)

        class Meta:
            app_label = "shop"

        def __str__(self) -> str:
            return self.name

    with connection.schema_editor() as editor:
        editor.create_model(Shelf)
        editor.create_model(Item)
    root = Shelf.objects.create(name="Home")
    kitchen = Shelf.objects.create(name="Kitchen", parent=root)
    mugs, pots = (Shelf.objects.create(name=name, parent=kitchen) for name in ("Mugs", "Pots"))
    garden = Shelf.objects.create(name="Garden")
    for name, tags, state, shelves in [
        ("a", ["gift", "new"], "n", [mugs, pots]),
        ("b", ["gift"], "u", [mugs, garden]),
        ("c", [], "u", [root]),
    ]:
        Item.objects.create(name=name, tags=tags, state=state).shelves.set(shelves)
    yield Item, {shelf.name: str(shelf.pk) for shelf in Shelf.objects.all()}
    # Other tests compare the models that Django knows with the migrations.
    for model in (Shelf, Item, Item.shelves.through):
        del apps.all_models["shop"][model._meta.model_name]
    apps.clear_cache()


def browse(index: SearchIndex, **options: Any) -> Results:
    return search(index, generation=Generation(index=index.label), **options)


def test_arrays_choices_and_trees(tagged: Any) -> None:
    item, shelves = tagged

    class Items(SearchIndex):
        facets = [Facet("tags"), Facet("state"), HierarchyFacet("shelves", parent="parent")]

    index = Items(item)
    results = browse(index)
    assert counted(results)["tags"] == {"gift": 2, "new": 1}
    assert [(one.label, one.count) for one in results.facets["state"].found] == [("Used", 2), ("New", 1)]
    assert [(one.label, one.count) for one in results.facets["shelves"].found] == [("Home", 3), ("Garden", 1)]
    assert browse(index, facets={"tags": ["new", "gift"]}).total == 2

    kitchen = browse(index, facets={"shelves": [shelves["Kitchen"]]})
    home = kitchen.facets["shelves"].found[0]
    assert kitchen.total == 2
    assert [(one.label, one.count, one.chosen) for one in home.children] == [("Kitchen", 2, True)]
    assert [(one.label, one.count) for one in home.children[0].children] == [("Mugs", 2), ("Pots", 1)]
    assert browse(index, facets={"shelves": ["nonsense"]}).total == 0


def test_a_tree_that_bites_its_tail_does_no_harm(tagged: Any) -> None:
    item, shelves = tagged
    shelf = item._meta.get_field("shelves").related_model
    shelf.objects.filter(name="Home").update(parent=shelves["Mugs"])

    class Items(SearchIndex):
        facets = [HierarchyFacet("shelves", parent="parent")]

    assert browse(Items(item), facets={"shelves": [shelves["Mugs"]]}).total == 3
    assert counted(browse(Items(item)))["shelves"] == {shelves["Garden"]: 1}


def test_the_chosen_level_of_a_hierarchy_shows_the_next(indexed_shop: dict[str, Product]) -> None:
    found = ProductIndex.search("", facets={"category": ["Home"]}).facets["category"].found
    home = next(value for value in found if value.value == "Home")

    assert (home.label, home.count, home.chosen) == ("Home", 4, True)
    assert [(value.label, value.count) for value in home.children] == [("Kitchen", 3), ("Chairs", 1)]


@pytest.mark.parametrize("facet", Catalogue.facets, ids=lambda facet: facet.name)
def test_counting_a_thousand_products_is_not_taken_for_long_work(facet: Facet) -> None:
    tally, parameters = facet.tally(Product, (), distinct=True)
    kind = "bigint" if getattr(facet, "parent", "") else "text"
    pairs = f"SELECT value, unit FROM unnest(%s::{kind}[]) value, generate_series(1, 1000) unit"
    counted = f"WITH RECURSIVE pair(value, unit) AS ({pairs}) {tally}"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {counted}", (["1"], *parameters))
        ((plans,),) = cursor.fetchall()
        cursor.execute("SELECT boot_val::float FROM pg_settings WHERE name = 'jit_above_cost'")
        ((compiled_from,),) = cursor.fetchall()

    # PostgreSQL as it comes would compile it, which takes longer than counting.
    assert plans[0]["Plan"]["Total Cost"] < compiled_from / 5


def test_a_row_that_no_visible_product_leads_to_is_not_named(
    indexed_shop: dict[str, Product], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    facets = [Facet("brand", name="maker"), HierarchyFacet("parent", name="line", parent="parent"), Facet("colour")]
    monkeypatch.setattr(ProductIndex, "facets", facets)
    secret, draft = Brand.objects.create(name="Unannounced"), indexed_shop["draft"]
    Product.objects.filter(pk=draft.pk).update(brand=secret)
    dress = indexed_shop["dress"]
    chosen = {"q": "chair", "maker": [secret.pk, dress.brand_id], "line": draft.pk}
    page, answer = client.get("/search/", chosen), client.get("/api/search/product/", chosen).json()
    labels = {one["value"]: one["label"] for one in answer["facets"]["maker"]["values"] if one["chosen"]}

    assert labels == {str(secret.pk): str(secret.pk), str(dress.brand_id): "Coco"}
    assert [one["label"] for one in answer["facets"]["line"]["values"]] == [str(draft.pk)]
    assert "Unannounced" not in page.text
    assert "Secret mug" not in page.text


def test_a_number_that_is_none_is_no_bound(products: list[Product]) -> None:
    class Popular(SearchIndex):
        facets = [RangeFacet("popularity", steps=[1, 2])]

    deal(products, 3)
    for product, number in zip(products, ("nan", "inf", 1.5, 0.5), strict=False):
        Product.objects.filter(pk=product.pk).update(popularity=float(number))
    found = search(Popular(Product)).facets["popularity"].range

    assert found
    assert 0 <= found.low < found.high == Decimal("1.5")


def test_an_end_is_compared_as_it_is_written(products: list[Product]) -> None:
    class Dated(SearchIndex):
        facets = [RangeFacet("letters", steps=[7, Decimal("7.5")]), RangeFacet("year")]

        def queryset(self, request: Any = None) -> QuerySet[Product]:
            """Annotate whole numbers, one of them a part of a date."""
            return Product.objects.annotate(letters=Length("name"), year=ExtractYear("created"))

    index = Dated(Product)
    for product, name in zip(products, ("chairs", "kettles", "saucepan"), strict=False):
        Product.objects.filter(pk=product.pk).update(name=name)
    index.model.objects.exclude(pk__in=[one.pk for one in products[:3]]).delete()
    year = products[0].created.year
    found = {
        (name, low, high): search(index, facets={name: bounds(low, high)}).total
        for name, low, high in [
            ("letters", "6.5", None),
            ("letters", None, "7.5"),
            ("letters", None, "1e40"),
            ("year", year, year),
            ("year", "-5", "12345"),
            ("year", f"{year}.5", None),
        ]
    }
    steps = {one.value: one.count for one in search(index).facets["letters"].found.steps}

    assert list(found.values()) == [2, 2, 3, 3, 3, 0]
    assert steps == {"..7": 1, "7..7.5": 1, "7.5..": 1}
    assert all(search(index, facets={"letters": (None, None, step)}).total == count for step, count in steps.items())


@pytest.mark.parametrize("text", ["", "mug chair dress lamp"])
def test_what_a_visitor_is_told_is_their_own(
    products: list[Product], rf: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices of one customer neither sort nor count what another one sees, however much is kept."""

    class Priced(SearchIndex):
        facets = [RangeFacet("own_price")]
        sorts = {"own": "own_price"}

        def queryset(self, request: Any = None) -> QuerySet[Product]:
            """Multiply prices by what is agreed upon."""
            factor = models.F("price") * models.Value(int(request.headers["Factor"]))
            own = models.ExpressionWrapper(factor, output_field=models.DecimalField())
            return Product.objects.exclude(price=None).annotate(own_price=own)

    deal(products, 2)
    monkeypatch.setattr(shared, "COSTLY_SECONDS", 0.0)
    monkeypatch.setattr(shared, "WORTH", 1_000_000)
    first, second = (rf.get("/", headers={"Factor": factor}) for factor in ("1", "-1"))
    asked: dict[str, Any] = {"sort": "own", "page_size": 5, "cutoff": None}
    search(Priced(Product), text, request=first, **asked)
    page = search(Priced(Product), text, request=second, page=2, **asked)
    everything = search(Priced(Product), text, request=second, **asked | {"page_size": 100})

    assert [hit.key for hit in page] == [hit.key for hit in everything][5:10]
    assert everything.facets["own_price"].range
    assert everything.facets["own_price"].range.high < 0


@pytest.mark.parametrize("value", ["a\x00", "\ud800"])
@pytest.mark.parametrize("text", ["", "mug"])
def test_a_value_that_no_column_can_hold_finds_nothing(products: list[Product], value: str, text: str) -> None:
    for name in ("maker", "colour", "material", "photo", "category", "line"):
        assert search(INDEX, text, facets={name: [value]}).total == 0
        assert SearchForm(data={name: [value]}, index=INDEX).is_valid() is False


def test_long_values_can_be_chosen(make_product: MakeProduct, build_index: Any, client: Client) -> None:
    place = " > ".join(["Home", *["A very long name of a category"] * 8])
    make_product("Mug", category=place)

    assert client.get("/search/", {"category": place}).context["results"].total == 1


def test_yes_and_no_are_read_in_the_visitors_language(indexed_shop: dict[str, Product]) -> None:
    with translation.override("de"):
        found = ProductIndex.search("").facets["in_stock"].values
    assert [value.label for value in found or ()] == ["Ja", "Nein"]


def test_steps_tell_their_ends_apart(products: list[Product]) -> None:
    Product.objects.update(price=30)
    Product.objects.filter(pk=products[0].pk).update(price=25)
    Product.objects.filter(pk=products[1].pk).update(price=Decimal("24.99"))

    found = search(INDEX, facets={"price": (None, None, "25..50")})
    assert found.total == 39
    assert isinstance(found.facets["price"].found, FacetRange)
    assert [(step.label, step.count, step.chosen) for step in found.facets["price"].found.steps] == [
        ("10 to 25", 1, False),
        ("25 to 50", 39, True),
    ]
    assert search(INDEX, facets={"price": (*bounds(25, 30), "10..25")}).total == 0
    assert search(INDEX, facets={"price": (None, None, "7..9")}).total == 0


def test_many_values(products: list[Product]) -> None:
    Brand.objects.bulk_create([Brand(name=f"Maker {number:02}") for number in range(40)])
    for product, brand in zip(products, Brand.objects.filter(name__startswith="Maker"), strict=True):
        Product.objects.filter(pk=product.pk).update(brand=brand)

    class Few(Catalogue):
        facets = [Facet("brand.name", limit=5), Facet("colour")]

    few = Few(Product)
    facet = search(few, facets={"brand": ["Maker 33"]}).facets["brand"]
    assert [value.value for value in facet.found][-1] == "Maker 33"  # chosen, though beyond the limit
    assert (len(facet.found), facet.hidden) == (6, 34)
    everything = search(few, more="brand").facets["brand"]
    assert (len(everything.found), everything.hidden) == (40, 0)
    within = search(few, more="brand", within="r 1", facet_counts=["brand"]).facets
    assert [value.value for value in within["brand"].found] == [f"Maker {number}" for number in range(10, 20)]
    assert within.keys() == {"brand"}


def test_beyond_the_bound_counts_say_that_they_are_low(products: list[Product], settings: Any) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "MAX_CANDIDATES": 10}
    deal(products, 1)
    results = search(INDEX, "red blue green", rerank=False, cutoff=None)

    assert not results.total_is_exact
    assert not results.facets["colour"].exact
    for value, count in counted(results)["size"].items():
        assert search(INDEX, "red blue green", rerank=False, cutoff=None, facets={"size": [value]}).total >= count
    assert search(INDEX).facets["colour"].exact  # browsing knows no bound


def test_however_many_facets_are_chosen_the_statements_stay_few(products: list[Product]) -> None:
    deal(products, 3)
    search(INDEX, "red mug")  # the background is read once
    asked = []
    for chosen in ({}, {"brand": ["Acme"]}, {"brand": ["Acme", "Bolt"], "size": ["M", "S"], "price": (None, 60)}):
        with CaptureQueriesContext(connection) as queries:
            search(INDEX, "red mug", facets=chosen)
        asked.append(len(queries))
        assert sum("tally" in (query["sql"] or "") for query in queries) == 1

    assert asked == [asked[0], asked[0] + 1, asked[0] + 1]  # one that tells which members the choice leaves


def test_what_has_no_value_comes_last_in_every_order(products: list[Product]) -> None:
    Product.objects.filter(pk__in=[one.pk for one in products[:5]]).update(price=None)

    for sort in ("price", "dear"):
        for text in ("", "red"):
            prices = [hit.object.price for hit in search(INDEX, text, sort=sort, page_size=100)]
            known = [price for price in prices if price is not None]
            assert prices == sorted(known, reverse=sort == "dear") + [None] * (len(prices) - len(known))


@pytest.mark.parametrize("sort", ["", "price", "popular"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("bound", [8, 1000])
def test_pages_neither_repeat_nor_skip_while_the_shop_changes(
    products: list[Product], settings: Any, sort: str, grouped: bool, bound: int
) -> None:
    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "MAX_CANDIDATES": bound}
    deal(products, 5)
    options: dict[str, Any] = {"sort": sort, "page_size": 4, "group_by": grouped}
    pages, seen = 1, list[int]()
    expected = {family(one, grouped) for one in Product.objects.public()}
    while len(seen) < len(expected) and pages < 20:
        seen += [family(hit.object, grouped) for hit in search(INDEX, page=pages, **options)]
        # What was last comes first, and the other way round: all that an order reads is turned over.
        for product in Product.objects.all():
            change = {"price": 100 - (product.price or 50), "popularity": -product.popularity}
            Product.objects.filter(pk=product.pk).update(**change)
        pages += 1

    assert sorted(seen) == sorted(expected)


def red(results: Results) -> int:
    return next((one.count for one in results.facets["colour"].found if one.value == "red"), 0)


@pytest.mark.parametrize("grouped", [False, True])
def test_what_took_long_is_kept_while_browsing(
    products: list[Product], settings: Any, monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    deal(products, 2)
    here: dict[str, Any] = {"group_by": grouped, "page_size": 100}
    before = search(INDEX, **here)
    monkeypatch.setattr(shared, "COSTLY_SECONDS", 0.0)
    monkeypatch.setattr(shared, "WORTH", 1_000_000)
    search(INDEX, **here)  # from now on it is kept

    Product.objects.update(colour="red", parent=None)
    after = search(INDEX, **here)
    assert (after.total, red(after)) == (before.total, red(before))
    few = Product.objects.filter(pk__in=[one.pk for one in products[:3]])
    assert red(search(INDEX, queryset=few, **here)) == few.filter(is_public=True).count()
    assert search(INDEX, facets={"colour": ["red"]}, **here).total == Product.objects.public().count()
    assert red(search(INDEX, "red mug chair dress lamp", cutoff=None, **here)) > red(before)

    settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "BROWSE_SECONDS": 0}
    cache.clear()
    for _ in range(2):
        Product.objects.filter(pk=Product.objects.public().earliest("pk").pk).delete()
        anew = search(INDEX, **here)
        assert anew.total == red(anew) == Product.objects.public().count()


def test_browsing_is_in_the_order_declared(products: list[Product]) -> None:
    deal(products, 2)

    class Popular(Catalogue):
        browse_order = "-popularity"

    shown = [hit.object.popularity for hit in search(Popular(Product), page_size=100)]
    assert shown == sorted(shown, reverse=True)


# The storefront and the API


def test_the_page_shows_a_tree_steps_and_a_way_to_more(client: Client, indexed_shop: dict[str, Product]) -> None:
    html = client.get("/search/", {"category": "Home > Kitchen"}).content.decode()

    assert 'href="/search/?category=Home"' in html  # up again
    assert 'href="/search/?category=Home+%3E+Chairs"' in html  # beside it
    assert '<input type="hidden" name="category" value="Home &gt; Kitchen">' in html
    assert 'name="price" value="..10"' in html
    chips = html[html.index("cs-chips") : html.index("cs-columns")]
    assert chips.count('class="cs-chip"') == 2
    assert 'href="/search/"' in chips  # without Home there is nothing left of it


def test_a_long_list_opens_without_javascript(
    client: Client, indexed_shop: dict[str, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductIndex, "facets", [Facet("brand.name", limit=1)])
    short = client.get("/search/").content.decode()
    assert 'href="/search/?more=brand#catalog-search-filters"' in short
    assert "Coco" not in short[short.index("cs-facets") : short.index('id="results"')]
    long = client.get("/search/", {"more": "brand", "within": "co"}).content.decode()
    panel = long[long.index("cs-facets") : long.index('id="results"')]
    assert "Coco" in panel
    assert "Bolt" not in panel
    assert 'name="within" value="co"' in panel
    nothing = client.get("/search/", {"more": "brand", "within": "xyz"}).content.decode()
    assert "Nothing has this in its name." in nothing
    assert 'name="within" value="xyz"' in nothing


@pytest.mark.parametrize("address", ["/search/facets/product/brand/", "/api/search/facets/product/brand/"])
def test_the_values_of_a_facet_as_json(client: Client, indexed_shop: dict[str, Product], address: str) -> None:
    answer = client.get(address, {"q": "mug", "within": "a"}).json()

    assert [(one["value"], one["count"]) for one in answer["values"]] == [("Acme", 2)]
    assert answer["hidden"] == 0
    assert client.get(address.replace("brand", "weight")).status_code == 404
    assert client.get(address, {"page": "x"}).status_code == 400


def test_the_api_names_steps_and_levels(client: Client, indexed_shop: dict[str, Product]) -> None:
    facets = client.get("/api/search/product/", {"category": "Home", "price": "..10"}).json()["facets"]

    assert facets["category"]["exact"] is True
    assert [one["label"] for one in facets["category"]["values"][0]["children"]] == ["Kitchen"]
    assert facets["price"]["range"]["steps"][0] == {
        "value": "..10",
        "label": "up to 10",
        "count": 1,
        "chosen": True,
        "children": [],
    }


def test_a_manager_that_hides_rows_by_default_hides_none_here(tagged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be seen is what ``queryset()`` says: of products and of what they are filtered by."""

    class Hiding(models.Manager):
        def get_queryset(self) -> Any:
            return super().get_queryset().none()

    class Items(SearchIndex):
        facets = [HierarchyFacet("shelves", parent="parent")]

        def queryset(self, request: Any = None) -> Any:
            return self.model.objects.all()

    item, shelves = tagged
    for model in (item, item.shelves.rel.model):
        hiding = Hiding()
        hiding.model = model
        monkeypatch.setitem(vars(model._meta), "default_manager", hiding)

    results = browse(Items(item), facets={"shelves": [shelves["Home"]]})

    assert not item._default_manager.exists()
    assert results.total == 3
    assert [(one.label, one.count) for one in results.facets["shelves"].found] == [("Home", 3), ("Garden", 1)]


def test_what_the_database_reckons_is_of_the_kind_that_it_gives(db: None) -> None:
    class Offer(models.Model):  # noqa: DJ008
        price = models.IntegerField()
        double = models.GeneratedField(
            expression=models.F("price") * 2, output_field=models.IntegerField(), db_persist=True
        )
        dear = models.GeneratedField(
            expression=models.Q(price__gt=5), output_field=models.BooleanField(), db_persist=True
        )

        class Meta:
            app_label = "shop"

    class Offers(SearchIndex):
        text = ["price"]
        facets = [Facet("double"), Facet("dear"), RangeFacet("double", name="range", steps=[10])]
        sorts = {"dear": "-double"}

    del apps.all_models["shop"]["offer"]
    with connection.schema_editor() as editor:
        editor.create_model(Offer)
    for price in (1, 5, 9):
        Offer.objects.create(price=price)
    index = Offers(Offer)
    chosen: dict[str, Any] = {"double": ["10"], "dear": ["true"], "range": (5, None, "10..")}
    nothing = {"double": ["abc"], "dear": ["maybe"]}

    assert list(declarations.check_index(index)) == []
    assert {name: browse(index, facets={name: value}).total for name, value in chosen.items()} == {
        **{"double": 1, "dear": 1, "range": 2},
    }
    assert all(browse(index, facets={name: value}).total == 0 for name, value in nothing.items())
    assert browse(index, facets={"double": ["9" * 30]}).total == 0


def test_what_is_counted_of_a_part_of_a_field_finds_it(db: None) -> None:
    class Kit(models.Model):  # noqa: DJ008
        made = models.DateTimeField()
        sizes = ArrayField(models.IntegerField(choices=[(1, "Small"), (2, "Large")]))
        tested = ArrayField(models.BooleanField())

        class Meta:
            app_label = "shop"

    class Kits(SearchIndex):
        text = ["sizes"]
        facets = [Facet("made.year"), Facet("sizes"), Facet("tested"), Facet("made__month", name="month")]
        facets += [RangeFacet("made.year", name="years")]

    del apps.all_models["shop"]["kit"]
    with connection.schema_editor() as editor:
        editor.create_model(Kit)
    for year, sizes, tested in ((2024, [1, 2], [True]), (2024, [2], [True, False]), (2025, [], [])):
        Kit.objects.create(made=datetime(year, 5, 2, tzinfo=UTC), sizes=sizes, tested=tested)
    index = Kits(Kit)
    shown = {name: one.found for name, one in browse(index).facets.items() if one.values is not None}

    assert browse(index, facets={"years": bounds(high=2024)}).total == 2
    assert list(declarations.check_index(index)) == []
    assert {name: {one.label: one.count for one in found} for name, found in shown.items()} == {
        "made": {"2024": 2, "2025": 1},
        "sizes": {"Large": 2, "Small": 1},
        "tested": {"Yes": 2, "No": 1},
        "month": {"5": 3},
    }
    for name, found in shown.items():
        assert all(browse(index, facets={name: [one.value]}).total == one.count for one in found)


@pytest.mark.parametrize("text", ["", "mug chair dress lamp"])
def test_a_column_by_language_is_kept_by_language(
    products: list[Product], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Translated(Facet):
        @property
        def lookup(self) -> str:
            """Name the column of the visitor's language."""
            return "colour" if translation.get_language() == "de" else "size"

    class Looks(SearchIndex):
        facets = [Translated("colour", name="look", label="Look")]

    Product.objects.update(colour="rot", size="big")
    monkeypatch.setattr(shared, "COSTLY_SECONDS", 0.0)
    monkeypatch.setattr(shared, "WORTH", 1_000_000)
    for language, value in {"en": "big", "de": "rot"}.items():
        with translation.override(language):
            found = search(Looks(Product), text, cutoff=None).facets["look"].values
        assert [one.value for one in found or ()] == [value]


def test_names_are_read_in_the_shops_translations() -> None:
    class Dated(SearchIndex):
        facets = [Facet("created", name="this_month"), Facet("stock", label=gettext_lazy("This year"))]
        sorts = {"today": "created"}

    form = SearchForm(index=Dated(Product))
    with translation.override("de"):  # words that Django's own catalogue has
        assert [str(facet.label) for facet in Dated.facets] == ["Diesen Monat", "Dieses Jahr"]
        assert str(form.fields["sort"].choices[1][1]) == "Heute"
        assert str(form.fields["this_month"].label) == "Diesen Monat"
