"""The transcript of a call as a file: text, JSON, or subtitles."""

import re
from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.guards import permitted
from calls.callrecord import as_json, as_subtitles, as_text
from calls.models import Call
from calls.selectors import visible_to

FORMATS: dict[str, tuple[str, Callable[[Call], str]]] = {
    "txt": ("text/plain", as_text),
    "json": ("application/json", as_json),
    "vtt": ("text/vtt", as_subtitles),
}


@require_safe
@permitted(Permission.READ_TRANSCRIPTS, Permission.READ_LIVE, Permission.PLACE_TEST_CALLS)
@never_cache
def download(request: HttpRequest, call_id: UUID, form: str) -> HttpResponse:
    """The transcript as a file to keep; recorded in the audit log."""
    if form not in FORMATS:
        raise Http404
    sight = visible_to(request.user)
    call = get_object_or_404(sight.calls().select_related("snapshot"), pk=call_id)
    if not sight.reads(call):
        raise PermissionDenied(Permission.READ_TRANSCRIPTS)
    kind, written = FORMATS[form]
    with transaction.atomic():
        content = written(call)
        record(
            Action.TRANSCRIPT_DOWNLOADED,
            kind="call",
            target=call.pk,
            title=str(call),
            after={"format": form},
        )
    # The bot's name is a slug, yet a name at the time of the call may come from anywhere.
    bot = re.sub(r"[^a-z0-9_-]", "", call.bot_name)[:60] or "call"
    name = f"{bot}-{call.started_at:%Y%m%d-%H%M%S}-{str(call.pk)[:8]}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=f"{kind}; charset=utf-8", headers=headers)
