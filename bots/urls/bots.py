"""URLs of the pages: bots."""

from django.urls import path

from bots.views import bot_form as form
from bots.views import bots as pages
from bots.views import (
    bulk,
    compare,
    configuration_files,
    conformance,
    effective,
    revisions,
)

app_name = "bots"

urlpatterns = [
    path("", pages.bot_list, name="list"),
    path("-/new/", form.create, name="create"),
    path("-/new/parameters/", form.create_rows, name="create_rows"),
    path("-/bulk/", bulk.bulk_set, name="bulk"),
    path("-/bulk/pause/", bulk.bulk_pause, name="bulk_pause"),
    path("-/export/", configuration_files.export_page, name="export"),
    path("-/import/", configuration_files.import_page, name="import"),
    path("<slug:name>/revisions/", revisions.revision_list, name="revisions"),
    path("<slug:name>/revisions/<int:number>/", revisions.revision_detail, name="revision"),
    path("<slug:name>/revisions/<int:number>/restore/", revisions.revision_restore, name="restore"),
    path("<slug:name>/effective/", effective.effective_page, name="effective"),
    path("<slug:name>/effective/evaluate/", effective.evaluate, name="evaluate"),
    path("<slug:name>/compare/", compare.compare_page, name="compare"),
    path("<slug:name>/conformance/", conformance.latest, name="conformance"),
    path("<slug:name>/conformance/<uuid:run_id>/", conformance.run_page, name="conformance_run"),
    path("<slug:name>/", form.edit, name="edit"),
    path("<slug:name>/json/", form.raw, name="raw"),
    path("<slug:name>/parameters/", form.rows, name="rows"),
    path("<slug:name>/review/", form.review, name="review"),
    path("<slug:name>/save/", form.save, name="save"),
    path("<slug:name>/pause/", pages.pause, name="pause"),
    path("<slug:name>/clone/", pages.clone, name="clone"),
    path("<slug:name>/delete/", pages.delete, name="delete"),
    path("<slug:name>/token/", pages.token, name="token"),
]
