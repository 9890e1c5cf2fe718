"""URLs of the pages: one's own account."""

from django.urls import path

from bots.views import profile as pages

urlpatterns = [
    path("", pages.profile, name="profile"),
    path("password/", pages.password, name="profile-password"),
    path("sign-out-everywhere/", pages.sign_out_everywhere, name="sign-out-everywhere"),
]
