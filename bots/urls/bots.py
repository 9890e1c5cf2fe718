"""URLs of the pages: bots."""

from django.urls import path

from bots.views import bots as pages

app_name = "bots"

urlpatterns = [
    path("", pages.bot_list, name="list"),
]
