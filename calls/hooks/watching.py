"""From what happens in a call to what its handlers are told."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from bots.core.activities import Json
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.events import Event
from calls.hooks import happenings
from calls.hooks.delivery import Delivery
from calls.hooks.happenings import EventName, Happening
from calls.hooks.registration import Registered

_ROLES: dict[str, Literal["user", "assistant", "operator"]] = {
    "caller": "user",
    "bot": "assistant",
    "operator": "operator",
}
_UPDATED: dict[str, EventName] = {
    "prompt_updated": "prompt_updated",
    "speak_updated": "speak_updated",
    "think_updated": "think_updated",
    "listen_updated": "listen_updated",
}


class Watch:
    """Watches one call from beside its engine; costs next to nothing while nobody wants to know."""

    def __init__(self, delivery: Delivery, registered: Registered) -> None:
        self._delivery = delivery
        self._registered = registered
        self._started: datetime | None = None

    def happened(self, event: Event) -> None:
        """An event is handled."""
        now = datetime.now(UTC)
        match event:
            case events.BotJoined():
                self._started = now
                self._delivery.put("session_start", happenings.SessionStart(at=now))
            case events.VoiceStarted():
                self._tell("user_started_speaking", happenings.UserStartedSpeaking(at=now))
            case events.PlaybackDone(heard_ms=heard_ms, interrupted=interrupted):
                done = happenings.PlaybackDone(
                    at=now, heard_ms=round(heard_ms), interrupted=interrupted
                )
                self._tell("playback_done", done)
            case _:
                return

    def commanded(self, command: Command) -> None:
        """The engine wants ``command`` carried out."""
        now = datetime.now(UTC)
        match command:
            case commands.RecordLine(kind="speech", side=side) if side in _ROLES:
                line = happenings.ConversationText(
                    at=now, role=_ROLES[side], content=command.text, confidence=command.confidence
                )
                # NB kept for `Session.get_transcript`, whoever is told.
                self._delivery.put("conversation_text", line)
            case commands.SendToBot(activity) if activity.kind == "event":
                told = msgspec.to_builtins(activity)
                self._tell("activity", happenings.InboundActivity(at=now, activity=told))
            case commands.RecordReport(name=name, detail=detail):
                self._reported(name, detail, now)
            case commands.ReportFault(service=service, fault=fault, detail=detail):
                failed = happenings.Error(at=now, code=f"{service}:{fault}", description=detail)
                self._tell("error", failed)
            case commands.Finish():
                self._finished(command, now)
            case _:
                return

    def _tell(self, name: EventName, happening: Happening) -> None:
        if self._registered.wants(name):
            self._delivery.put(name, happening)

    def _reported(self, report: str, detail: Json, now: datetime) -> None:
        if report in _UPDATED:
            self._tell(_UPDATED[report], happenings.Updated(at=now))
        elif report in _REPORTS:
            name, made = _REPORTS[report]
            self._tell(name, made(detail, now))

    def _finished(self, finish: commands.Finish, now: datetime) -> None:
        started = now if self._started is None else self._started
        end = happenings.SessionEnd(
            at=now,
            reason=_reason(finish),
            duration_ms=round((now - started).total_seconds() * 1000),
            reason_code=finish.reason_code,
            text=finish.reason,
            cause=finish.cause,
        )
        self._delivery.put("session_end", end)


def _reason(finish: commands.Finish) -> Literal["transfer", "hangup", "ended", "error"]:
    if finish.reason_code == "transferred":
        return "transfer"
    if finish.cause or finish.reason_code == "error":
        return "error"
    return "hangup" if finish.ended_by == "caller" else "ended"


def _text(detail: Json, name: str) -> str:
    value = detail.get(name)
    return value if isinstance(value, str) else ""


def _call(detail: Json, now: datetime) -> Happening:
    arguments = detail.get("arguments")
    call = happenings.FunctionCall(
        id=_text(detail, "id"),
        name=_text(detail, "name"),
        arguments=arguments if isinstance(arguments, dict) else {},
        client_side=bool(detail.get("client_side")),
    )
    return happenings.FunctionCallRequest(at=now, functions=(call,))


def _response(detail: Json, now: datetime) -> Happening:
    return happenings.FunctionCallResponse(
        at=now,
        id=_text(detail, "id"),
        name=_text(detail, "name"),
        content=_text(detail, "content"),
    )


def _latency(detail: Json, now: datetime) -> Happening:
    took = {name: value for name, value in detail.items() if isinstance(value, int)}
    return happenings.Latency(at=now, took_ms=took)


def _coded(kind: type[happenings.Warning] | type[happenings.Error]) -> Callable[..., Happening]:
    def made(detail: Json, now: datetime) -> Happening:
        fields: dict[str, Any] = {
            "code": _text(detail, "code"),
            "description": _text(detail, "description"),
        }
        return kind(at=now, **fields)

    return made


def _connected(*, again: bool) -> Callable[[Json, datetime], Happening]:
    def made(detail: Json, now: datetime) -> Happening:
        request_id = _text(detail, "request_id")
        return happenings.AgentConnected(at=now, request_id=request_id, again=again)

    return made


_REPORTS: dict[str, tuple[EventName, Callable[[Json, datetime], Happening]]] = {
    "thinking": (
        "agent_thinking",
        lambda detail, now: happenings.AgentThinking(at=now, content=_text(detail, "content")),
    ),
    "audio_done": ("agent_audio_done", lambda _, now: happenings.AgentAudioDone(at=now)),
    "function_call": ("function_call_request", _call),
    "function_response": ("function_call_response", _response),
    "injection_refused": (
        "injection_refused",
        lambda detail, now: happenings.InjectionRefused(at=now, message=_text(detail, "message")),
    ),
    "latency": ("latency", _latency),
    "warning": ("warning", _coded(happenings.Warning)),
    "error": ("error", _coded(happenings.Error)),
    "connected": ("agent_connected", _connected(again=False)),
    "reconnected": ("agent_connected", _connected(again=True)),
}
"""Reports of agents to what handlers are told of them."""
