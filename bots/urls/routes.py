"""URLs of the pages: numbers and routes."""

from django.urls import path

from bots.views import routes as pages

app_name = "routes"

urlpatterns = [
    path("", pages.route_list, name="list"),
    path("new/", pages.route_new, name="new"),
    path("<int:key>/", pages.route_edit, name="edit"),
    path("<int:key>/move/", pages.route_place, name="move"),
    path("<int:key>/delete/", pages.route_remove, name="delete"),
]
