"""Logs: structlog and the standard library through one chain, one line each, without secrets.

Event names are constants such as ``call.started``; values go into keys. Data about callers goes
only under keys that start with ``pii.``; those are dropped unless the gateway was told to keep
them.
"""

import logging
import re
from typing import Any, Literal

import structlog
from django.core.exceptions import PermissionDenied
from structlog.typing import EventDict, Processor, WrappedLogger

from bots.core.redaction import Redactor
from gateway_project import ecs

Style = Literal["console", "json"]

_OF_LINES = frozenset({"exception", "stack"})
_FOR_MACHINES = frozenset({"span_id", "trace_id", "user_agent"})
"""The console leaves them out: long, and of use only beside other records."""
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
_BEFORE: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)
"""What each line gets where it is written, from us and from libraries alike."""
# What these tell at the level debug nobody may read: queries with their values, secrets that a
# client got wrong.
_SECRETIVE = {
    "django.db.backends": "INFO",
    "oauth2_provider": "INFO",
    "oauthlib": "INFO",
    "requests_oauthlib": "INFO",
}


def configuration(
    *, style: Style, level: str, pii: bool, version: str = "", installation: str = ""
) -> dict[str, Any]:
    """Set up structlog; return the matching standard library configuration (``dictConfig``).

    Everything goes to standard error. ``pii`` keeps what is known of callers. Lines of the style
    ``json`` name ``version`` and ``installation``.
    """
    quiet = _SECRETIVE if level == "debug" else _SECRETIVE | _QUIET
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _BEFORE,
        "processors": [
            *([ecs.of_record] if style == "json" else []),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redactor(pii=pii),
            *_rendering(style, version, installation),
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
        "loggers": {name: {"level": least} for name, least in quiet.items()},
    }


class Refusals(logging.Filter):
    """A refused page is one line: where in the code it was refused says nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the traceback of a refusal is dropped."""
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


def _rendering(style: Style, version: str, installation: str) -> list[Processor]:
    if style == "json":
        fields = ecs.Fields(version=version, installation=installation)
        return [fields, ecs.Renderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback
    return [
        _show_controls,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain),
    ]


def _show_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Nothing that a terminal would obey or hide: paths and names come from anybody."""
    return {
        key: _shown(value, lines=key in _OF_LINES) if isinstance(value, str) else value
        for key, value in line.items()
        if key not in _FOR_MACHINES
    }


def _shown(text: str, *, lines: bool) -> str:
    shown = _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown if lines else shown.replace("\n", "\\n")
