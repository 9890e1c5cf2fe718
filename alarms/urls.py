"""URLs of the pages about alarms."""

from django.urls import path

from alarms.views import active, destination_form, destinations, history, rules, runbook

app_name = "alarms"
_ONE = "destinations/<slug:destination>"

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
    path("rules/", rules.rule_list, name="rules"),
    path("rules/<slug:name>/", rules.rule, name="rule"),
    path("rules/<slug:name>/preview", rules.rule_preview, name="rule_preview"),
    path("rules/<slug:name>/revert", rules.revert, name="rule_revert"),
    path("mib.txt", destinations.mib_file, name="mib"),
    path("destinations/", destinations.destination_list, name="destinations"),
    path("destinations/new/", destination_form.new, name="destination_new"),
    path(f"{_ONE}/", destinations.destination_page, name="destination"),
    path(f"{_ONE}/edit/", destination_form.edit, name="destination_edit"),
    path(f"{_ONE}/test", destinations.test, name="destination_test"),
    path(f"{_ONE}/resend", destinations.resend, name="destination_resend"),
    path(f"{_ONE}/retry", destinations.retry_dead, name="destination_retry"),
    path(f"{_ONE}/try", destinations.try_now, name="destination_try"),
    path(f"{_ONE}/switch", destinations.switch, name="destination_switch"),
    path(f"{_ONE}/delete", destinations.delete, name="destination_delete"),
    path(f"{_ONE}/<uuid:notification_id>/", destinations.notification, name="notification"),
    path(f"{_ONE}/<uuid:notification_id>/retry", destinations.retry, name="notification_retry"),
]
