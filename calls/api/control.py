"""Operations that act on live calls; each is in the audit log under the client's name."""

from threading import BoundedSemaphore
from typing import Annotated, Any
from uuid import UUID

import msgspec
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from bots.api.reach import principal
from bots.rest.answers import answer
from bots.rest.authentication import scoped
from bots.rest.declared import declares
from bots.rest.problems import Problem, wrong_fields
from calls.acting import LONGEST_WAIT_S, NoAnswer, have_done
from calls.api.shapes import ActivitiesBody, OutcomeShown, Step
from calls.core.errands import cleaned
from calls.core.steering import Outcome, Steering
from calls.selectors import Sight
from calls.visitors import Refused, step_in

router = Router(tags=["Live calls"])
control = scoped("calls:control")
CallId = Annotated[UUID, Path(description="Id of the call.")]
Wait = Annotated[
    int,
    Query(
        ge=0,
        le=LONGEST_WAIT_S,
        description="After the call has accepted it, wait so many seconds for its effect; "
        "less when very many requests wait.",
    ),
]
MAX_WAITING = 24
"""Requests of a process that wait for an effect at the same time. Each holds one of its threads,
which the console and the other requests need too; further ones are answered without waiting."""
_places = BoundedSemaphore(MAX_WAITING)
_STATUS = {4400: 422, 4403: 403, 4404: 404, 4409: 409}
"""Codes of `Refused` as HTTP has them."""
_FIELDS = {
    "activities": "activities",
    "transfer": "target",
    "say": "text",
    "message": "text",
    "set": "value",
    "agent": "type",
}
"""The field of an act that can be wrong in a way that its form does not tell."""


@router.post(
    "/calls/{call_id}/activities",
    auth=control,
    response=OutcomeShown,
    operation_id="sendActivities",
    summary="Send activities into a live call",
    openapi_extra=declares(failures=(409, 504)),
)
def activities(
    request: HttpRequest, call_id: CallId, body: ActivitiesBody, wait: Wait = 0
) -> HttpResponse:
    """Any activities of the Bot API, carried out in order as if the bot had sent them.

    Answered as soon as the call has accepted them; 409 when it refuses them or is over.
    """
    given = {"do": "activities", "activities": body.activities}
    return done(request, call_id, given, body.reason, wait)


@router.post(
    "/calls/{call_id}/steps",
    auth=control,
    response=OutcomeShown,
    operation_id="stepIn",
    summary="Step into a live call",
    openapi_extra=declares(failures=(409, 504)),
)
def steps(request: HttpRequest, call_id: CallId, body: Step, wait: Wait = 0) -> HttpResponse:
    """What a supervisor can do in the console: hang up, transfer, say, message, mute, set.

    Answered as soon as the call has accepted it; 409 when it refuses it or is over.
    """
    return done(request, call_id, body.model_dump(exclude={"reason"}), body.reason, wait)


def done(
    request: HttpRequest, call_id: UUID, given: dict[str, Any], reason: str, wait: int
) -> HttpResponse:
    """Have the act that is ``given`` as on the wire done, and answer what came of it."""
    asker = principal(request)
    try:
        act = cleaned(msgspec.convert(given, Steering))
        step_in(Sight(asker.who), call_id, act, reason)
        outcome = _outcome(call_id, act, asker.name, wait)
    except (ValueError, OverflowError, msgspec.ValidationError) as error:
        raise wrong_fields({_FIELDS[given["do"]]: str(error)}) from None
    except Refused as refused:
        raise _problem(refused) from None
    except NoAnswer as error:
        raise Problem(504, detail=str(error), code="no_answer") from None
    if outcome.status == "failed":
        raise Problem(409, detail=outcome.detail, code="refused")
    return answer({"status": outcome.status, "detail": outcome.detail})


def _outcome(call_id: UUID, act: Steering, by: str, wait: int) -> Outcome:
    waits = wait > 0 and _places.acquire(blocking=False)
    try:
        return async_to_sync(have_done)(call_id, act, by, wait_s=wait if waits else 0)
    finally:
        if waits:
            _places.release()


def _problem(refused: Refused) -> Problem:
    status = _STATUS[refused.code]
    if status == 422:
        return wrong_fields({"reason": refused.reason})
    return Problem(status, detail=refused.reason, code="call_over" if status == 409 else "")
