"""The URL table of the gateway."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.urls import metadata_urlpatterns

from calls.channels import routes as voice
from gateway_project import apidocs, health, metrics, oauth
from gateway_project.api import api
from gateway_project.openapi import openapi_json

# Only what machine clients need: no pages where a signed-in user could register an application.
# The names are those the metadata document looks up.
_oauth = [
    path("oauth/token", csrf_exempt(oauth.Token.as_view()), name="token"),
    path("oauth/revoke", csrf_exempt(oauth.Revocation.as_view()), name="revoke-token"),
    path("oauth/introspect", csrf_exempt(oauth.Introspection.as_view()), name="introspect"),
    *(route for route in metadata_urlpatterns if route.name == "oauth-server-metadata"),
]

handler400 = "gateway_project.oauth.bad_request"
handler403 = "gateway_project.refusals.not_permitted"

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("metrics/process", metrics.process_metrics, name="metrics-process"),
    *voice.http_urlpatterns,
    path("", include((_oauth, "oauth2_provider"))),
    path("api/openapi.json", openapi_json, name="openapi"),
    path("api/docs", apidocs.page, name="api-docs"),
    path("api/v1/", api.urls),
    path("", include("gateway_project.console_urls")),
    path("bots/", include("bots.urls.bots")),
    path("providers/", include("bots.urls.providers")),
    path("routes/", include("bots.urls.routes")),
    path("people/", include("bots.urls.people")),
    path("clients/", include("bots.urls.clients")),
    path("deliveries/", include("bots.urls.deliveries")),
    path("audit/", include("bots.urls.audit")),
    path("alarms/", include("alarms.urls")),
    path("", include("calls.urls")),
]
