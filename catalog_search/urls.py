"""Addresses of the storefront: ``path("search/", include("catalog_search.urls"))``."""

from __future__ import annotations

from django.urls import path

from .endpoints import events, facet_values, picture, suggestions
from .views import SearchView

app_name = "catalog_search"
urlpatterns = [
    path("", SearchView.as_view(), name="search"),
    path("picture/<str:token>.jpg", picture, name="picture"),
    path("events/", events, name="events"),
    path("facets/<str:index>/<str:facet>/", facet_values, name="facet"),
    path("suggest/", suggestions, name="suggest"),
    path("<str:index>/suggest/", suggestions, name="suggest"),
    path("<str:index>/", SearchView.as_view(), name="search"),
]
