"""URLs of the pages: API clients."""

from django.urls import path

from bots.views import client_secrets as secrets
from bots.views import clients as pages

app_name = "clients"

urlpatterns = [
    path("", pages.client_list, name="list"),
    path("new/", secrets.new, name="new"),
    path("<int:client_key>/", pages.overview, name="page"),
    path("<int:client_key>/settings/", pages.settings_page, name="settings"),
    path("<int:client_key>/bots/", pages.dialling, name="bots"),
    path("<int:client_key>/enable/", pages.enable, name="enable"),
    path("<int:client_key>/disable/", pages.disable, name="disable"),
    path("<int:client_key>/delete/", pages.delete, name="delete"),
    path("<int:client_key>/tokens/", secrets.tokens, name="tokens"),
    path("<int:client_key>/tokens/<int:token_key>/revoke/", secrets.revoke, name="revoke"),
    path("<int:client_key>/rotate/", secrets.rotate, name="rotate"),
    path("<int:client_key>/rotate-notifications/", secrets.rotate_notifications, name="sign"),
]
