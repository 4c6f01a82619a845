"""The back office of the demo shop: products are found by meaning, drafts included."""

from __future__ import annotations

from django.contrib import admin

from catalog_search.admin import SearchAdminMixin

from .models import Brand, Category, Product, ProductImage


class ProductImageInline(admin.TabularInline):
    """The photos of a product."""

    model = ProductImage
    extra = 1


@admin.register(Product)
class ProductAdmin(SearchAdminMixin, admin.ModelAdmin):
    """Products with their photos."""

    list_display = ["search_thumbnail", "name", "sku", "brand", "category", "price", "stock", "is_public"]
    list_display_links = ["search_thumbnail", "name"]
    list_filter = ["is_public", "brand", "category"]
    list_select_related = ["brand", "category"]
    list_per_page = 50
    search_fields = ["name", "sku", "ean"]
    autocomplete_fields = ["brand", "category", "parent"]
    readonly_fields = ["search_thumbnail"]
    inlines = [ProductImageInline]


@admin.register(Brand)
class BrandAdmin(admin.ModelAdmin):
    """The makers."""

    search_fields = ["name"]


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    """The places in the catalogue."""

    search_fields = ["path"]
