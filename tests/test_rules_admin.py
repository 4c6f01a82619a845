"""Merchandising in the admin: writing, previewing, importing and taking back rules."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from catalog_search.models import Generation, Rule, RuleVersion, Synonym
from catalog_search.wording import synonyms

from .shop import Shop

MakeRule = Callable[..., Rule]

pytestmark = pytest.mark.django_db

RULES = "/admin/catalog_search/rule/"
VERSIONS = "/admin/catalog_search/ruleversion/"


def form(*actions: dict[str, Any], initial: int = 0, **fields: Any) -> dict[str, Any]:
    """What the browser sends for a rule with these actions."""
    told: dict[str, Any] = {
        "name": "Mug week",
        "index": "shop.product",
        "when": "searches",
        "searches": "mug",
        "enabled": "on",
        "priority": "0",
        "actions-TOTAL_FORMS": len(actions),
        "actions-INITIAL_FORMS": initial,
        **fields,
    }
    for number, action in enumerate(actions):
        told |= {f"actions-{number}-{name}": value for name, value in action.items()}
    return told


class TestEditing:
    def test_a_rule_is_written_and_acts(self, admin_client: Client, indexed_shop: Shop) -> None:
        pin = {"kind": "pin", "product": indexed_shop["dress"].pk, "position": 1}
        response = admin_client.post(f"{RULES}add/", form(pin, {"kind": "banner", "text": "Sale"}))

        assert response.status_code == 302, response.context["errors"]
        assert admin_client.get("/api/search/product/", {"q": "mug"}).json()["hits"][0]["title"] == "Summer dress"
        version = RuleVersion.objects.get()
        assert (version.editor, version.before, len(version.after["actions"])) == ("admin", None, 2)

    def test_mistakes_are_told_at_their_fields(self, admin_client: Client, indexed_shop: Shop) -> None:
        response = admin_client.post(
            f"{RULES}add/",
            form({"kind": "redirect", "url": "javascript:alert(1)"}, {"kind": "hide"}, conditions="shoe=1"),
        )
        errors = response.context["inline_admin_formsets"][0].formset.errors

        assert "url" in errors[0]
        assert "product" in errors[1]
        assert "conditions" in response.context["adminform"].errors
        assert not Rule.objects.exists()

    def test_the_form_shows_its_products(self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule) -> None:
        hide = [{"kind": "hide", "product": str(product.pk)} for product in indexed_shop.values()]
        rule = make_rule(searches="mug", actions=[*hide, {"kind": "hide", "product": "999999"}])
        page = admin_client.get(f"{RULES}{rule.pk}/change/").content.decode()

        assert "Red mug · MUG-1001" in page
        assert "Hide: Red mug · MUG-1001" in page
        assert "Secret mug · MUG-9999" in page
        assert page.count('height="64"') == len(indexed_shop)
        assert '<option value="999999" selected>999999</option>' in page

    def test_the_form_asks_the_same_however_many_actions(
        self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule
    ) -> None:
        def asked(number: int) -> int:
            keys = [str(product.pk) for product in indexed_shop.values()][:number]
            rule = make_rule(f"{number}", searches="x", actions=[{"kind": "hide", "product": key} for key in keys])
            with CaptureQueriesContext(connection) as queries:
                assert admin_client.get(f"{RULES}{rule.pk}/change/").status_code == 200
            return len(queries)

        asked(1)
        assert asked(2) == asked(6)

    def test_products_are_found_by_searching(
        self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule
    ) -> None:
        make_rule(when="always", actions=[{"kind": "hide", "product": str(indexed_shop["red chair"].pk)}])

        def found(**parameters: str) -> list[str]:
            return [row["text"] for row in admin_client.get(f"{RULES}products/", parameters).json()["results"]]

        assert found(term="red chair", app_label="shop.product")[0] == "Red chair · CH-77"
        assert found(term="secret", app_label="shop.product")[0] == "Secret mug · MUG-9999"
        assert len(found(app_label="shop.product")) == 6
        assert found(term="x", app_label="shop.gone", page="x") == []


class TestList:
    @pytest.mark.parametrize("page", ["0", "x", "9" * 30, "9" * 5000])
    def test_pages_of_products_that_cannot_be(self, admin_client: Client, indexed_shop: Shop, page: str) -> None:
        asked = {"app_label": "shop.product", "page": page}

        assert admin_client.get("/admin/catalog_search/rule/products/", asked).status_code == 200

    def test_it_tells_what_is_wrong(self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule("Gone", searches="mug", actions=[{"kind": "pin", "product": "999999", "position": 1}])
        make_rule("Facet", searches="mug", actions=[{"kind": "filter", "having": "shoe=1"}])
        make_rule("Index", index="shop.gone", searches="mug")
        secret = str(indexed_shop["draft"].pk)
        make_rule("Draft", searches="mug", actions=[{"kind": "pin", "product": secret, "position": 1}])
        make_rule("Hidden twice", searches="mug", actions=[{"kind": "hide", "product": secret}])
        page = admin_client.get(RULES).content.decode()

        assert "there is no product 999999" in page
        assert page.count(f"visitors do not see product {secret}") == 1
        assert "There is no filter &quot;shoe&quot;" in page
        assert "There is no search index &quot;shop.gone&quot;" in page

    def test_its_questions_are_bounded(self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule) -> None:
        def asked() -> int:
            with CaptureQueriesContext(connection) as queries:
                admin_client.get(RULES)
            return len(queries)

        for number in range(2):
            make_rule(f"a{number}", searches="x", actions=[{"kind": "hide", "product": "1"}])
        first = asked()
        for number in range(8):
            make_rule(f"b{number}", searches="x", actions=[{"kind": "hide", "product": "2"}])
        assert asked() == first

    def test_in_force_now(self, admin_client: Client, make_rule: MakeRule) -> None:
        now = timezone.now()
        make_rule("now", searches="x", starts_at=now - timedelta(1), ends_at=now + timedelta(1))
        make_rule("later", searches="x", starts_at=now + timedelta(1))
        make_rule("over", searches="x", ends_at=now - timedelta(1))
        make_rule("off", searches="x", enabled=False)
        admin = admin_client.get(RULES).context["cl"].model_admin

        assert [rule.name for rule in Rule.objects.all() if admin.in_force(rule)] == ["now"]

    def test_switching_is_a_change_by_somebody(self, admin_client: Client, make_rule: MakeRule) -> None:
        rule = make_rule(searches="x")
        admin_client.post(RULES, {"action": "disable", "_selected_action": [rule.pk]})

        assert not Rule.objects.get().enabled
        assert RuleVersion.objects.first().editor == "admin"
        admin_client.post(RULES, {"action": "enable", "_selected_action": [rule.pk]})
        assert Rule.objects.get().enabled


class TestPreview:
    def test_a_draft_is_shown_and_not_saved(self, admin_client: Client, indexed_shop: Shop, log_query: Any) -> None:
        log_query("mug", 3)
        log_query("chair", 1)
        pin = {"kind": "pin", "product": indexed_shop["dress"].pk, "position": 1}
        secret = {"kind": "pin", "product": indexed_shop["draft"].pk, "position": 2}
        response = admin_client.post(f"{RULES}preview/", form(pin, {"kind": "banner", "text": "Sale"}))
        warned = admin_client.post(f"{RULES}preview/", form(pin, secret))

        assert "visitors do not see" not in response.text
        assert f"visitors do not see product {secret['product']}" in warned.text
        page = " ".join(response.content.decode().split())

        assert (Rule.objects.count(), RuleVersion.objects.count()) == (0, 0)
        assert "1 of 1 pages change." in page
        assert "It concerns 1 of the 2 queries of the last 30 days, 75.0 % of all searches." in page
        assert "asked 3 times" in page
        assert re.search(r'<li class="cs-entered">.*?Summer dress', page)
        assert "<strong>Sale</strong>" in page

    def test_a_changed_rule_against_itself(self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule) -> None:
        hidden = str(indexed_shop["red mug"].pk)
        rule = make_rule("Mug week", searches="mug", actions=[{"kind": "hide", "product": hidden}])
        action = rule.actions.get()
        kept = {"id": action.pk, "rule": rule.pk, "kind": "hide", "product": hidden}

        def shown(*actions: dict[str, Any], **fields: Any) -> str:
            sent = form(*actions, initial=1, **fields)
            return " ".join(admin_client.post(f"{RULES}{rule.pk}/preview/", sent).content.decode().split())

        assert "0 of 1 pages change." in shown(kept)
        assert "1 of 1 pages change." in shown({**kept, "DELETE": "on"})
        assert "1 of 1 pages change." in shown(kept, {"kind": "banner", "text": "x", "rule": rule.pk})
        # A rule for next week is shown as it will be then.
        assert "Nothing changes here." in shown(kept, starts_at_0="2099-01-01", starts_at_1="00:00:00")
        assert rule.actions.count() == 1

    def test_the_page_of_a_filter(self, admin_client: Client, indexed_shop: Shop) -> None:
        pin = {"kind": "pin", "product": indexed_shop["photo mug"].pk, "position": 1}
        sent = form(pin, when="browsing", searches="", conditions="category=Home > Kitchen")
        page = admin_client.post(f"{RULES}preview/", sent).content.decode()

        assert "category=Home &gt; Kitchen" in page
        assert "cs-up" in page

    def test_mistakes_lead_back_to_the_form(
        self, admin_client: Client, indexed_shop: Shop, make_rule: MakeRule
    ) -> None:
        rule = make_rule("Mug week", searches="mug")
        for address in (f"{RULES}preview/", f"{RULES}{rule.pk}/preview/"):
            response = admin_client.post(address, form({"kind": "hide"}))
            assert response.context["inline_admin_formsets"][0].formset.errors == [
                {"product": ["Give a product, or what the products have; not both."]}
            ]
        assert Rule.objects.get().actions.count() == 0
        assert admin_client.get(f"{RULES}{rule.pk}/preview/").headers["Location"] == f"{RULES}{rule.pk}/change/"

    def test_beside_the_form(self, admin_client: Client, indexed_shop: Shop) -> None:
        pin = {"kind": "pin", "product": indexed_shop["dress"].pk, "position": 1}
        answer = admin_client.post(f"{RULES}preview/", form(pin, live=1))
        mistaken = admin_client.post(f"{RULES}preview/", form({"kind": "bury", "having": "colour=red"}, live=1))
        page = admin_client.get(f"{RULES}add/").content.decode()

        assert "1 of 1 pages change." in answer.content.decode()
        assert "<html" not in answer.content.decode()
        assert "Action #1, Strength: This is needed here." in mistaken.content.decode()
        assert "<html" not in mistaken.content.decode()
        assert f'data-preview="{RULES}preview/"' in page
        assert "catalog_search/preview.js" in page
        assert Rule.objects.count() == 0


class TestSynonyms:
    PAGE = "/admin/catalog_search/synonym/"

    def test_a_group_is_shown_and_not_saved(self, admin_client: Client, indexed_shop: Shop, log_query: Any) -> None:
        log_query("cup", 3)
        log_query("chair", 1)
        sent = {"typed": "", "words": "cup, mug", "index": "", "language": "", "enabled": "on", "notes": ""}
        page = " ".join(admin_client.post(f"{self.PAGE}preview/", sent).content.decode().split())

        assert Synonym.objects.count() == 0
        assert "1 of 2 pages change." in page
        assert "It concerns 1 of the 2 queries of the last 30 days, 75.0 % of all searches." in page
        assert re.search(r'<li class="cs-entered">.*?Red mug', page)

    def test_a_changed_group_against_itself(self, admin_client: Client, indexed_shop: Shop) -> None:
        group = Synonym.objects.create(words="cup, mug")
        synonyms.changed()
        kept = {"typed": "", "words": "cup, mug", "index": "shop.product", "language": "", "enabled": "on", "live": "1"}

        def shown(**fields: str) -> str:
            answer = admin_client.post(f"{self.PAGE}{group.pk}/preview/", {**kept, **fields})
            return " ".join(answer.content.decode().split())

        assert "0 of 2 pages change." in shown()
        assert "2 of 3 pages change." in shown(words="dish, mug")
        assert "1 of 2 pages change." in shown(typed="cup", words="dress")
        assert Synonym.objects.get().words == "cup, mug"

    def test_mistakes_and_permissions(self, admin_client: Client, client: Client, indexed_shop: Shop) -> None:
        assert "at least two words" in admin_client.post(f"{self.PAGE}preview/", {"words": "cup"}).content.decode()
        told = admin_client.post(f"{self.PAGE}preview/", {"words": "cup", "live": "1"}).content.decode()
        assert "The preview appears once" in told
        assert "at least two words" in told
        user = User.objects.create_user("reader", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_synonym"))
        client.force_login(user)
        assert client.post(f"{self.PAGE}preview/", {"words": "cup, mug"}).status_code == 403

    def test_queries_are_counted(
        self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            Synonym.objects.create(words=f"cup{number}, mug")
        with django_assert_max_num_queries(12):
            admin_client.get(self.PAGE)


class TestTrying:
    def test_other_weights(self, admin_client: Client, indexed_shop: Shop, log_query: Any) -> None:
        log_query("red mug", 3)
        log_query("summer dress", 1)
        asked = {"index": "shop.product", "queries": 20}
        same = admin_client.get(f"{RULES}try/", asked)
        other = admin_client.get(f"{RULES}try/", {**asked, "weight_words": "1", "cutoff": "-99"})
        page = " ".join(other.content.decode().split())

        assert same.context["comparison"].changed == []
        assert len(other.context["comparison"].changed) == 2
        assert "2 of 2 pages change, 100.0 % of what people asked in 30 days." in page
        assert "cs-entered" in page

    def test_another_generation(self, admin_client: Client, indexed_shop: Shop, log_query: Any) -> None:
        log_query("red mug", 1)
        empty = Generation.objects.create(index="shop.product", definition={}, state=Generation.State.READY)
        strange = Generation.objects.create(index="shop.brand", definition={}, state=Generation.State.READY)
        asked = {"index": "shop.product", "queries": 20}
        found = admin_client.get(f"{RULES}try/", {**asked, "generation": empty.pk}).context["comparison"]
        refused = admin_client.get(f"{RULES}try/", {**asked, "generation": strange.pk}).context["form"]

        assert found.changed[0].left
        assert "generation" in refused.errors

    def test_an_empty_log_and_no_question(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert "comparison" not in admin_client.get(f"{RULES}try/").context
        page = admin_client.get(f"{RULES}try/", {"index": "shop.product", "queries": 20}).content.decode()
        assert "The query log is empty" in page


def test_an_index_that_is_gone_is_not_exchanged_unseen(
    admin_client: Client, make_rule: MakeRule, indexed_shop: Shop
) -> None:
    added = admin_client.get(f"{RULES}add/").content.decode()
    assert re.findall(r'<select name="index"[^>]*>\s*<option value="([^"]*)"', added) == ["shop.product"]
    rule = make_rule(index="shop.gone", searches="mug")
    synonym = Synonym.objects.create(words="sofa, couch", index="shop.gone")
    for address in (f"{RULES}{rule.pk}/change/", f"/admin/catalog_search/synonym/{synonym.pk}/change/"):
        assert '<option value="shop.gone" selected>' in admin_client.get(address).content.decode()
        answer = admin_client.post(address, form(index="shop.gone", words="sofa, couch"))
        assert "shop.gone is not one of the available choices" in answer.content.decode()


office = admin.AdminSite(name="office")
for model, pages in admin.site._registry.items():
    office.register(model, type(pages))
urlpatterns = [path("admin/", admin.site.urls), path("office/", office.urls), path("", include("project.urls"))]


@pytest.mark.urls(__name__)
def test_a_site_beside_the_first_leads_to_its_own_pages(
    admin_client: Client, indexed_shop: Shop, make_rule: MakeRule
) -> None:
    rule = make_rule(searches="mug", actions=[{"kind": "hide", "product": indexed_shop["dress"].pk}])
    own = "/office/catalog_search/"
    addresses = [f"{own}{page}" for page in ("rule/add/", "rule/", "ruleversion/", "generation/overview/")]
    addresses += [f"{own}rule/{rule.pk}/change/", f"{own}judgement/queue/", f"{own}document/"]
    for address in addresses:
        page = admin_client.get(address).content.decode()
        assert page.count("/office/") > 5
        assert '"/admin/' not in page
    judge = {"index": "product", "q": "mug"}
    assert admin_client.get(f"{own}rule/{rule.pk}/history/").url.startswith(own)
    assert admin_client.post(f"{own}judgement/judge/?index=product&q=mug", judge).url.startswith(own)
    assert admin_client.get(f"{own}rule/{rule.pk}/preview/").url.startswith(own)


class TestFiles:
    def upload(self, client: Client, text: str, **fields: Any) -> Any:
        file = BytesIO(text.encode())
        file.name = "rules.csv"
        return client.post(f"{RULES}import/", {"file": file, "index": "shop.product", "key": "pk", **fields})

    def test_out_and_in(self, admin_client: Client, make_rule: MakeRule) -> None:
        rule = make_rule("Sale", searches="mug", actions=[{"kind": "banner", "text": "One"}])
        response = admin_client.post(RULES, {"action": "export", "_selected_action": [rule.pk]})
        text = response.content.decode("utf-8-sig").replace("One", "Two")
        assert response.content.startswith(codecs.BOM_UTF8)  # what Excel knows UTF-8 by

        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert b"Nothing is saved yet" in self.upload(admin_client, text, dry_run="on").content
        assert rule.actions.get().text == "One"
        assert self.upload(admin_client, text).status_code == 302
        assert rule.actions.get().text == "Two"
        assert RuleVersion.objects.first().editor == "admin"

    @pytest.mark.parametrize(
        "text", ["index,name,note\nshop.product,a," + "x" * 200_000, "index;name\rshop.product;a\rx;b\r"]
    )
    def test_what_is_no_table_is_told(self, admin_client: Client, indexed_shop: Shop, text: str) -> None:
        file = SimpleUploadedFile("rules.csv", text.encode())
        sent = {"file": file, "index": "shop.product", "key": "pk", "dry_run": "on"}
        response = admin_client.post("/admin/catalog_search/rule/import/", sent)

        assert response.status_code == 200
        assert response.context["form"].errors

    def test_mistakes_and_what_is_lost(self, admin_client: Client, indexed_shop: Shop) -> None:
        bad = self.upload(admin_client, "index,name,when\nproduct,A,sometimes\n")
        lost = self.upload(admin_client, '[{"objectID": "a", "consequence": {"params": {"ignorePlurals": true}}}]')
        no_key = self.upload(admin_client, "index,name,when,kind,product\nproduct,A,always,hide,1\n", key="barcode")

        assert "line 2" in bad.content.decode()
        assert "a: ignorePlurals: has no counterpart" in lost.content.decode()
        assert "has no field" in no_key.content.decode()
        assert not Rule.objects.exists()


class TestVersions:
    def test_who_changed_what_and_back(self, admin_client: Client, make_rule: MakeRule) -> None:
        rule = make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        admin_client.post(f"{RULES}{rule.pk}/change/", form(searches="cup", name="Rule"))
        admin_client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
        history = admin_client.get(f"{RULES}{rule.pk}/history/", follow=True).content.decode()

        assert "searches: mug → cup" in history
        assert not Rule.objects.exists()
        latest = RuleVersion.objects.first()
        admin_client.post(VERSIONS, {"action": "undo", "_selected_action": [latest.pk]})
        assert Rule.objects.get().searches == "cup"
        first = RuleVersion.objects.order_by("pk")[1]
        admin_client.post(VERSIONS, {"action": "bring_back", "_selected_action": [first.pk]})
        assert (Rule.objects.get().searches, Rule.objects.get().actions.get().text) == ("mug", "One")
        assert admin_client.get(f"{VERSIONS}{latest.pk}/change/").status_code == 200

    def test_deleting_several_is_kept(self, admin_client: Client, make_rule: MakeRule) -> None:
        keys = [make_rule(name, searches="x", actions=[{"kind": "banner", "text": "x"}]).pk for name in "ab"]
        admin_client.post(RULES, {"action": "delete_selected", "_selected_action": keys, "post": "yes"})

        assert [version.after for version in RuleVersion.objects.all()[:2]] == [None, None]
        assert all(version.before["actions"] for version in RuleVersion.objects.all()[:2])


class TestPermissions:
    @pytest.fixture
    def clerk(self, client: Client) -> Callable[..., Client]:
        def log_in(*names: str) -> Client:
            clerk = User.objects.create_user("clerk", is_staff=True)
            clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
            client.force_login(clerk)
            return client

        return log_in

    def test_who_may_not_look_sees_nothing(self, clerk: Any, make_rule: MakeRule) -> None:
        rule, client = make_rule(searches="x"), clerk("view_product")

        assert client.get(RULES).status_code == 403
        assert client.get(f"{RULES}products/", {"term": "x"}).status_code == 403
        assert client.post(f"{RULES}{rule.pk}/preview/", form()).status_code == 403
        assert client.post(f"{RULES}preview/", form()).status_code == 403
        assert client.get(f"{RULES}import/").status_code == 403
        assert client.get(f"{RULES}try/").status_code == 403
        assert client.get(VERSIONS).status_code == 403

    def test_actions_are_written_by_who_may_write_their_rule(
        self, clerk: Any, make_rule: MakeRule, indexed_shop: Shop
    ) -> None:
        rule = make_rule("Mug week", searches="mug", actions=[{"kind": "banner", "text": "One"}])
        action = rule.actions.get()
        pin = {"kind": "pin", "product": indexed_shop["dress"].pk, "position": 1}
        client = clerk("change_rule")
        draft = form({"id": action.pk, "rule": rule.pk, "kind": "banner", "text": "Two"}, initial=1)

        assert "Two" in client.post(f"{RULES}{rule.pk}/preview/", draft).content.decode()
        assert client.post(f"{RULES}{rule.pk}/change/", draft).status_code == 302
        assert rule.actions.get().text == "Two"
        User.objects.get().user_permissions.set(Permission.objects.filter(codename="add_rule"))
        assert client.get(f"{RULES}products/", {"app_label": "shop.product", "term": "dress"}).json()["results"]
        assert client.post(f"{RULES}preview/", form(pin)).status_code == 200
        client.post(f"{RULES}add/", form(pin, name="New"))
        assert Rule.objects.get(name="New").actions.get().kind == "pin"
        assert client.post(f"{RULES}{rule.pk}/change/", form(name="Stolen")).status_code == 403

    def test_no_link_leads_to_what_is_forbidden(self, clerk: Any, make_rule: MakeRule) -> None:
        rule = make_rule(searches="x")
        client = clerk("view_rule")
        for address in (RULES, f"{RULES}{rule.pk}/change/"):
            links = re.findall(r'href="(/admin/catalog_search/[^"]+)"', client.get(address).content.decode())
            assert links
            assert {client.get(link, follow=True).status_code for link in links} == {200}
        User.objects.get().user_permissions.set(Permission.objects.filter(codename__in=["view_rule", "add_rule"]))
        assert "/import/" not in client.get(RULES).content.decode()

    def test_who_may_look_changes_nothing(self, clerk: Any, make_rule: MakeRule) -> None:
        rule = make_rule(searches="x")
        client = clerk("view_rule", "view_ruleversion")
        # Drafts are offered to who writes rules.
        assert client.get(f"{RULES}products/", {"app_label": "shop.product", "term": "x"}).status_code == 403
        version = RuleVersion.objects.get()
        client.post(RULES, {"action": "disable", "_selected_action": [rule.pk]})
        client.post(VERSIONS, {"action": "undo", "_selected_action": [version.pk]})

        assert client.get(RULES).status_code == 200
        assert client.get(f"{RULES}{rule.pk}/change/").status_code == 200
        assert client.post(f"{RULES}{rule.pk}/preview/", form()).status_code == 403
        assert client.post(f"{RULES}{rule.pk}/change/", form({"kind": "banner", "text": "Two"})).status_code == 403
        assert Rule.objects.get().enabled
