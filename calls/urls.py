"""URLs of the pages about calls."""

from django.urls import path

from calls.views.dashboard import dashboard
from calls.views.detail import detail
from calls.views.history import history
from calls.views.live import live
from calls.views.testcall import testcall, testcalls

app_name = "calls"

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("live/", live, name="live"),
    path("calls/", history, name="history"),
    path("calls/<uuid:call_id>/", detail, name="detail"),
    path("test/", testcalls, name="testcalls"),
    path("test/<slug:bot>/", testcall, name="testcall"),
]
