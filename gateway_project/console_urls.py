"""Signing in to and out of the console, confirming who one is, languages, search."""

from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog

from gateway_project import diagnostics, refusals, search, signing_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", signing_in.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("confirm/", signing_in.confirm, name="confirm"),
    path(
        "password/<uidb64>/<token>/",
        signing_in.ChoosePassword.as_view(),
        name="password_reset_confirm",
    ),
    path("profile/", include("bots.urls.profile")),
    path("search/", search.search, name="search"),
    path("search/quick/", search.quick_search, name="quick-search"),
    path("system/diagnostics", diagnostics.download, name="diagnostics"),
    path("csp-report", refusals.csp_report, name="csp-report"),
    path("session/", signing_in.session, name="session"),
    path("i18n/setlang/", signing_in.language, name="set_language"),
    path(
        "i18n/texts.js",
        cache_control(max_age=3600)(JavaScriptCatalog.as_view()),
        name="javascript-catalog",
    ),
]

if settings.SINGLE_SIGN_ON:
    urlpatterns.append(path("", include("gateway_project.oidc_urls")))
