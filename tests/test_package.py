"""The wheel: what it holds, and that the README's lines make a new project search."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.db import connection
from PIL import Image

from project.embedded.model import text_model_folder

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow

MODELS = """
from django.db import models


class Brand(models.Model):
    name = models.CharField(max_length=50)


class Product(models.Model):
    name = models.CharField(max_length=100)
    brand = models.ForeignKey(Brand, models.CASCADE)
    description = models.TextField(blank=True)
    photo = models.ImageField(blank=True)
    sku = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=9, decimal_places=2)
    created = models.DateTimeField(auto_now_add=True)
    is_public = models.BooleanField(default=True)

    def __str__(self):
        return self.name
"""
PAGE = """{% load catalog_search %}<title>A shop</title>{% search_box %}"""
VISIT = """
import json
from django.contrib.auth.models import User
from django.core.files import File
from django.test import Client
from django.test.utils import setup_test_environment
import catalog_search
from shop.models import Brand, Product

setup_test_environment()
brand = Brand.objects.create(name="Acme")
products = [("Red mug", "for tea and coffee"), ("Summer dress", "light and long"), ("Desk lamp", "for reading")]
for number, (name, description) in enumerate(products):
    with open("photo.jpg", "rb") as photo:
        Product.objects.create(
            name=name, brand=brand, description=description, sku=f"SKU-{number}", price=9, photo=File(photo, "a.jpg")
        )
Product.objects.create(name="Secret mug", brand=brand, sku="SKU-9", price=9, is_public=False)

from django.core.management import call_command
call_command("rebuild_search_index", sync=True, verbosity=0)
User.objects.create_superuser("owner", "owner@example.com", "owner")
client = Client()
found = {
    "package": catalog_search.__file__,
    "home": client.get("/").content.decode(),
    "page": client.get("/search/", {"q": "mug"}).content.decode(),
    "api": client.get("/api/search/product/", {"q": "mug"}).status_code,
    "browser": client.get("/api/search/product/", {"q": "mug"}, HTTP_ACCEPT="text/html").status_code,
}
client.login(username="owner", password="owner")
found["admin"] = client.get("/admin/shop/product/", {"q": "mug"}).content.decode()
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-q", "-w", folder]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def readme_parts() -> dict[str, str]:
    """The README's python blocks that name their file in the first line, by that name."""
    blocks = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return dict(blocks)


def test_the_wheel_holds_the_app_and_not_the_demo(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    package = ROOT / "catalog_search"
    wanted = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }

    assert wanted <= set(names)
    for part in ("templates/catalog_search/search.html", "static/catalog_search/search.css", "migrations/", "py.typed"):
        assert any(part in name for name in names), part
    assert {name.split("/")[0] for name in names} == {"catalog_search", names[-1].split("/")[0]}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_a_new_project_searches_with_the_readmes_lines(wheel: Path, empty_database: str, tmp_path: Path) -> None:
    installed, site = tmp_path / "installed", tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(pip, check=True)
    site.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"PYTHONPATH": str(installed), "PYTHONWARNINGS": "ignore"}

    def run(*command: str, text: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=site, env=environment, input=text, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "django", "startproject", "newshop", ".")
    run("manage.py", "startapp", "shop")
    written = connection.settings_dict
    settings = readme_parts()
    parts = {
        "newshop/settings.py": settings["settings.py"].replace(
            "sentence-transformers/clip-ViT-B-32", str(text_model_folder())
        )
        + f"""
CATALOG_SEARCH["RERANKER"] = None
INSTALLED_APPS += ["shop"]
TEMPLATES[0]["DIRS"] = [BASE_DIR / "pages"]
MEDIA_ROOT = BASE_DIR / "media"
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": {empty_database!r},
        "USER": {written["USER"]!r},
        "PASSWORD": {written["PASSWORD"]!r},
        "HOST": {written["HOST"]!r},
        "PORT": {written["PORT"]!r},
    }}
}}
""",
        "newshop/urls.py": settings["urls.py"]
        + "\nfrom django.views.generic import TemplateView\n"
        + "urlpatterns.append(path('', TemplateView.as_view(template_name='home.html')))\n",
        "shop/models.py": MODELS,
        "shop/search.py": settings["shop/search.py"],
        "shop/admin.py": settings["shop/admin.py"],
        "pages/home.html": PAGE,
    }
    for name, text in parts.items():
        path = site / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_text() if name.startswith("newshop/") else ""
        path.write_text(before + text)
    Image.new("RGB", (64, 64), "red").save(site / "photo.jpg")
    run("manage.py", "makemigrations", "shop", "-v0")
    run("manage.py", "migrate", "-v0")
    run("manage.py", "check")
    found = json.loads(run("manage.py", "shell", "-v0", text=VISIT).partition("FOUND")[2])

    assert Path(found["package"]).is_relative_to(installed)
    assert 'role="search"' in found["home"]
    assert "Red mug" in found["page"]
    assert "Secret mug" not in found["page"]
    assert (found["api"], found["browser"]) == (200, 200)
    assert "Secret mug" in found["admin"]
