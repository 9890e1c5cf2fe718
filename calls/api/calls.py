"""Operations on calls: records, transcripts, events and times of turns."""

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Path, Query, Router
from pydantic.alias_generators import to_camel

from bots.api.reach import principal
from bots.audit import record
from bots.core.auditing import Action
from bots.rest.answers import answer, cursor, page, place
from bots.rest.authentication import scoped
from bots.rest.problems import Problem, wrong_fields
from bots.rest.schemas import Filters
from calls.api.paging import place_of
from calls.api.shapes import (
    CallDetail,
    CallFilters,
    CallList,
    EventList,
    TranscriptShown,
    TurnList,
)
from calls.callrecord import as_subtitles, as_text
from calls.core.callfilter import CallFilter, parse
from calls.core.cdr import as_json, cdr
from calls.core.waterfall import waterfall
from calls.models import Call, Dialout
from calls.search import following, matching
from calls.selectors import Sight, transcript, turn_times

router = Router(tags=["Calls"])
read = scoped("calls:read")
CallId = Annotated[UUID, Path(description="Id of the call.")]


@router.get("/calls", auth=read, response=CallList, operation_id="listCalls", summary="List calls")
def calls(request: HttpRequest, filters: Query[CallFilters]) -> HttpResponse:
    """Calls past and present that match all conditions, newest first.

    Test calls are hidden unless `test` says otherwise. A search for words is audited.
    """
    sight, chosen = Sight(principal(request).who), _chosen(filters)
    after = place_of(filters.after)
    if chosen.text and after is None:
        record(Action.TRANSCRIPTS_SEARCHED, kind="call", after=chosen.summary())
    found = matching(sight, chosen)
    rows = found.calls.select_related("dialout")
    if filters.dialout is not None:
        rows = rows.filter(dialout=filters.dialout)
    listed, more = following(rows, size=filters.limit, after=after)
    shown = {
        "items": [_shown(call) for call in listed],
        "next": cursor(str(more)) if more is not None else None,
        "searchIsCut": found.is_cut,
    }
    return answer(shown)


@router.get(
    "/calls/{call_id}",
    auth=read,
    response=CallDetail,
    operation_id="getCall",
    summary="Read a call",
)
def call(request: HttpRequest, call_id: CallId) -> HttpResponse:
    """The record of one call, live or over."""
    found = _call(request, call_id)
    return answer({**_shown(found), "botResult": found.bot_result})


@router.get(
    "/calls/{call_id}/transcript",
    auth=read,
    response=TranscriptShown,
    operation_id="getTranscript",
    summary="Read a transcript",
    openapi_extra={
        "responses": {
            200: {
                "content": {
                    kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/vtt")
                }
            }
        }
    },
)
def transcript_of(
    request: HttpRequest,
    call_id: CallId,
    format: Annotated[
        Literal["json", "txt", "vtt"],
        Query(description="json, or for people: txt, or subtitles (WebVTT)."),
    ] = "json",
) -> HttpResponse:
    """What has been said in a call so far. Reading it is audited."""
    found = _call(request, call_id)
    if not Sight(principal(request).who).reads(found):
        raise Problem(403, detail="The client may not read what is said in this call.")
    with transaction.atomic():
        record(
            Action.TRANSCRIPT_READ,
            kind="call",
            target=found.pk,
            title=str(found),
            after={"format": format},
        )
        if format == "txt":
            return HttpResponse(as_text(found), content_type="text/plain; charset=utf-8")
        if format == "vtt":
            return HttpResponse(as_subtitles(found), content_type="text/vtt; charset=utf-8")
        lines = [_camel(msgspec.to_builtins(line)) for line in transcript(found.pk)]
    shown = {
        "callId": str(found.pk),
        "state": found.state,
        "deleted": found.transcript_deleted_at is not None,
        "items": [{**line, "fullText": line["fullText"] or None} for line in lines],
    }
    return answer(shown)


@router.get(
    "/calls/{call_id}/events",
    auth=read,
    response=EventList,
    operation_id="listCallEvents",
    summary="List the events of a call",
)
def events(request: HttpRequest, call_id: CallId, filters: Query[Filters]) -> HttpResponse:
    """What happened in a call beside what was said, in order."""
    rows = _call(request, call_id).events.order_by("seq")
    if (after := place(filters.after, int)) is not None:
        rows = rows.filter(seq__gt=after[0])
    fields = rows.values("seq", "offset_ms", "source", "name", "detail")
    listed, more = page(list(fields[: filters.limit + 1]), filters.limit)
    following_ = cursor(listed[-1]["seq"]) if more else None
    return answer({"items": [_camel(row) for row in listed], "next": following_})


@router.get(
    "/calls/{call_id}/turns",
    auth=read,
    response=TurnList,
    operation_id="listTurns",
    summary="List the turns of a call",
)
def turns(request: HttpRequest, call_id: CallId) -> HttpResponse:
    """Where the silence went between the caller's last word and the answer, turn by turn."""
    found = _call(request, call_id)
    listed = [msgspec.to_builtins(waterfall(times)) for times in turn_times(found.pk)]
    for turn in listed:
        turn["segments"] = [_camel(segment) for segment in turn["segments"]]
        turn["agent"] = _camel(turn["agent"]) if turn["agent"] else None
    return answer({"items": [_camel(turn) for turn in listed]})


def _call(request: HttpRequest, call_id: UUID) -> Call:
    visible = Sight(principal(request).who).calls()
    found = visible.filter(pk=call_id).select_related("dialout").first()
    if found is None:
        raise Problem(404, detail="There is no such call, or the client does not reach its bot.")
    return found


def _shown(call: Call) -> dict[str, Any]:
    dialout: Dialout | None = getattr(call, "dialout", None)
    told = dialout and {
        "id": str(dialout.pk),
        "target": dialout.target,
        "state": dialout.state,
        "machine": dialout.machine or None,
        "metadata": dialout.metadata,
    }
    kept = call.transcript_days and call.transcript_deleted_at is None
    address = f"{settings.PUBLIC_URL}/api/v1/calls/{call.pk}/transcript"
    return {
        **as_json(cdr(call, dialout_id=dialout.pk if dialout else None)),
        "dialout": told,
        "transcriptUrl": address if kept else None,
    }


def _camel(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {to_camel(name): value for name, value in fields.items()}


def _chosen(filters: CallFilters) -> CallFilter:
    """The filter as the console's history has it.

    Raises:
        Problem: 422: every part that cannot be understood.
    """
    given = filters.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"limit", "after", "dialout"}
    )
    # Who names an outbound call means it, be it one of the sandbox.
    if filters.dialout is not None:
        given.setdefault("test", "shown")
    if given.get("test") == "hidden":
        del given["test"]
    query = {
        name: [str(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in given.items()
    }
    chosen = parse(query, now(), UTC)
    if chosen.ignored:
        text = "cannot be understood; /api/docs says what it takes"
        raise wrong_fields(dict.fromkeys(chosen.ignored, text))
    return chosen
