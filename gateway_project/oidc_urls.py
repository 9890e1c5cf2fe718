"""Addresses of single sign-on; the callback is what the provider must know of the gateway."""

from django.urls import path

from gateway_project import oidc

urlpatterns = [
    path("sso/", oidc.begin, name="oidc_authentication_init"),
    path("sso/callback/", oidc.complete, name="oidc_authentication_callback"),
]
