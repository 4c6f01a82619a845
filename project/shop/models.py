"""What the shop sells."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.urls import reverse


class Brand(models.Model):
    """A maker of products."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """A place in the catalogue, named by its whole path: "Home > Kitchen > Mugs"."""

    path = models.CharField(max_length=300, unique=True)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.split(" > ")[-1]

    @property
    def above(self) -> str:
        """The parts of the path before the last: who asks for "garden" means all that stands below."""
        return " ".join(self.path.split(" > ")[:-1])


class ProductQuerySet(models.QuerySet["Product"]):
    """Chainable questions about products."""

    def public(self) -> ProductQuerySet:
        """Keep what visitors may see."""
        return self.filter(is_public=True)

    def with_stock(self) -> ProductQuerySet:
        """Add ``in_stock``."""
        return self.annotate(in_stock=models.Case(models.When(stock__gt=0, then=True), default=False))


class Product(models.Model):
    """A thing for sale. A colour or size of another product has that product as its parent."""

    reference = models.CharField(max_length=100, unique=True)
    sku = models.CharField(max_length=60, blank=True)
    ean = models.CharField(max_length=14, blank=True)
    name = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    brand = models.ForeignKey(Brand, models.PROTECT, null=True, blank=True, related_name="products")
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="products")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="variants")
    colour = models.CharField(max_length=40, blank=True)
    size = models.CharField(max_length=20, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    stock = models.PositiveIntegerField(default=0)
    popularity = models.FloatField(default=0)
    is_public = models.BooleanField(default=True)
    created = models.DateTimeField()

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["-popularity", "id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the product's page."""
        return reverse("shop:product", args=[self.pk])

    def specification(self) -> dict[str, Any]:
        """Return the attributes in words for search: what is set, without bare numbers and flags."""
        return {key: value for key, value in self.attributes.items() if value not in (None, "", [], "No")}


class CatalogueLoad(models.Model):
    """A catalogue folder as it was loaded last: loading the very same again is skipped."""

    folder = models.CharField(max_length=500, unique=True)
    digest = models.CharField(max_length=40)

    def __str__(self) -> str:
        return self.folder


class ProductImage(models.Model):
    """A photo of a product; the one with the lowest position is shown first."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="images")
    file = models.ImageField(upload_to="products")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return str(self.file.name)
