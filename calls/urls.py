"""URLs of the pages about calls."""

from django.urls import path

from calls import views

app_name = "calls"

urlpatterns = [
    path("", views.home, name="home"),
    path("live/", views.live, name="live"),
    path("calls/", views.history, name="history"),
    path("calls/<uuid:call_id>/", views.detail, name="detail"),
]
