"""Exports of the call history: at once, or as a file that a worker writes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import account, asking, permitted
from calls.database import db
from calls.exporting import (
    AT_ONCE,
    KEPT,
    MEDIA_TYPES,
    Order,
    export_create,
    file_name,
    order,
    ordered,
    path_of,
    record_export,
    written,
)
from calls.models import CallExport
from calls.selectors import Sight, visible_to

PIECE_BYTES = 64 * 1024


@require_POST
@permitted(Permission.EXPORT_CALLS)
def export(request: HttpRequest) -> HttpResponseBase:
    """Export what the history shows at the address in ``query``: a download, or a file later."""
    query = request.POST.get("query", "")
    kind = request.POST.get("format", "")
    back = f"{reverse('calls:history')}?{query}"
    if kind not in MEDIA_TYPES:
        messages.error(request, _("Choose the format of the export."))
        return redirect(back)
    sight = visible_to(request.user)
    wanted = order(query, kind, transcript=bool(request.POST.get("transcript")), now=now())
    if not sight.history or ((wanted.with_transcript or wanted.chosen.text) and not sight.searches):
        raise PermissionDenied(Permission.READ_TRANSCRIPTS)
    rows = ordered(sight, wanted).order_by().count()
    if rows <= AT_ONCE:
        record_export(wanted, rows)
        return _download(sight, wanted)
    try:
        export_create(account(request), query, wanted, rows)
    except ParameterError as error:
        messages.error(request, "; ".join(error.problems.values()))
        return redirect(back)
    messages.success(request, _("The export is being written. It appears here when it is ready."))
    return redirect("calls:exports")


@require_safe
@permitted(Permission.EXPORT_CALLS)
@never_cache
def exports(request: HttpRequest) -> HttpResponse:
    """The person's exports that were too large for a download."""
    own = list(CallExport.objects.filter(user=asking(request).user_id)[:50])
    todo = {CallExport.State.WAITING, CallExport.State.RUNNING}
    context = {
        "exports": own,
        "under_way": any(each.state in todo for each in own),
        "at_once": AT_ONCE,
        "kept_hours": int(KEPT.total_seconds() // 3600),
    }
    return render(request, "history/exports.html", context)


@require_safe
@permitted(Permission.EXPORT_CALLS)
@never_cache
def export_file(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """The file of an export; only its owner gets it."""
    own = CallExport.objects.filter(user=asking(request).user_id, state=CallExport.State.READY)
    found = get_object_or_404(own, pk=export_id, expires_at__gt=now())
    path = path_of(found)
    if not path.is_file():
        raise Http404(_("The file is gone. Export again."))
    record(Action.CALLS_EXPORTED, kind="export", target=found.pk, message="The file was downloaded")
    name = file_name(found.format, found.created_at)
    response = StreamingHttpResponse(_read(_content(path)), content_type=MEDIA_TYPES[found.format])
    response["Content-Length"] = str(path.stat().st_size)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _download(sight: Sight, wanted: Order) -> StreamingHttpResponse:
    pieces = (text.encode() for text, _rows in written(sight, wanted))
    response = StreamingHttpResponse(_read(pieces), content_type=MEDIA_TYPES[wanted.format])
    name = file_name(wanted.format, now())
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


async def _read(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """``pieces``, each made in a database thread while the event loop goes on."""
    while (piece := await db(next, pieces, None)) is not None:
        yield piece
