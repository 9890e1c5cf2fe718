"""Directing the bot of a live call: messages that its plug-in declares, checked by their forms."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel, Field, create_model

from bots.core import registry
from bots.rest.declared import declares
from calls.api.control import CallId, Wait, control, done
from calls.api.shapes import OutcomeShown, Reason

router = Router(tags=["Live calls"])


def _forms() -> Any:
    """One form for each message of a plug-in that can direct its bots, told apart by ``type``."""
    declared: dict[str, type[BaseModel]] = {}
    for plugin in registry.plugins("bot"):
        for name, fields in plugin.controls.items():
            if declared.setdefault(name, fields) is not fields:
                raise TypeError(f"two plug-ins declare the message {name}")
    forms = [
        create_model(
            f"{name}Message",
            __base__=fields,
            __doc__=fields.__doc__,
            type=(Literal[name], ...),  # type: ignore[arg-type]  # a literal of a variable
            reason=(Reason, ""),
        )
        for name, fields in declared.items()
    ]
    if not forms:  # a plug-in that cannot be loaded must not take the API with it
        return create_model("AgentMessage", type=(str, ...), reason=(Reason, ""))
    if len(forms) == 1:
        return forms[0]
    return Annotated[reduce(or_, forms), Field(discriminator="type")]


if TYPE_CHECKING:

    class AgentMessage(BaseModel):
        """What every form has."""

        type: str
        reason: str

else:
    AgentMessage = _forms()


@router.post(
    "/calls/{call_id}/agent",
    auth=control,
    response=OutcomeShown,
    operation_id="directAgent",
    summary="Direct the voice agent of a live call",
    openapi_extra=declares(failures=(409, 504)),
)
def direct(
    request: HttpRequest, call_id: CallId, body: AgentMessage, wait: Wait = 0
) -> HttpResponse:
    """Have it say something, change its instructions, voice or model, or answer its function.

    Answered as soon as the call has accepted it; with `wait`, when the agent has confirmed it. 409
    when the bot of the call takes no such message.
    """
    message = body.model_dump(by_alias=True, exclude_unset=True, exclude={"reason"})
    given = {"do": "agent", "message": {**message, "type": body.type}}
    return done(request, call_id, given, body.reason, wait)
