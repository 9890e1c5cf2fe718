"""URLs of the pages: providers."""

from django.urls import path

from bots.views import probing
from bots.views import provider_values as values
from bots.views import providers as pages

app_name = "providers"

urlpatterns = [
    path("", pages.provider_list, name="list"),
    path("new/", pages.provider_new, name="new"),
    path("-/check/<slug:name>/", probing.check_bot, name="check_bot"),
    path("-/audio/<str:token>/", probing.audio, name="audio"),
    path("<slug:name>/", pages.provider_page, name="page"),
    path("<slug:name>/test/", probing.test, name="test"),
    path("<slug:name>/parameters/", values.edit, name="parameters"),
    path("<slug:name>/parameters/save/", values.save, name="save"),
    path("<slug:name>/credentials/", values.credentials, name="credentials"),
    path("<slug:name>/delete/", pages.provider_remove, name="delete"),
]
