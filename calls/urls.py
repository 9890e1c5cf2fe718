"""URLs of the pages about calls."""

from django.urls import path

from calls.views.dashboard import dashboard, dashboard_part
from calls.views.detail import delete, detail
from calls.views.dialling import dialout_new
from calls.views.dialouts import dialout, dialout_cancel, dialouts
from calls.views.export import export, export_file, exports
from calls.views.history import delete_view, history, save_view
from calls.views.live import live
from calls.views.system import drain, system, system_part, undrain
from calls.views.testcall import testcall, testcalls
from calls.views.transcripts import download

app_name = "calls"

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("dashboard/<slug:part>", dashboard_part, name="dashboard_part"),
    path("live/", live, name="live"),
    path("calls/", history, name="history"),
    path("calls/export", export, name="export"),
    path("calls/exports/", exports, name="exports"),
    path("calls/exports/<uuid:export_id>", export_file, name="export_file"),
    path("calls/views", save_view, name="save_view"),
    path("calls/views/<int:view_id>/delete", delete_view, name="delete_view"),
    path("calls/<uuid:call_id>/", detail, name="detail"),
    path("calls/<uuid:call_id>/delete", delete, name="delete"),
    path("calls/<uuid:call_id>/transcript.<slug:form>", download, name="download"),
    path("dialouts/", dialouts, name="dialouts"),
    path("dialouts/new", dialout_new, name="dialout_new"),
    path("dialouts/<uuid:dialout_id>/", dialout, name="dialout"),
    path("dialouts/<uuid:dialout_id>/cancel", dialout_cancel, name="dialout_cancel"),
    path("system/", system, name="system"),
    path("system/drain/", drain, name="drain"),
    path("system/undrain/", undrain, name="undrain"),
    path("system/part/<slug:part>", system_part, name="system_part"),
    path("test/", testcalls, name="testcalls"),
    path("test/<slug:bot>/", testcall, name="testcall"),
]
