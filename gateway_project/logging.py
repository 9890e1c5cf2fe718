"""Logs: structlog and the standard library through one chain, one line each, without secrets.

Event names are constants such as ``call.started``; values go into keys. Data about callers goes
only under keys that start with ``pii.``; those are dropped unless the gateway was told to keep
them.
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from django.core.exceptions import PermissionDenied
from structlog.typing import EventDict, Processor, WrappedLogger

Style = Literal["console", "json"]

MASK = "•••"
_DEPTH_LIMIT = 8
_SECRET_WORDS = frozenset(
    {
        "apikey",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "key",
        "keys",
        "passphrase",
        "passwd",
        "password",
        "sas",
        "secret",
        "secrets",
        "sessionid",
        "sig",
        "signature",
        "token",
        "tokens",
    }
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_IN_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"\bvgw_[\w-]+"), f"vgw_{MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"(://[^\s/@:]*):[^\s/@]+@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"(?i)([?&;\s](?:[\w.-]*(?:token|secret|password|passwd|api_?key|signature)"
            r"|key|code|sig|sas)=)[^&\s\"']+"
        ),
        rf"\1{MASK}",
    ),
)
_OF_LINES = frozenset({"exception", "stack"})
# Control characters but tab and line feed; separators; writing directions.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_QUIET = {
    # Each connection, factory and request; our own access line says it once.
    "daphne": "WARNING",
    "twisted": "WARNING",
    # One line per scheduled task and run.
    "celery.beat": "WARNING",
    "celery.worker.strategy": "WARNING",
    "celery.app.trace": "WARNING",
    # Failed sign-ins; `gateway_project.sessions` says them once, without the name.
    "axes": "ERROR",
    # A worker that stops gives back what it had fetched; nothing is lost.
    "kombu.transport.virtual.base": "ERROR",
}


def configuration(*, style: Style, level: str, pii: bool) -> dict[str, Any]:
    """Set up structlog; return the matching standard library configuration (``dictConfig``).

    Everything goes to standard error. ``pii`` keeps keys that start with ``pii.``.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": before,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redactor(pii=pii),
            *([_show_controls] if style == "console" else []),
            _renderer(style),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"gateway": formatter},
        "filters": {"refusals": {"()": Refusals}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "gateway",
                "filters": ["refusals"],
            }
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {} if level == "debug" else {n: {"level": v} for n, v in _QUIET.items()},
    }


class Refusals(logging.Filter):
    """A refused page is one line: where in the code it was refused says nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the traceback of a refusal is dropped."""
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


def _renderer(style: Style) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(serializer=json.dumps, ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )


def _show_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Nothing that a terminal would obey or hide: paths and names come from anybody."""
    return {
        key: _shown(value, lines=key in _OF_LINES) if isinstance(value, str) else value
        for key, value in line.items()
    }


def _shown(text: str, *, lines: bool) -> str:
    shown = _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown if lines else shown.replace("\n", "\\n")


class Redactor:
    """A structlog processor that masks secrets at any depth and drops caller data.

    A value is masked when the last word of its key names a secret (``api_key``, ``clientSecret``,
    ``X-Api-Key``), and wherever text looks like one: bearer and basic credentials, tokens of this
    gateway, JSON web tokens, passwords in URLs and secret query parameters.
    """

    def __init__(self, *, pii: bool) -> None:
        self._pii = pii

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        """The line without secrets; a new mapping."""
        return self._mapping(event_dict, 0)

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for raw_key, value in values.items():
            key = str(raw_key)
            if key.startswith("pii.") and not self._pii:
                continue
            clean[key] = _masked(value) if _names_secret(key) else self._value(value, depth + 1)
        return clean

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth > _DEPTH_LIMIT:
            return "…"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth + 1) for item in value]
        return _redacted_text(value if isinstance(value, str) else repr(value))


def _names_secret(key: str) -> bool:
    words = re.split(r"[^a-z0-9]+", _CAMEL.sub("_", key).lower())
    return words[-1] in _SECRET_WORDS


def _masked(value: Any) -> Any:
    """A mask with the last four characters when the rest is long enough to stay secret."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    return f"{MASK}{value[-4:]}" if isinstance(value, str) and len(value) >= 16 else MASK


def _redacted_text(text: str) -> str:
    for pattern, replacement in _SECRET_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text
