"""What a frame of the server comes to, beside events for the call."""

import msgspec

from bots.core.activities import Json
from bots.core.agents import ReportName
from bots.core.json_bounds import is_too_deep
from bots.core.ports import AgentReport, BotEvent
from bots.protocols.deepgram_agent import faults, messages
from bots.protocols.deepgram_agent.messages import MAX_FUNCTIONS, MAX_TEXT

MAX_NAME = 200
"""What is kept of names and ids, in characters."""
MAX_NOTE = 300
"""What is kept of the server's explanations."""


class Welcomed(msgspec.Struct, frozen=True):
    """The server is there; the settings are due."""

    request_id: str


class Applied(msgspec.Struct, frozen=True):
    """The settings hold; audio may flow."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The agent wants a function of ours called; ``problem``: its arguments cannot be read."""

    id: str
    name: str
    arguments: Json
    problem: str = ""


class Withdrawn(msgspec.Struct, frozen=True):
    """The result of a call is not wanted any more."""

    id: str


class Confirmed(msgspec.Struct, frozen=True):
    """A message of type ``kind`` was carried out."""

    kind: str


class Refused(msgspec.Struct, frozen=True):
    """A message of type ``kind`` was not carried out; ``reason`` in the server's words."""

    kind: str
    reason: str


class Aging(msgspec.Struct, frozen=True):
    """The session ends soon, for its age; another should take over in a pause."""


class Ignored(msgspec.Struct, frozen=True):
    """A frame that means nothing to us; ``problem`` holds nothing of its content but the type."""

    problem: str


Happening = (
    BotEvent
    | Welcomed
    | Applied
    | Asked
    | Withdrawn
    | Confirmed
    | Refused
    | Aging
    | Ignored
    | faults.Broken
)
"""What a frame comes to: events for the call, and what is for the connection itself."""


def asked(call: messages.FunctionCall) -> Asked:
    """``call`` as it is to be carried out."""
    name, id_ = cut(call.name, MAX_NAME), cut(call.id, MAX_NAME)
    try:
        arguments = msgspec.json.decode(call.arguments.encode(errors="replace") or b"{}")
    except (msgspec.DecodeError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict) or is_too_deep(arguments):
        return Asked(id=id_, name=name, arguments={}, problem="the arguments are no JSON object")
    return Asked(id=id_, name=name, arguments=arguments)


def withdrawn(message: messages.FunctionCallCancelled) -> list[Happening]:
    """The calls whose results are not wanted any more."""
    found: list[Happening] = []
    for call in message.functions[:MAX_FUNCTIONS]:
        id_ = cut(call.id, MAX_NAME)
        detail = {"id": id_, "name": cut(call.name, MAX_NAME)}
        found += [AgentReport(name="function_cancelled", detail=detail), Withdrawn(id_)]
    return found


Updated = (
    messages.ListenUpdated | messages.ThinkUpdated | messages.SpeakUpdated | messages.PromptUpdated
)
_UPDATES: dict[type[Updated], tuple[ReportName, str]] = {
    messages.ListenUpdated: ("listen_updated", "UpdateListen"),
    messages.ThinkUpdated: ("think_updated", "UpdateThink"),
    messages.SpeakUpdated: ("speak_updated", "UpdateSpeak"),
    messages.PromptUpdated: ("prompt_updated", "UpdatePrompt"),
}


def updated(message: Updated) -> list[Happening]:
    """A message of ours was carried out."""
    name, kind = _UPDATES[type(message)]
    return [AgentReport(name=name, detail={}), Confirmed(kind)]


def function_response(message: messages.FunctionCallResponse) -> AgentReport:
    """What a function on the server's side came to."""
    content = message.content
    if is_too_deep(content):
        content = ""
    if not isinstance(content, str):
        content = msgspec.json.encode(content).decode()
    detail = {
        "id": cut(message.id or "", MAX_NAME),
        "name": cut(message.name, MAX_NAME),
        "content": cut(content),
    }
    return AgentReport(name="function_response", detail=detail)


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """``text`` from the server, of bounded length."""
    return text[:limit]
