"""Addresses of the API: ``path("api/search/", include("catalog_search.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from .views import EventView, FacetView, HealthView, MultiView, SearchView, SimilarView, SuggestView

app_name = "catalog_search_api"
urlpatterns = [
    path("events/", EventView.as_view(), name="events"),
    path("health/", HealthView.as_view(), name="health"),
    path("multi/", MultiView.as_view(), name="multi"),
    path("facets/<str:index>/<str:facet>/", FacetView.as_view(), name="facet"),
    path("suggest/<str:index>/", SuggestView.as_view(), name="suggest"),
    path("similar/<str:index>/<str:product>/", SimilarView.as_view(), name="similar"),
    path("<str:index>/", SearchView.as_view(), name="search"),
]
