"""The URL table of a gateway with single sign-on."""

from gateway_project.oidc_urls import urlpatterns as sign_on
from gateway_project.urls import handler403
from gateway_project.urls import urlpatterns as all_others

__all__ = ["handler403", "urlpatterns"]

urlpatterns = [*sign_on, *all_others]
