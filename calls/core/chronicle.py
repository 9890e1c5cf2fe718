"""What happens in a call beside what is said: which events and commands are worth telling people.

A `Happening` never holds words of the conversation, digits or secrets. Of what bot and voice side
send, the names are told; values only of declared parameters, and only numbers and choices.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec

from bots.core.activities import Activity
from bots.core.agents import LATENCIES, ReportName
from bots.core.params.declare import Declared, Level
from bots.core.params.resolve import MASK, Catalogue, Resolved
from calls.core import commands, events
from calls.core.wording import clean

Source = Literal["voice", "bot", "gateway", "operator"]

WITHHELD = "…"
"""Stands for a value that is not told."""
MAX_NAMES = 40
"""Parameters of one activity that are told."""
MAX_CHARACTERS = 200
MAX_NAME_CHARACTERS = 64
MAX_VALUE_BYTES = 1_000

REPORTED: Mapping[ReportName, tuple[str, ...]] = {
    "connected": ("request_id",),
    "reconnected": ("request_id",),
    "latency": LATENCIES,
    "function_call": ("id", "name", "client_side"),
    "function_cancelled": ("id", "name"),
    "function_response": ("id", "name"),
    "injection_refused": ("message",),
    "warning": ("code", "description"),
    "error": ("code", "description"),
}
"""What is told of a voice agent's reports; the rest may be words of the conversation."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened; the fields are those of `calls.models.CallEvent`."""

    source: Source
    name: str
    detail: dict[str, Any] = {}


class Chronicle:
    """Tells what is worth telling of one call; ``configured`` is what it started with."""

    def __init__(self, configured: Resolved, providers: Mapping[str, str]) -> None:
        self._parameters = configured
        self._catalogue = configured.catalogue
        self._providers = providers
        self._taken = "accepted"
        self._of: dict[type, Callable[..., Happening | None]] = {
            events.CallArrived: self._arrived,
            events.CallStarted: lambda e: self._activity("voice", e.start),
            events.BotJoined: lambda _: Happening(source="bot", name="joined"),
            events.BotSpoke: lambda e: self._activity("bot", e.activity),
            events.BotLeft: lambda _: Happening(source="bot", name="left"),
            events.CallerSaid: _recognised,
            events.DigitsPressed: _digits,
            events.VoiceSideReported: lambda e: self._activity("voice", e.activity),
            events.TransferDone: _transferred,
            events.CallerHungUp: _hung_up,
            events.LegLost: lambda _: Happening(source="voice", name="connection-lost"),
            events.LegResumed: lambda _: Happening(source="voice", name="connection-back"),
            events.PlayUrlFailed: _file_failed,
            events.MetaDataSent: _metadata,
            events.EndRequested: _end_requested,
            commands.AcceptCall: lambda _: Happening(source="gateway", name=self._taken),
            commands.UseParameters: self._changed,
            commands.SendToBot: lambda c: self._activity("gateway", c.activity, to="bot"),
            commands.SendToVoiceSide: lambda c: self._activity("gateway", c.activity, to="voice"),
            commands.TransferCall: lambda _: Happening(source="gateway", name="transferring"),
            commands.HangUp: _hanging_up,
            commands.ShowState: _state,
            commands.RecordAct: self._act,
            commands.RecordReport: _reported,
            commands.ReportFault: self._fault,
            commands.ReportAnswer: lambda _: Happening(source="voice", name="answered"),
            commands.ReportMachine: _machine,
            commands.Finish: _finish,
        }

    def of(self, what: events.Event | commands.Command) -> Happening | None:
        """What is told of ``what``; None for what is seen elsewhere or not worth it."""
        tell = self._of.get(type(what))
        return None if tell is None else tell(what)

    def _arrived(self, event: events.CallArrived) -> Happening:
        if event.dialout is not None:
            self._taken = "dialing"
            return Happening(source="gateway", name="dialout")
        names = sorted(event.sip_headers)[:MAX_NAMES]
        detail = {"sipHeaders": [clean(name, MAX_NAME_CHARACTERS) for name in names]}
        return Happening(source="voice", name="arrived", detail=detail if names else {})

    def _activity(self, source: Source, activity: Activity, **detail: Any) -> Happening:
        name = activity.name if activity.kind == "event" else activity.type
        scopes = {
            "activityParams": activity.activity_params,
            "sessionParams": activity.session_params,
            "parameters": activity.parameters,
        }
        for scope, values in scopes.items():
            if isinstance(values, dict) and values:
                detail[scope] = self._told(values)
        if activity.value is not None:
            detail["value"] = WITHHELD
        return Happening(
            source=source, name=clean(name or "", MAX_NAME_CHARACTERS) or "unnamed", detail=detail
        )

    def _told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        told = {}
        for name in list(values)[:MAX_NAMES]:
            told[clean(str(name), MAX_NAME_CHARACTERS)] = _safe(self._catalogue, name, values[name])
        return told

    def _changed(self, command: commands.UseParameters) -> Happening | None:
        """Every parameter that has another value or origin, each as in a snapshot."""
        before, self._parameters = self._parameters, command.parameters
        names = _set_at_run_time(before) | _set_at_run_time(command.parameters)
        changed = {
            name: [_bounded(value), origin.name]
            for name in sorted(names)
            for origin, value in [command.parameters.chain(name)[-1]]
            if (origin, value) != before.chain(name)[-1]
        }
        if not changed:
            return None
        by_people = any(
            resolved.origin(name).level == Level.SUPERVISOR
            for name in changed
            for resolved in (before, command.parameters)
        )
        detail = dict(list(changed.items())[:MAX_NAMES])
        source: Source = "operator" if by_people else "bot"
        return Happening(source=source, name="parameters", detail=detail)

    def _act(self, command: commands.RecordAct) -> Happening:
        detail = {name: _bounded(value) for name, value in command.detail.items()}
        parameter = str(detail.get("parameter", ""))
        if parameter in self._catalogue and self._catalogue[parameter].param.secret:
            detail["value"] = MASK if detail.get("value") else ""
        by = clean(command.by, MAX_CHARACTERS)
        return Happening(source="operator", name=command.name, detail={"by": by, **detail})

    def _fault(self, command: commands.ReportFault) -> Happening:
        detail: dict[str, Any] = {"service": command.service, "fault": command.fault}
        provider = self._providers.get(command.service, "")
        detail |= {"provider": provider} if provider else {}
        detail |= {"detail": clean(command.detail, MAX_CHARACTERS)} if command.detail else {}
        return Happening(source="gateway", name="fault", detail=detail)


