"""URLs of the pages: people."""

from django.urls import path

from bots.views import people as pages

app_name = "people"

urlpatterns = [
    path("", pages.people_list, name="list"),
]
