"""URLs of the pages: numbers and routes."""

from django.urls import path

from bots.views import routes as pages

app_name = "routes"

urlpatterns = [
    path("", pages.route_list, name="list"),
]
