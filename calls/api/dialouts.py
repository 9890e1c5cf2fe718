"""Operations on outbound calls: ask for one, follow it, cancel it."""

import time
from typing import Annotated
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Path, Query, Router

from bots.api.reach import principal
from bots.audit import record
from bots.core.auditing import Action
from bots.models import Delivery
from bots.rest.answers import answer, cursor
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.problems import Problem
from bots.selectors import call_configuration
from calls.api.dialout_forms import (
    DialoutBody,
    DialoutDetail,
    DialoutFilters,
    DialoutList,
    DialoutReply,
    dialout_detail,
    dialout_shown,
)
from calls.api.paging import place_of
from calls.carriers.sandbox_numbers import holds_reply
from calls.core.dialling import Wish
from calls.dialout.runner import wake_runner
from calls.dialouts import request_cancel
from calls.dialouts.asking import (
    NotAllowed,
    TooManyQueued,
    dialout_page,
    dialout_request,
    matching_dialouts,
)
from calls.models import Dialout
from calls.selectors import Sight

router = Router(tags=["Outbound calls"])
dial = scoped("actions:dialout")
follow = scoped("calls:read", "actions:dialout")
DialoutId = Annotated[UUID, Path(description="The conversation id that the dialer was told.")]
HELD_SECONDS = 5.0
"""How long a reply that is to be overtaken waits for its notification at most."""
HELD_STEP = 0.05


@router.post(
    "/actions/dialout",
    auth=dial,
    response=DialoutReply,
    operation_id="dialOut",
    summary="Place an outbound call",
    openapi_extra=declares(IDEMPOTENCY_KEY, failures=(404,)),
)
def dial_out(request: HttpRequest, body: DialoutBody) -> HttpResponse:
    """Queue a call; the reply means that it was accepted, not that it was placed.

    The bot has to list the client in its parameter `dialoutClients`. What becomes of the call is
    told to `notifyUrl`, by HTTP POST: `failed`, or `answered` and then `completed`. The first
    notification can come before this reply.
    """
    asker = principal(request)
    given = body.model_dump()
    wish = Wish(**{name: value for name, value in given.items() if value is not None})

    def queue() -> Reply:
        made = dialout_request(wish, who=asker.who, client=asker.client, now=now())
        return Reply(200, {"conversationId": str(made.pk)})

    try:
        reply = answered_once(request, asker.client, queue)
    except NotAllowed as error:
        raise Problem(403, detail=str(error), code="dialout_not_allowed") from None
    except TooManyQueued as error:
        raise Problem(429, detail=str(error), headers={"Retry-After": "10"}) from None
    if wish.not_before is None:  # else it is found in time by itself
        wake_runner()
    if wish.notify_url and _held(body):
        _hold(reply.body["conversationId"])
    return answer(reply.body, status=reply.status)


@router.get(
    "/dialouts",
    auth=follow,
    response=DialoutList,
    operation_id="listDialouts",
    summary="List outbound calls",
)
def dialouts(request: HttpRequest, filters: Query[DialoutFilters]) -> HttpResponse:
    """Outbound calls that were asked for, newest first.

    With `calls:read` all of the bots that the client reaches, else those that it asked for itself.
    """
    found = matching_dialouts(
        _visible(request),
        state=filters.state or "",
        bot=filters.bot,
        target=filters.target,
        since=filters.from_,
        until=filters.to,
    )
    listed, more = dialout_page(found, size=filters.limit, after=place_of(filters.after))
    items = [dialout_shown(each) for each in listed]
    return answer(DialoutList(items=items, next=cursor(str(more)) if more is not None else None))


@router.get(
    "/dialouts/{dialout_id}",
    auth=follow,
    response=DialoutDetail,
    operation_id="getDialout",
    summary="Read an outbound call",
)
def dialout(request: HttpRequest, dialout_id: DialoutId) -> HttpResponse:
    """What has become of one outbound call, and of the notifications of it."""
    return answer(dialout_detail(_found(request, dialout_id)))


@router.post(
    "/dialouts/{dialout_id}/cancel",
    auth=dial,
    response={200: DialoutDetail, 202: DialoutDetail},
    operation_id="cancelDialout",
    summary="Cancel an outbound call",
    openapi_extra=declares(failures=(409,)),
)
def cancel(request: HttpRequest, dialout_id: DialoutId) -> HttpResponse:
    """Take a call back before it is answered.

    200: it is cancelled. 202: it rings, and its carrier is asked to stop. 409: it was answered (see
    the steps of live calls) or is over.
    """
    found = _found(request, dialout_id)
    with transaction.atomic():
        said = request_cancel(found.pk, now=now())
        if said in ("answered", "over"):
            state = "has been answered" if said == "answered" else "is over"
            raise Problem(409, detail=f"The call {state}.", code=said)
        record(Action.DIALOUT_CANCELLED, kind="dialout", target=found.pk, title=str(found))
    wake_runner()
    found.refresh_from_db()
    return answer(dialout_detail(found), status=200 if said == "cancelled" else 202)


def _visible(request: HttpRequest) -> QuerySet[Dialout]:
    asker = principal(request)
    if "calls:read" in asker.scopes:
        return Sight(asker.who).dialouts()
    return Dialout.objects.filter(client=asker.client)


def _found(request: HttpRequest, dialout_id: UUID) -> Dialout:
    found = _visible(request).filter(pk=dialout_id).first()
    if found is None:
        raise Problem(404, detail="There is no such outbound call, or the client may not see it.")
    return found


def _held(body: DialoutBody) -> bool:
    """Whether the sandbox plays a dialer that is notified before it has its reply."""
    if not holds_reply(body.target):
        return False
    carrier = call_configuration(body.bot).carrier
    return carrier is not None and carrier.plugin == "sandbox"


def _hold(dialout_id: str) -> None:
    """Wait for the first notification, which another process delivers."""
    first = Delivery.objects.filter(stream=f"dialout:{dialout_id}", seq=1)
    until = time.monotonic() + HELD_SECONDS
    while time.monotonic() < until:
        if first.exclude(state=Delivery.State.WAITING).exists():
            return
        time.sleep(HELD_STEP)
