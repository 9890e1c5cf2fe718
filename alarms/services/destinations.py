"""Changing destinations of alarms, and trying them."""

import asyncio
import copy
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from alarms.core.catalogue import CATALOGUE, DESTINATION_FAILING
from alarms.core.declare import MAX_SOURCE_CHARS
from alarms.core.patterns import MAX_PATTERNS
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, Destination, Notification
from alarms.services.building import built, introduce, params_known, plugin_of
from alarms.services.claims import LEASE_S
from alarms.services.ledger import Change, Kind, locked_ledger, write
from alarms.services.notices import stored, test_notice
from alarms.services.resending import (
    KIND,
    close_circuit,
    resend_all,
    retry,
    retry_dead,
    try_now,
)
from bots import audit, credentials, secrets
from bots.core import noticing
from bots.core.auditing import Action
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import Level
from bots.core.registry import Plugin
from bots.net import outbound
from bots.services.checks import field_problems
from bots.services.traces import changed

log = structlog.get_logger(__name__)

TEST_S = 10.0
MAX_RESEND_MINUTES = 10_080
RESERVED = frozenset({"new"})
"""No names of destinations: the console's pages about all of them have these addresses."""
_SWITCHED_OFF = "the destination was switched off"
_FIELDS = ("enabled", "min_severity", "types", "sources", "resend_minutes")


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: ``fault`` and ``detail`` say why it failed, ``ms`` how long it took."""

    ok: bool
    ms: int
    fault: str = ""
    detail: str = ""


# --- changing -------------------------------------------------------------------------------------


def destination_create(
    *,
    name: str,
    notifier: str,
    params: Mapping[str, Any],
    credentials: Mapping[str, Any],
    enabled: bool = True,
    min_severity: int = Severity.WARNING,
    types: Sequence[str] = (),
    sources: Sequence[str] = (),
    resend_minutes: int = 0,
) -> Destination:
    """Store a new destination, which is told of alarms from here on. Secrets are encrypted.

    Raises:
        ParameterError: every problem, by field or wire name.
    """
    row = Destination(
        name=name,
        notifier=notifier,
        enabled=enabled,
        min_severity=min_severity,
        types=list(types),
        sources=list(sources),
        resend_minutes=resend_minutes,
        resent_at=timezone.now() if resend_minutes else None,
    )
    _check(row, _received(row, params, credentials))
    with transaction.atomic():
        row.save(force_insert=True)
        write(locked_ledger(), [])
        _audit(Action.ALARM_DESTINATION_CREATED, None, row)
    return row


def destination_update(
    *,
    destination: Destination,
    params: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    min_severity: int | None = None,
    types: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    resend_minutes: int | None = None,
) -> Destination:
    """Replace what is given, and answer the destination as it is then; what is None stays.

    The mask leaves one secret as it is. What waits is tried at once with what is new; when the
    destination is switched off it is given up.

    Raises:
        ParameterError: every problem, by field or wire name.
    """
    given = {
        "enabled": enabled,
        "min_severity": min_severity,
        "types": None if types is None else list(types),
        "sources": None if sources is None else list(sources),
        "resend_minutes": resend_minutes,
    }
    # NB first without the lock: a notifier may take a while to load.
    _check(*_changed(destination, given, params, credentials))
    with transaction.atomic():
        ledger = locked_ledger()
        before = Destination.objects.select_for_update().get(pk=destination.pk)
        after, _problems = _changed(before, given, params, credentials)
        after.save(update_fields=[*_FIELDS, "settings", "resent_at"])
        changes: list[Change] = []
        if after.enabled:
            close_circuit(after)
        else:
            changes = _silence(after)
        write(ledger, changes)
        _audit(Action.ALARM_DESTINATION_CHANGED, before, after)
    after.refresh_from_db()
    return after


def _changed(
    row: Destination,
    given: Mapping[str, Any],
    params: Mapping[str, Any] | None,
    credentials: Mapping[str, Any] | None,
) -> tuple[Destination, dict[str, str]]:
    """A copy of ``row`` with what is not None, and what is wrong with its settings."""
    after = copy.copy(row)
    for field, value in given.items():
        if value is not None:
            setattr(after, field, value)
    if after.resend_minutes != row.resend_minutes:
        after.resent_at = timezone.now() if after.resend_minutes else None
    if params is None and credentials is None and not after.enabled:
        return after, {}  # what cannot work any more can still be switched off
    return after, _received(after, params, credentials)


@transaction.atomic
def destination_delete(*, destination: Destination) -> None:
    """Remove ``destination`` with what it was told and what waits for it."""
    ledger = locked_ledger()
    # NB before its notifications, as couriers do: else each waits for the other.
    Destination.objects.select_for_update().filter(pk=destination.pk).first()
    _audit(Action.ALARM_DESTINATION_DELETED, destination, None)
    changes = _not_failing(destination)
    Destination.objects.filter(pk=destination.pk).delete()
    write(ledger, changes)


def _silence(destination: Destination) -> list[Change]:
    """Give up what waits: alarms of long ago must not arrive when it is switched on again."""
    waiting = destination.notifications.filter(state=Notification.State.WAITING)
    waiting.update(
        state=Notification.State.DEAD,
        finished_at=timezone.now(),
        lease_until=None,
        last_problem=_SWITCHED_OFF,
    )
    return _not_failing(destination)


def _not_failing(destination: Destination) -> list[Change]:
    """Clear the alarm about ``destination``: nobody waits for it any more."""
    kind = DESTINATION_FAILING
    found = ActiveAlarm.objects.filter(type=kind.name, source=kind.source(destination.name))
    if (alarm := found.first()) is None:
        return []
    alarm.delete()
    by = audit.current_actor().name
    return [
        Change(alarm=alarm, kind=Kind.CLEARED, at=timezone.now(), previous=alarm.severity, by=by)
    ]


# --- checks ---------------------------------------------------------------------------------------


def _received(
    row: Destination, params: Mapping[str, Any] | None, proofs: Mapping[str, Any] | None
) -> dict[str, str]:
    """Set parameters and credentials of ``row`` as they are given; what is wrong with them."""
    held = row.settings or {}
    kept = {"params": held.get("params", {}), "credentials": held.get("credentials", {})}
    try:
        plugin = plugin_of(row)
    except LookupError as error:
        return {"notifier": str(error)}
    problems: dict[str, str] = {}
    if params is not None:
        known = params_known(plugin)
        taken, problems = secrets.received(known, params, kept["params"])
        plain, unreadable = secrets.opened(known, taken)
        problems |= known.problems(Level.PROVIDER, plain) | unreadable
        kept["params"] = secrets.sealed(known, taken)
    if proofs is not None:
        kept["credentials"], refused = credentials.received(plugin, proofs, kept["credentials"])
        problems |= refused
    row.settings = kept
    return problems or _incomplete(plugin, row)


def _incomplete(plugin: Plugin, row: Destination) -> dict[str, str]:
    """What the notifier itself misses; what is kept in a key vault shows when it is used."""
    if credentials.in_vaults(row.settings["credentials"]):
        return {}
    try:
        params = plugin.params.model_validate(row.settings["params"])
        plugin.factory(params, credentials.opened(plugin, row.settings["credentials"]))
    except ParameterError as error:
        return error.problems
    return {}


def _check(row: Destination, problems: dict[str, str]) -> None:
    problems = field_problems(row) | problems
    if row.name in RESERVED:
        problems["name"] = _("is the address of a page of the console; choose another")
    if not Severity.INDETERMINATE <= row.min_severity <= Severity.CRITICAL:
        problems["min_severity"] = _("must be a severity from indeterminate to critical")
    if unknown := [each for each in row.types if each not in CATALOGUE]:
        problems["types"] = _("there is no type %(name)s") % {"name": str(unknown[0])[:60]}
    if problem := _patterns_problem(row.sources):
        problems["sources"] = problem
    if not 0 <= row.resend_minutes <= MAX_RESEND_MINUTES:
        text = _("must be from 0 (never) to %(most)d")
        problems["resend_minutes"] = text % {"most": MAX_RESEND_MINUTES}
    if problems:
        raise ParameterError(problems)


def _patterns_problem(sources: Sequence[Any]) -> str:
    if len(sources) > MAX_PATTERNS:
        return _("must be at most %(most)d") % {"most": MAX_PATTERNS}
    for each in sources:
        good = isinstance(each, str) and 0 < len(each) <= MAX_SOURCE_CHARS and each.isprintable()
        if not good:
            return _("each must be one line of 1 to %(most)d characters") % {
                "most": MAX_SOURCE_CHARS
            }
    return ""


# --- trying ---------------------------------------------------------------------------------------


def destination_test(*, destination: Destination) -> Tried:
    """Send a test now, whatever its circuit says, and leave it in the history.

    Takes up to `TEST_S`, longer where a key vault is asked; not to be called in a transaction. When
    the test arrives, what waits is tried at once too.
    """
    introduce()
    key, now = uuid.uuid4(), timezone.now()
    actor = audit.current_actor().name
    notice = test_notice(key, now, actor)
    row = stored(notice, destination, now)
    row.lease_until = now + timedelta(seconds=LEASE_S)
    row.save(force_insert=True)
    tried = _tried(destination, notice)
    with transaction.atomic():
        _keep(row, tried)
        _note(destination, tried)
        audit.record(
            Action.ALARM_DESTINATION_TESTED,
            kind=KIND,
            target=destination.pk,
            title=destination.name,
            after={"ok": tried.ok, "fault": tried.fault, "detail": tried.detail},
        )
    return tried


def _tried(destination: Destination, notice: Notice) -> Tried:
    begun = time.monotonic()
    fault, detail = "", ""
    try:
        # NB a loop of this thread's own: that of the calls must not wait for any of this.
        asyncio.run(_sent(destination, notice))
    except ServiceError as error:
        fault, detail = error.fault.value, error.detail
    except TimeoutError:
        fault, detail = Fault.TIMEOUT.value, "no answer in time"
    except Exception:
        # The root of an attempt, as in the courier: whatever a notifier does, people are told.
        log.exception("alarms.notifier_broken", destination=destination.name)
        fault, detail = Fault.INTERNAL.value, "an error inside the gateway"
    ms = round((time.monotonic() - begun) * 1000)
    return Tried(ok=not fault, ms=ms, fault=fault, detail=detail)


async def _sent(destination: Destination, notice: Notice) -> None:
    notifier = await asyncio.to_thread(built, destination)
    try:
        async with asyncio.timeout(TEST_S):
            await notifier.send(notice)
    finally:
        await notifier.close()
        await outbound().close()


def _keep(row: Notification, tried: Tried) -> None:
    # NB the destination may have been deleted meanwhile, with everything it was told.
    Notification.objects.filter(pk=row.pk).update(
        state=Notification.State.DELIVERED if tried.ok else Notification.State.DEAD,
        attempts=1,
        lease_until=None,
        finished_at=timezone.now(),
        last_problem="" if tried.ok else f"{tried.fault}: {tried.detail}"[:300],
    )


def _note(destination: Destination, tried: Tried) -> None:
    rows = Destination.objects.filter(pk=destination.pk)
    if tried.ok:
        rows.update(last_success_at=timezone.now())
        close_circuit(destination)
        # What was given up is not tried again by itself, so nothing else may tell that it works.
        works = partial(noticing.worked, DESTINATION_FAILING.name, destination.name)
        transaction.on_commit(works, robust=True)
    else:
        detail = f"{tried.fault}: {tried.detail}"[:300]
        rows.update(last_failure_at=timezone.now(), last_problem=detail)


# --- audit ----------------------------------------------------------------------------------------


def _audit(action: Action, before: Destination | None, after: Destination | None) -> None:
    one = after or before
    assert one is not None  # noqa: S101 - a change has at least one side
    old, new = changed(_state(before), _state(after))
    audit.record(action, kind=KIND, target=one.pk, title=one.name, before=old, after=new)


def _state(destination: Destination | None) -> dict[str, Any] | None:
    """What the audit log compares; secrets are masked, so that a new one shows by its name only."""
    if destination is None:
        return None
    held = destination.settings
    return {
        "notifier": destination.notifier,
        **{field: getattr(destination, field) for field in _FIELDS},
        **held.get("params", {}),
        **held.get("credentials", {}),
    }


__all__ = [
    "Tried",
    "destination_create",
    "destination_delete",
    "destination_test",
    "destination_update",
    "plugin_of",
    "resend_all",
    "retry",
    "retry_dead",
    "try_now",
]
