"""The diagnostics file: one ZIP of what somebody needs to know who helps with this gateway.

It holds no logs, no calls and no words of callers. Secrets are never read; what looks like a secret
or a phone number is masked wherever it stands, and so are the secrets of the environment.
"""

import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import distributions
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import structlog
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination
from bots import audit
from bots.core import registry
from bots.core.auditing import Action
from bots.core.redaction import MASK, Redactor
from bots.core.roles import Permission
from bots.guards import permitted
from bots.people import Person
from bots.services.export import current_document
from calls.attention import matters, provider_health
from calls.hooks.registration import registered
from calls.models import Call, Dialout
from calls.selectors import Sight
from calls.system.dependencies import dependencies
from calls.system.expiries import expiries
from calls.system.processes import processes
from calls.system.queues import queues
from calls.system.runs import runs
from calls.system.storage import storage
from gateway_project.environment import variables
from gateway_project.variables import UnreadableFile, given_text

EVENTS = 500
"""So many changes of alarms are part of it, the latest."""
_LEAST_SECRET = 6
"""A shorter value is not looked for elsewhere: it would be found in everything."""

README = """\
Diagnostics of a Voice AI Gateway.

about.json          versions of the gateway, Python, packages and database; plug-ins
environment.json    environment variables; of secret ones only whether they are set
processes.json      processes and how they are doing
parts.json          what the gateway depends on, and how long each part took to answer
queues.json         what waits, what was given up, what runs out, what keeps house
storage.json        sizes and free space
alarms.json         active alarms, the latest changes, rules, destinations without their settings
checks.json         what the gateway says about its own set-up
configuration.json  providers, bots and routes without secrets
calls.json          how many calls and outbound calls there are; nothing about any of them

There are no logs in it. Secrets and phone numbers are masked; look through it before you pass it
on: names of bots, hosts and clients are as they are.
"""

log = structlog.get_logger(__name__)

_EVERYTHING = Sight(Person(user_id=0, name="gateway", permissions=frozenset(Permission)))
_CannotTell = (DatabaseError, InterfaceError, OSError, LookupError, ValueError)


