"""Log lines in the Elastic Common Schema: one JSON object a line, every field of one type.

An index knows each field by one type and drops a line that brings another, so a value that does
not fit its field goes where everything goes that has no field: below ``gateway.detail``, which the
index template in ``ops/elk`` takes as text whatever it is.

Source: Elastic Common Schema 9.0, field reference; Elastic's specification of ECS logging.
"""

import json
import logging
import re
import socket
import sys
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ecs_logging import StructlogFormatter
from structlog.typing import EventDict, WrappedLogger

SCHEMA_VERSION = "9.0.0"
LONGEST_KEYWORD = 1024
"""Elasticsearch indexes no longer ones (``ignore_above``)."""

SERVICE = "voice-ai-gateway"
DETAIL = "gateway.detail."
CALLER_DATA = "gateway.pii."

_MISFIT = object()
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_TYPE_NAME = re.compile(r"[A-Za-z_][\w.]*")
_SURROGATES = re.compile("[\ud800-\udfff]")


def _keyword(value: Any) -> Any:
    if isinstance(value, bool | float) or value is None:
        return _MISFIT
    if isinstance(value, str | int):
        return _clean(str(value))[:LONGEST_KEYWORD]
    return _MISFIT


def _whole(value: Any) -> Any:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return value if fits else _MISFIT


def _nanoseconds(unit: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            return _MISFIT
        return round(value * unit)

    return convert


def _text(value: Any) -> Any:
    return _clean(value) if isinstance(value, str) else _MISFIT


def _event(value: Any) -> str:
    return _clean(str(value))


FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "timestamp": ("@timestamp", _keyword),
    "event": ("message", _event),
    "level": ("log.level", _keyword),
    "logger": ("log.logger", _keyword),
    "exception": ("error.stack_trace", _text),
    "error_type": ("error.type", _keyword),
    "error_message": ("error.message", _text),
    "fault": ("error.code", _keyword),
    "reason": ("event.reason", _keyword),
    "ms": ("event.duration", _nanoseconds(1_000_000)),
    "seconds": ("event.duration", _nanoseconds(1_000_000_000)),
    "method": ("http.request.method", _keyword),
    "request_id": ("http.request.id", _keyword),
    "status": ("http.response.status_code", _whole),
    "path": ("url.path", _text),
    "user_agent": ("user_agent.original", _keyword),
    "trace_id": ("trace.id", _keyword),
    "span_id": ("span.id", _keyword),
    "pid": ("process.pid", _whole),
    "thread": ("process.thread.name", _keyword),
    "call": ("gateway.call.id", _keyword),
    "ended_by": ("gateway.call.ended_by", _keyword),
    "reason_code": ("gateway.call.reason", _keyword),
    "conversation_id": ("gateway.conversation.id", _keyword),
    "bot": ("gateway.bot.name", _keyword),
    "config_revision": ("gateway.bot.revision", _whole),
    "channel": ("gateway.channel", _keyword),
    "service": ("gateway.service", _keyword),
    "dialout": ("gateway.dialout.id", _keyword),
    "delivery": ("gateway.delivery.id", _keyword),
    "client_id": ("gateway.client.id", _keyword),
    "alarm": ("gateway.alarm.type", _keyword),
    "task_id": ("gateway.task.id", _keyword),
    "task_name": ("gateway.task.name", _keyword),
}
"""Where each key of a line goes, and what makes a value fit there; see `Fields` for the rest."""


def _failure(value: Any) -> dict[str, Any]:
    """What `error=` brings: the name of a type, else a text."""
    if not isinstance(value, str):
        return {}
    named = _TYPE_NAME.fullmatch(value)
    return {"error.type" if named else "error.message": _clean(value)}


def _explanation(value: Any) -> dict[str, Any]:
    return {"error.message": _clean(value)} if isinstance(value, str) else {}


def _peer(value: Any) -> dict[str, Any]:
    """An address of a client, with or without its port."""
    text = str(value)
    host, _, port = text.rpartition(":")
    for address, number in ((text, ""), (host.strip("[]"), port)):
        try:
            fields: dict[str, Any] = {"client.ip": str(ip_address(address))}
        except ValueError:
            continue
        if number.isdecimal() and 0 < int(number) < 65536:
            fields["client.port"] = int(number)
        return fields
    return {}


