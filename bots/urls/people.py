"""URLs of the pages: people."""

from django.urls import path

from bots.views import people as pages

app_name = "people"

urlpatterns = [
    path("", pages.people_list, name="list"),
    path("add/", pages.add, name="add"),
    path("roles/", pages.roles, name="roles"),
    path("<int:user_id>/", pages.person, name="person"),
    path("<int:user_id>/link/", pages.link, name="link"),
    path("<int:user_id>/unlock/", pages.lift, name="unlock"),
    path("<int:user_id>/deactivate/", pages.deactivate, name="deactivate"),
    path("<int:user_id>/activate/", pages.activate, name="activate"),
    path("<int:user_id>/delete/", pages.delete, name="delete"),
]