@require_safe
@permitted(Permission.ADMINISTER)
@never_cache
def download(_request: HttpRequest) -> HttpResponse:
    """The diagnostics file, which the audit log remembers."""
    now = timezone.now()
    audit.record(Action.DIAGNOSTICS_MADE, kind="diagnostics", title=file_name(now))
    answer = HttpResponse(bundle(now), content_type="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(now)}"'
    return answer


def file_name(now: datetime) -> str:
    """What the file of that moment is called."""
    return f"gateway-diagnostics-{now:%Y%m%d-%H%M%S}.zip"


def bundle(now: datetime) -> bytes:
    """The ZIP. A part that cannot be told (the database is away) says why, the others are there."""
    secrets = _environment_secrets(os.environ)
    held = io.BytesIO()
    with translation.override("en"), zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        for name, tell in _PARTS.items():
            archive.writestr(f"{name}.json", _written(_told(name, tell, now), secrets))
    return held.getvalue()


def _told(name: str, tell: Callable[[datetime], Any], now: datetime) -> Any:
    try:
        return tell(now)
    except _CannotTell as error:
        log.warning("diagnostics.part_missing", part=name, error=type(error).__name__)
        return {"problem": type(error).__name__}


def _written(told: Any, secrets: list[str]) -> str:
    plain = msgspec.to_builtins(told, enc_hook=str, str_keys=True)
    clean = Redactor(pii=False)(None, "", {"told": plain})["told"]
    text = json.dumps(clean, indent=2, ensure_ascii=False)
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _environment_secrets(environ: Mapping[str, str]) -> list[str]:
    """The secret values that the gateway was started with, the longest first."""
    found = {settings.SECRET_KEY, *settings.FIELD_KEYS}
    for variable in variables():
        if variable.secret:
            value = _text(variable, environ)
            found |= {value, *value.split(",")}
    for url in (
        settings.REDIS_URL,
        settings.CELERY_BROKER_URL,
        _text_of("DATABASE_URL", environ),
    ):
        found.add(unquote(_password(url)))
        found.add(_password(url))
    found = {value.strip() for value in found if len(value.strip()) >= _LEAST_SECRET}
    as_json = {json.dumps(value, ensure_ascii=False)[1:-1] for value in found}
    return sorted(found | as_json, key=lambda value: (-len(value), value))


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _text(variable: Any, environ: Mapping[str, str]) -> str:
    try:
        return given_text(variable, environ)
    except UnreadableFile:
        return ""


def _text_of(name: str, environ: Mapping[str, str]) -> str:
    return next(_text(each, environ) for each in variables() if each.name == name)


# --- the parts ------------------------------------------------------------------------------------


def _about(now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "gateway": settings.GATEWAY_NAME,
        "version": settings.VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "database": connection.vendor,
        "packages": sorted({f"{each.name} {each.version}" for each in distributions()}),
        "plugins": [
            {"kind": each.kind, "name": each.name, "module": each.factory.__module__}
            for each in registry.plugins()
        ],
        "broken_plugins": registry.broken,
        "broken_hooks": registered.broken,
    }


def _environment(_now: datetime) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for variable in variables():
        names = (variable.name, f"{variable.name}_FILE")
        given = any(os.environ.get(name, "").strip() for name in names)
        about: dict[str, Any] = {"name": variable.name, "given": given}
        if not variable.secret:
            about["value"] = _text(variable, os.environ)
        told.append(about)
    return told


def _processes(now: datetime) -> list[Any]:
    return [
        {**msgspec.structs.asdict(each), "state": each.state, "takes_calls": each.takes_calls}
        for each in processes(now)
    ]


def _parts(now: datetime) -> dict[str, Any]:
    return {
        "dependencies": dependencies(processes(now)),
        "providers": provider_health(_EVERYTHING, now),
        "migrations": sorted(
            f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
        ),
    }


def _queues(now: datetime) -> dict[str, Any]:
    told = [{**msgspec.structs.asdict(each), "title": str(each.title)} for each in runs()]
    return {
        "queues": queues(now, processes(now)),
        "expiries": expiries(now),
        "runs": told,
    }


def _storage(_now: datetime) -> Any:
    return storage()


def _alarms(_now: datetime) -> dict[str, Any]:
    rules = AlarmRule.objects.order_by("type").values()
    destinations = Destination.objects.values(
        "name", "notifier", "enabled", "min_severity", "types", "sources", "resend_minutes",
        "failures", "open_until", "last_success_at", "last_failure_at", "last_problem",
    )  # fmt: skip
    events = AlarmEvent.objects.values().order_by("-seq")[:EVENTS]
    return {
        "active": [_without_people(row) for row in ActiveAlarm.objects.values()],
        "latest": [_without_people(row) for row in events],
        "rules": [_without_people(row) for row in rules],
        "destinations": list(destinations),
    }


def _without_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` without who did something, and what they wrote about it."""
    return {name: v for name, v in row.items() if name != "comment" and not name.endswith("by")}


def _checks(now: datetime) -> dict[str, Any]:
    try:
        found = checks.run_checks()
    except ImproperlyConfigured as error:
        return {"problem": type(error).__name__}
    return {
        "checks": [{"id": each.id, "message": each.msg, "hint": each.hint} for each in found],
        "attention": matters(_EVERYTHING, [], now),
    }


def _configuration(_now: datetime) -> dict[str, Any]:
    document = current_document()
    return {
        "providers": {name: part.written() for name, part in document.providers.items()},
        "bots": {name: part.written() for name, part in document.bots.items()},
        "routes": [part.written() for part in document.routes],
    }


def _calls(_now: datetime) -> dict[str, Any]:
    states = Dialout.State
    under_way = (states.PLACING, states.DIALING, states.ANSWERED)
    return {
        "active": Call.objects.filter(state=Call.State.ACTIVE).count(),
        "dialouts_queued": Dialout.objects.filter(state=states.QUEUED).count(),
        "dialouts_under_way": Dialout.objects.filter(state__in=under_way).count(),
    }


_PARTS: dict[str, Callable[[datetime], Any]] = {
    "about": _about,
    "environment": _environment,
    "processes": _processes,
    "parts": _parts,
    "queues": _queues,
    "storage": _storage,
    "alarms": _alarms,
    "checks": _checks,
    "configuration": _configuration,
    "calls": _calls,
}
