"""URLs of the pages: providers."""

from django.urls import path

from bots.views import providers as pages

app_name = "providers"

urlpatterns = [
    path("", pages.provider_list, name="list"),
]
