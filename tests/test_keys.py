"""Products whose keys are texts of any kind, and filters by columns of every type."""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField, IntegerRangeField
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.urls import path

from catalog_search import Facet, HierarchyFacet, SearchIndex
from catalog_search.admin import SearchAdminMixin
from catalog_search.admin.products import product_link
from catalog_search.fields import write_keys
from catalog_search.indexing import append_keys, drain
from catalog_search.indexing.reconciling import reconcile
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from catalog_search.searching import search, similar
from catalog_search.templatetags.catalog_search import more_like

pytestmark = pytest.mark.django_db

CODES = ["plain", "M8, 20 mm", 'say "so"', "x&y=z", "a_2Fb", "back\\slash", "{a,b}", "it's", "50 %", "ü ß", "<b>", "🪑"]


class Maker(models.Model):
    """Named by something else than its key."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "shop"
        db_table = '"public"."catalog_search_test_maker"'

    def __str__(self) -> str:
        return self.name


HELD = {
    "maker": ("acme", "Acme Inc."),
    "number": ("7", "7"),
    "lasts": ("01:00:00", "01:00:00"),
    "token": (str(uuid.UUID(int=5)), str(uuid.UUID(int=5))),
    "day": ("2026-05-01", "2026-05-01"),
    "weight": ("1.50", "1.50"),
    "made": ("2026-05-01 10:00:00+00", "2026-05-01 10:00:00+00"),
    "opens": ("08:30:00", "08:30:00"),
    "power": ("1.5", "1.5"),
    "ip": ("10.0.0.1", "10.0.0.1"),
    "ips": ("10.0.0.1", "10.0.0.1"),
    "volts": ("[1,5)", "[1,5)"),
    "fits": ("[1,5)", "[1,5)"),
    "mark": ("3", "3"),
    "seal": ("\\x6162", "\\x6162"),
    "mac": ("08:00:2b:01:02:03", "08:00:2b:01:02:03"),
}


class Address(models.Field):
    """A field that a shop wrote itself, of a type of the database that Django does not know."""

    def db_type(self, connection: Any) -> str:
        return "macaddr"


class Part(models.Model):
    """A thing with a key in words."""

    code = models.CharField(max_length=60, primary_key=True)
    name = models.CharField(max_length=60)
    maker = models.ForeignKey(Maker, models.CASCADE, to_field="code", null=True)
    number = models.PositiveIntegerField(default=7)
    lasts = models.DurationField(default=timedelta(hours=1))
    token = models.UUIDField(default=uuid.UUID(int=5))
    day = models.DateField(default=date(2026, 5, 1))
    weight = models.DecimalField(max_digits=6, decimal_places=2, default="1.50")
    made = models.DateTimeField(default=datetime(2026, 5, 1, 10, tzinfo=UTC))
    opens = models.TimeField(default=time(8, 30))
    power = models.FloatField(default=1.5)
    ip = models.GenericIPAddressField(default="10.0.0.1")
    ips = ArrayField(models.GenericIPAddressField(), default=["10.0.0.1", "::1"])
    volts = IntegerRangeField(default=(1, 5))
    fits = ArrayField(IntegerRangeField(), default=[(1, 5), (7, 9)])
    mark = models.JSONField(default=3)
    seal = models.BinaryField(default=b"ab")
    mac = Address(default="08:00:2b:01:02:03")

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class Parts(SearchIndex):
    """All columns as facets."""

    name = "part"

    text = ["name"]
    api = True
    facets = [Facet(name) for name in HELD]
    sorts = {"name": "name"}


for _model in (Part, Maker):
    # Other tests compare the models that Django knows with the migrations.
    del apps.all_models["shop"][_model._meta.model_name]


@pytest.fixture
def parts(db: None, dummy_models: Any) -> Iterator[SearchIndex]:
    """An index of parts with all of these keys."""
    with connection.schema_editor() as editor:
        editor.create_model(Maker)
        editor.create_model(Part)
    maker = Maker.objects.create(pk=77, code="acme", name="Acme Inc.")
    for number, code in enumerate(CODES):
        Part.objects.create(code=code, name=f"Part number {number}", maker=maker if number % 2 else None)
    index = Parts(Part)
    registry.add(index, "part")
    try:
        call_command("rebuild_search_index", index=["part"], sync=True, verbosity=0)
        yield index
    finally:
        registry.remove(index)


def test_all_are_found(parts: SearchIndex) -> None:
    assert {hit.key for hit in search(parts, "part", cutoff=None)} == set(CODES)
    assert {hit.key for hit in search(parts, "part number", sort="name", page_size=5)} <= set(CODES)


def test_links_to_more_like_this_lead_there(parts: SearchIndex, client: Client) -> None:
    for code in CODES:
        part = Part.objects.get(pk=code)
        response = client.get(more_like(part))
        both = client.get("/search/part/", {"like": write_keys(["other", code])}).context["chips"]

        assert [chip.value for chip in response.context["chips"]] == [str(part)]
        assert code not in [hit.key for hit in response.context["results"]]
        assert client.get(both[0].url).context["search_form"].cleaned_data["like"] == [code]


ODD = ["abc", "-1", "9" * 30, "1e200000", "NaN", "2026-02-31", "é", "'", "1 day 99"]


@pytest.mark.parametrize("name", HELD)
def test_columns_of_every_type_are_filtered_by(parts: SearchIndex, client: Client, name: str) -> None:
    value, label = HELD[name]
    found, *_ = search(parts, "").facets[name].values or ()
    chosen = search(parts, "", facets={name: [value]})

    assert (found.value, found.label) == (value, label)
    assert chosen.total == found.count
    assert [one.label for one in chosen.facets[name].values or () if one.chosen] == [label]
    for nothing in ODD:
        assert client.get("/search/part/", {name: nothing, "q": "part"}).context["results"].total == 0
        assert client.get("/api/search/part/", {name: nothing}).json()["total"] == 0


def test_endpoints_by_key(parts: SearchIndex, client: Client) -> None:
    for code in CODES:
        similar = client.get(f"/api/search/similar/part/{quote(code, safe='')}/")
        click = {"query_id": str(uuid.uuid4()), "product": code}

        assert similar.status_code == 200
        assert code not in [hit["id"] for hit in similar.json()["hits"]]
        assert client.post("/search/events/", click, content_type="application/json").status_code == 204


def test_keys_that_no_product_can_have(parts: SearchIndex, client: Client) -> None:
    assert client.get("/api/search/similar/part/a%00b/").status_code == 404
    assert client.get("/api/search/part/", {"like": "a\x00b"}).status_code == 400
    assert client.get("/api/search/part/", {"like": "a\nb"}).status_code == 400
    assert client.get("/api/search/part/", {"like": "none,such"}).json()["hits"] == []


class PartAdmin(SearchAdminMixin, admin.ModelAdmin):
    """Parts, found by meaning."""

    list_display = ["code", "search_thumbnail"]


site = admin.AdminSite(name="admin")
site.register(Part, PartAdmin)
urlpatterns = [path("admin/", site.urls)]


@pytest.mark.urls(__name__)
def test_the_admin_finds_them_and_leads_to_them(parts: SearchIndex, admin_client: Client) -> None:
    for number, code in enumerate(CODES):
        found = admin_client.get("/admin/shop/part/", {"q": f"part number {number}"}).context["cl"].result_list
        address = html.unescape(product_link("shop.part", code).split('"')[1])

        assert found[0].pk == code
        assert admin_client.get(address).context["original"].pk == code


def test_rules_and_the_playground_name_them(parts: SearchIndex, make_rule: Any, admin_client: Client) -> None:
    playground, offer = "/admin/catalog_search/judgement/playground/", "/admin/catalog_search/rule/products/"
    for code in CODES:
        pin = {"kind": "pin", "product": code, "position": 1}
        rule = make_rule(index="shop.part", searches="part", clean=True, actions=[pin])
        page = admin_client.get(playground, {"index": "part", "q": "part"})
        first = page.context["columns"][0][1][0]
        alike = admin_client.get(f"{playground}?index=part&{first.like}")
        offered = admin_client.get(offer, {"app_label": "shop.part", "term": "part"})
        rule.delete()

        assert first.hit.key == code
        assert f"?index=part&amp;{first.like}" in page.text
        assert alike.context["form"].cleaned_data["like"] == [code]
        assert code in [row["id"] for row in offered.json()["results"]]


class Flake(models.Model):
    """Numbered as distributed systems number: nineteen digits, some of them negative."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=60)
    parent = models.ForeignKey("self", models.CASCADE, null=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class Token(models.Model):
    """Numbered by chance."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=60)
    parent = models.ForeignKey("self", models.CASCADE, null=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class Heir(Flake):
    """Keyed by a row of another table."""

    class Meta:
        app_label = "shop"


class Label(models.Model):
    """Keyed by the row that it belongs to, as a profile is by its user."""

    token = models.OneToOneField(Token, models.CASCADE, primary_key=True)
    name = models.CharField(max_length=60)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


for _model in (Flake, Token, Heir, Label):
    del apps.all_models["shop"][_model._meta.model_name]

KEYS: dict[type[models.Model], list[Any]] = {
    Flake: [-5, 7, 2**60, -(2**62), 2**63 - 1, -(2**63)],
    Token: [uuid.UUID(int=number << 64) for number in range(6)],
    Heir: [-5, 7, 2**60, -(2**62), 2**63 - 1, -(2**63)],
}


@pytest.mark.parametrize("model", KEYS)
def test_keys_of_every_kind(model: Any, dummy_models: Any, client: Client, make_rule: Any) -> None:
    class Things(SearchIndex):
        name = "thing"
        text = ["name"]
        api = True
        variants = "parent"
        group_by = True
        facets = [Facet("parent"), HierarchyFacet("parent", name="tree", parent="parent")]
        sorts = {"name": "-name"}

    cache.clear()
    with connection.schema_editor() as editor:
        for table in (Flake, Token, Heir):
            editor.create_model(table)
    made = [model.objects.create(pk=key, name=f"Thing {number}") for number, key in enumerate(KEYS[model])]
    model.objects.filter(pk=made[5].pk).update(parent=made[0].pk)
    index = Things(model)
    registry.add(index, "thing")
    try:
        call_command("rebuild_search_index", index=["thing"], sync=True, verbosity=0)
        pages = [search(index, "thing", sort="name", page=page, page_size=2) for page in (1, 2, 3)]
        first = str(made[0].pk)

        assert search(index, "thing", group_by=False).total == 6
        assert search(index, "").total == search(index, "thing").total == 5
        assert len({hit.key for page in pages for hit in page}) == 5
        for name in ("parent", "tree"):
            for text in ("", "thing"):
                (value,) = search(index, text, group_by=False).facets[name].values or ()
                assert (value.value, value.label, value.count) == (first, "Thing 0", 1)
                assert search(index, text, facets={name: [first]}).total == 1
                assert search(index, text, facets={name: ["9" * 30]}).total == 0
        assert len(similar(index, made[0], size=9)) == 4  # neither itself nor its variant
        assert client.get(more_like(made[0])).context["chips"][0].value == "Thing 0"
        assert client.get(f"/api/search/similar/thing/{first}/").status_code == 200
        assert client.get("/search/thing/", {"like": "9" * 30}).status_code in (200, 400)
        assert len(client.get("/search/thing/suggest/", {"q": "thi"}).json()["products"]) == 5
        pin = {"kind": "pin", "product": str(made[3].pk), "position": 1}
        make_rule(index=index.label, searches="thing", clean=True, actions=[pin])
        assert search(index, "thing")[0].object.pk == made[3].pk
        # In a large catalogue the keys of few products are read once for all lanes.
        Generation.objects.update(ann_index="there")
        assert search(index, "thing", queryset=model.objects.filter(pk=made[2].pk))[0].object == made[2]
        assert search(index, "thing", queryset=model.objects.filter(name="Thing")).total == 0
    finally:
        registry.remove(index)


@pytest.mark.parametrize("model", [*KEYS, Label, Part])
def test_changes_by_keys_of_every_kind(model: Any, dummy_models: Any) -> None:
    """Told by triggers, by callers who write keys their own way, and found by comparing."""
    with connection.schema_editor() as editor:
        for table in (Maker, Part, Flake, Token, Heir, Label):
            editor.create_model(table)
    keys = {**KEYS, Label: KEYS[Token], Part: CODES}[model][:6]
    for key in keys if model is Label else ():
        Token.objects.create(pk=key)
    for number, key in enumerate(keys):
        model.objects.create(pk=key, name=f"Thing {number}")
    index = type("Things", (SearchIndex,), {"text": ["name"], "sorts": {"name": "name"}})(model)
    registry.add(index, "thing")

    def found(words: str) -> set[str]:
        drain()
        assert not Change.objects.exists()
        return {hit.key for hit in search(index, words, exact=True, lanes=["words"])}

    def written(*places: int) -> set[str]:
        return {str(keys[place]) for place in places}

    try:
        call_command("rebuild_search_index", index=["thing"], sync=True, verbosity=0)
        generation = Generation.objects.active(index.label)
        assert generation is not None

        model.objects.filter(pk=keys[1]).update(name="Told")
        append_keys(index, [str(keys[1]).upper() if model in (Token, Label) else str(keys[1])])
        assert found("told") == written(1)

        model.objects.filter(pk__in=[keys[2], keys[3]]).update(name="Compared")
        first = model.objects.order_by("pk").values_list("pk", flat=True)[0]
        seen = reconcile(generation, after=str(first))
        assert (seen.missing, seen.orphaned, seen.stale) == (0, 0, len({keys[2], keys[3]} - {first}))
        reconcile(generation)
        assert found("compared") == written(2, 3)

        call_command("search_triggers", install=True, verbosity=0)
        model.objects.filter(pk__in=[keys[4], keys[5]]).update(name="Heard")
        model.objects.filter(pk=keys[5]).delete()
        assert found("heard") == written(4)
        assert set(Document.objects.values_list("object_key", flat=True)) == written(0, 1, 2, 3, 4)
        assert not reconcile(generation, deep=True)
    finally:
        registry.remove(index)
