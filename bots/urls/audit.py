"""URLs of the pages: audit log."""

from django.urls import path

from bots.views import audit as pages

app_name = "audit"

urlpatterns = [
    path("", pages.audit_list, name="list"),
    path("export.csv", pages.export, name="export"),
]