_SEVERAL: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "error": _failure,
    "problem": _explanation,
    "detail": _explanation,
    "client": _peer,
    "address": _peer,
}


class Fields:
    """A structlog processor: the line as objects of the schema."""

    def __init__(self, *, version: str, installation: str) -> None:
        host = socket.gethostname()
        self._always = {
            "service.name": SERVICE,
            "service.version": version,
            "service.environment": installation,
            "service.node.name": f"{host}-{process_name(sys.argv)}",
            "process.name": process_name(sys.argv),
            "host.hostname": host,
        }

    def __call__(self, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        """A new mapping; its values have the types of `FIELDS` or are below `DETAIL`."""
        fields = dict(self._always)
        for key, value in line.items():
            if value is None:
                continue
            found = _fields_of(key, value)
            if found and fields.keys().isdisjoint(found):
                fields.update(found)
            elif key.startswith("pii."):
                fields[CALLER_DATA + _key(key[4:])] = _flat(value)
            else:
                fields[DETAIL + _key(key)] = _flat(value)
        fields.update(_about(fields))
        return _nested(fields)


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for field, value in fields.items():
        *parents, last = field.split(".")
        place = line
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return line


def _fields_of(key: str, value: Any) -> dict[str, Any]:
    known = FIELDS.get(key)
    if known is not None:
        field, convert = known
        fitting = convert(value)
        return {} if fitting is _MISFIT else {field: fitting}
    several = _SEVERAL.get(key)
    return several(value) if several is not None else {}


def _about(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from the rest: where the line comes from, what was done, how it went."""
    event = str(fields.get("message", ""))
    about = {"event.dataset": _dataset(str(fields.get("log.logger", "")), event)}
    if _ACTION.fullmatch(event):
        about["event.action"] = event
    status = fields.get("http.response.status_code")
    if any(name in fields for name in ("error.type", "error.message", "error.code")):
        about["event.outcome"] = "failure"
    elif status is not None:
        about["event.outcome"] = "failure" if status >= 400 else "success"
    return about


def _dataset(logger: str, event: str) -> str:
    room = logger.partition(".")[0]
    if event.startswith(("http.", "websocket.")):
        return "gateway.access"
    if room == "gateway_project":
        return "gateway.core"
    return f"gateway.{room}" if room in ("alarms", "bots", "calls") else "gateway.libraries"


def _key(name: str) -> str:
    # A name may not be empty; the index refuses the whole line.
    return _clean(name).replace(".", "_").replace("\0", "_")[:100].strip() or "_"


def _flat(value: Any) -> Any:
    """A scalar or a list of them; anything deeper as JSON text."""
    if isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return [_clean(item) for item in value]
    elif isinstance(value, str):
        return _clean(value)
    elif isinstance(value, bool | int):
        return value
    return _clean(json.dumps(value, ensure_ascii=False, default=str))


def _clean(text: str) -> str:
    """JSON readers refuse halves of surrogate pairs."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def process_name(argv: list[str]) -> str:
    """What this process is: ``web``, ``worker``, ``beat``, else the name of its command."""
    roles = [word for word in argv[1:] if word in ("web", "worker", "beat")]
    commands = argv[1:2] if Path(argv[0]).name == "manage.py" else [Path(argv[0]).name]
    return next(iter((*roles, *commands)), "python")


def of_record(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A structlog processor: process, thread and the error, of which only text is left later."""
    record: logging.LogRecord = line["_record"]
    line.update(pid=record.process, thread=record.threadName)
    told = line.get("exc_info")
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        line.update(error_type=type(error).__name__, error_message=str(error))
    return line


class Renderer(StructlogFormatter):
    """A structlog processor: the JSON text of a line that `Fields` has made."""

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
        """One line of JSON with the version of the schema that `FIELDS` follows."""
        line = {**event_dict, "ecs.version": SCHEMA_VERSION}
        return self._json_dumps(self.format_to_ecs(line))