def no_input(times: int) -> Happening:
    """The caller's turn has passed without input, ``times`` times in a row."""
    return Happening(source="gateway", name="no-input", detail={"times": times})


def _set_at_run_time(resolved: Resolved) -> set[str]:
    return {
        name for layer in resolved.layers if layer.level >= Level.SESSION for name in layer.values
    }


def _bounded(value: Any) -> Any:
    """``value`` if it is small and can be kept as JSON by every database."""
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return WITHHELD
    fits = len(text) <= MAX_VALUE_BYTES and b"\\u0000" not in text
    return msgspec.json.decode(text) if fits else WITHHELD


def _safe(catalogue: Catalogue, name: str, value: Any) -> Any:
    if name not in catalogue or catalogue[name].param.secret:
        return WITHHELD
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return value if abs(value) < 1 << 53 else WITHHELD
    if isinstance(value, str) and value in _choices(catalogue[name]):
        return value
    return WITHHELD


def _choices(parameter: Declared) -> tuple[Any, ...]:
    annotation = parameter.field.annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _reported(command: commands.RecordReport) -> Happening:
    told = REPORTED.get(command.name, ())
    detail = {
        clean(str(key), MAX_NAME_CHARACTERS): _short(value) if key in told else WITHHELD
        for key, value in list(command.detail.items())[:MAX_NAMES]
    }
    name = "agent-" + command.name.replace("_", "-")
    return Happening(source="bot", name=name, detail=detail)


def _short(value: Any) -> Any:
    """``value`` if it is a short text or a number that every database keeps."""
    if isinstance(value, str):
        return clean(value, MAX_CHARACTERS)
    if isinstance(value, bool | int | float) and abs(value) < 1 << 53:
        return value
    return WITHHELD


def _recognised(event: events.CallerSaid) -> Happening | None:
    if not event.final:
        return None
    if not event.text:
        return Happening(source="gateway", name="not-understood")
    known = event.confidence is not None
    detail = {"confidence": event.confidence} if known else {}
    return Happening(source="gateway", name="recognised", detail=detail)


def _digits(event: events.DigitsPressed) -> Happening:
    return Happening(source="voice", name="dtmf", detail={"digits": len(event.digits)})


def _transferred(event: events.TransferDone) -> Happening:
    detail: dict[str, Any] = {"succeeded": event.succeeded}
    if not event.succeeded:
        detail["reasonCode"] = clean(event.reason_code, MAX_CHARACTERS) or "error"
    return Happening(source="voice", name="transfer", detail=detail)


def _hung_up(event: events.CallerHungUp) -> Happening:
    detail = {"reasonCode": clean(event.reason_code, MAX_CHARACTERS)}
    return Happening(source="voice", name="hangup", detail=detail)


def _file_failed(event: events.PlayUrlFailed) -> Happening:
    detail = {"reason": clean(event.reason, MAX_CHARACTERS)}
    return Happening(source="gateway", name="file-failed", detail=detail)


def _metadata(event: events.MetaDataSent) -> Happening:
    return Happening(source="gateway", name="metadata", detail={"sent": not event.problem})


def _end_requested(event: events.EndRequested) -> Happening:
    source: Source = "operator" if event.by == "operator" else "gateway"
    detail = {"cause": event.cause} if event.cause else {}
    return Happening(source=source, name="end-requested", detail=detail)


def _hanging_up(command: commands.HangUp) -> Happening:
    detail = {"reasonCode": command.reason_code}
    return Happening(source="gateway", name="hangup", detail=detail)


def _state(command: commands.ShowState) -> Happening:
    return Happening(source="gateway", name="state", detail={"state": command.state})


def _machine(command: commands.ReportMachine) -> Happening:
    detail = {"detected": command.detected, "afterMs": command.after_ms}
    return Happening(source="gateway", name="machine-detection", detail=detail)


def _finish(command: commands.Finish) -> Happening:
    detail = {"by": command.ended_by, "reasonCode": clean(command.reason_code, MAX_CHARACTERS)}
    detail |= {"cause": clean(command.cause, MAX_CHARACTERS)} if command.cause else {}
    return Happening(source="gateway", name="ended", detail=detail)
