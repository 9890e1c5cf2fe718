"""Messages that direct an agent while it talks; they are Deepgram's own, checked as its settings.

Source: Deepgram "Voice Agent inputs".
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from bots.connectors.deepgram_agent.accounts import SERVICE
from bots.core.activities import Json
from bots.core.errors import Fault, ServiceError
from bots.core.params.problems import place, sentence
from bots.protocols.deepgram_agent import messages
from bots.protocols.deepgram_agent.form import (
    MAX_PROMPT,
    ListenProvider,
    OneOrMoreSpeaks,
    OneOrMoreThinks,
    Part,
)
from bots.protocols.deepgram_agent.settings import opened

MAX_SAID = 10_000
Said = Annotated[str, Field(min_length=1, max_length=MAX_SAID)]


class InjectAgentMessage(Part):
    """Have the agent say ``message``: if nobody is speaking, after what is queued, or at once."""

    message: Said
    behavior: Literal["default", "queue", "interrupt"] = "default"


class InjectUserMessage(Part):
    """Tell the agent ``content`` as if the caller had said it."""

    content: Said


class UpdatePrompt(Part):
    """Give the agent instructions beside those it has."""

    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]


class UpdateSpeak(Part):
    """Give the agent another voice, from its next utterance."""

    speak: OneOrMoreSpeaks


class UpdateThink(Part):
    """Give the agent another language model, with instructions and functions of its own."""

    think: OneOrMoreThinks


class NewListen(Part):
    """Other recognition."""

    provider: ListenProvider


class UpdateListen(Part):
    """Recognise the caller otherwise."""

    listen: NewListen


class ForceEndTurn(Part):
    """The caller has finished; for Flux models only."""


class FunctionCallResponse(Part):
    """Answer the function that the agent has called by this ``id``."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(max_length=1_000_000)]


CONTROLS: Mapping[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        InjectAgentMessage,
        InjectUserMessage,
        UpdatePrompt,
        UpdateSpeak,
        UpdateThink,
        UpdateListen,
        ForceEndTurn,
        FunctionCallResponse,
    )
}
"""By name, which is their ``type``."""
CONFIRMED = frozenset({"UpdatePrompt", "UpdateSpeak", "UpdateThink", "UpdateListen"})
"""Those that Deepgram confirms. A session that takes the talk over has them again."""
REFUSABLE = frozenset({"InjectAgentMessage", "ForceEndTurn"})
"""Those that Deepgram only tells about when it does not follow them."""


def written(
    control: BaseModel,
    secrets: Mapping[str, Json],
    values: Mapping[str, str],
    functions: list[Json],
) -> messages.ClientMessage:
    """``control`` as it is sent. ``functions`` are offered whatever replaces the instructions.

    Raises:
        LookupError: a secret is named that there is not.
    """
    match control:
        case InjectAgentMessage(message=message, behavior=behavior):
            return messages.InjectAgentMessage(message=message, behavior=behavior)
        case InjectUserMessage(content=content):
            return messages.InjectUserMessage(content=content)
        case UpdatePrompt(prompt=prompt):
            return messages.UpdatePrompt(prompt=prompt)
        case UpdateSpeak():
            return messages.UpdateSpeak(speak=opened(control.sent()["speak"], secrets, values))
        case UpdateThink():
            think = opened(control.sent()["think"], secrets, values, functions)
            return messages.UpdateThink(think=think)
        case UpdateListen():
            return messages.UpdateListen(listen=control.sent()["listen"])
        case FunctionCallResponse(id=id_, name=name, content=content):
            return messages.FunctionResult(id=id_, name=name, content=content)
        case _:
            return messages.ForceEndTurn()


def read(message: Json) -> tuple[str, BaseModel]:
    """The kind of a message and what it says.

    Raises:
        ServiceError: it is none of the controls.
    """
    kind = message.get("type")
    model = CONTROLS.get(kind) if isinstance(kind, str) else None
    if model is None:
        known = ", ".join(CONTROLS)
        raise ServiceError(SERVICE, Fault.INVALID_REQUEST, f"type must be one of {known}")
    fields = {name: value for name, value in message.items() if name != "type"}
    try:
        return str(kind), model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = place(first["loc"])
        detail = f"{where}: {sentence(first)}" if where else sentence(first)
        raise ServiceError(SERVICE, Fault.INVALID_REQUEST, detail) from None
