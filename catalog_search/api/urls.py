"""Addresses of the API: ``path("api/search/", include("catalog_search.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from ..views import events
from .views import FacetView, HealthView, SearchView, SimilarView, SuggestView

app_name = "catalog_search_api"
urlpatterns = [
    path("events/", events, name="events"),
    path("health/", HealthView.as_view(), name="health"),
    path("facets/<str:index>/<str:facet>/", FacetView.as_view(), name="facet"),
    path("suggest/<str:index>/", SuggestView.as_view(), name="suggest"),
    path("similar/<str:index>/<str:pk>/", SimilarView.as_view(), name="similar"),
    path("<str:index>/", SearchView.as_view(), name="search"),
]
