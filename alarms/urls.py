"""URLs of the pages about alarms."""

from django.urls import path

from alarms.views import active, history, runbook

app_name = "alarms"

urlpatterns = [
    path("", active.active, name="active"),
    path("handle", active.handle, name="handle"),
    path("news", active.news, name="news"),
    path("state", active.state, name="state"),
    path("history/", history.history, name="history"),
    path("history.csv", history.export, name="export"),
    path("types/", runbook.types, name="types"),
    path("types/<slug:name>/", runbook.runbook, name="type"),
    path("<uuid:alarm_id>/", history.alarm, name="alarm"),
]
