"""The watchers of the whole installation: what no single process can see, read from the database.

A task of the worker runs them (`calls.tasks.watch_installation`), each in one thread at a time.
Each computes everything that is wrong of its kind, so what it does not find any more is over.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, F, Max, Min, Q

from alarms import board, desk
from alarms.core.catalogue import (
    BOT_MISCONFIGURED,
    BOT_PROVIDER_ERROR_RATE,
    CERTIFICATE_EXPIRING,
    DELIVERIES_GIVEN_UP,
    DIALOUT_FAILURE_RATE,
    PLUGIN_UNAVAILABLE,
    PROCESS_LOST,
    QUEUE_DELAYED,
    SECRET_EXPIRING,
    SECRET_UNREADABLE,
    STT_PROVIDER_ERROR_RATE,
    TTS_PROVIDER_ERROR_RATE,
    VOICE_CHANNEL_ERROR_RATE,
)
from alarms.core.declare import AlarmType
from alarms.core.severity import Severity
from alarms.models import AlarmEvent
from bots.core import registry
from bots.core.errors import ParameterError
from bots.deliveries.claims import due
from bots.models import Delivery
from bots.selectors import call_configuration, unreadable_secrets
from bots.vault import SOURCE as IN_A_VAULT
from calls.attention import broken_bots
from calls.core.tally import Figures, added, sentence, too_often
from calls.health.certificates import CERTIFICATES
from calls.hooks.registration import registered
from calls.leases import LEASE_KEPT, LEASE_SECONDS, current_leases, may_judge
from calls.models import Call, CallExport, Dialout, ProcessLease
from calls.system.expiries import expiries
from calls.system.processes import NO_PROCESSES

LATE = timedelta(seconds=60)
"""Work that could be done and waits for longer is late."""
LATE_DIALOUTS = timedelta(minutes=5)
"""Outbound calls also wait for the limits of their client and bot."""
LOST_LATELY = timedelta(minutes=5)
"""Of a process that died longer ago there was an alarm."""
MOST_ORIGINS = 200
DIALOUTS_MINUTES = 15
CALLS_MINUTES = 5
RATES = {
    "bot": BOT_PROVIDER_ERROR_RATE,
    "stt": STT_PROVIDER_ERROR_RATE,
    "tts": TTS_PROVIDER_ERROR_RATE,
}
BEFOREHAND = {
    "client-secret": timedelta(hours=6),
    "client-token": timedelta(days=7),
    "certificate": timedelta(days=21),
}
"""How long before its end something is told."""
URGENT = timedelta(days=2)

log = structlog.get_logger(__name__)


# --- processes and queues -------------------------------------------------------------------------


def look_at_processes(now: datetime) -> None:
    """Tell once of each process that died; a process that ends in good order gives its lease back.

    That is over when another one has taken its place, unless calls were lost: then there is nothing
    to mend, and it is forgotten after a while.
    """
    if not may_judge(now):
        return
    died_before = now - timedelta(seconds=LEASE_SECONDS)
    dead = ProcessLease.objects.filter(
        renewed_at__lt=died_before, renewed_at__gte=now - LEASE_KEPT
    ).exclude(owner__in=NO_PROCESSES)
    latest = dict(current_leases(now).order_by().values_list("role").annotate(at=Max("started_at")))
    for lease in dead:
        born_last = latest.get(lease.role)
        if lease.renewed_at >= died_before - LOST_LATELY and not _is_told(lease):
            detail = _last_words(lease, now, alone=born_last is None)
            desk.failed(PROCESS_LOST, lease.owner, detail, certain=True)
        elif born_last is not None and born_last > lease.renewed_at and not _calls_of(lease):
            desk.worked(PROCESS_LOST, lease.owner)


def _is_told(lease: ProcessLease) -> bool:
    source = PROCESS_LOST.source(lease.owner)
    told = AlarmEvent.objects.filter(type=PROCESS_LOST.name, source=source)
    return told.filter(at__gte=lease.renewed_at).exists()


def _calls_of(lease: ProcessLease) -> int:
    """How many calls it carried, as far as it told."""
    calls = lease.vitals.get("calls") if isinstance(lease.vitals, dict) else None
    return calls if isinstance(calls, int) else 0


def _last_words(lease: ProcessLease, now: datetime, *, alone: bool) -> str:
    silent_s = (now - lease.renewed_at).total_seconds()
    calls = _calls_of(lease)
    if calls:
        lost = f"{calls} call was cut off" if calls == 1 else f"{calls} calls were cut off"
    elif alone:
        lost = "its work waits for another one"
    else:
        lost = f"another {lease.role} process is at work"
    return f"{lease.role} on {lease.host}, pid {lease.pid}, silent for {silent_s:.0f} s; {lost}"


def look_at_queues(now: datetime) -> None:
    """Whether work that could be done is done in time."""
    deliveries = due(now).filter(next_attempt_at__lte=now - LATE)
    dialouts = Dialout.objects.filter(
        state=Dialout.State.QUEUED, not_before__lte=now - LATE_DIALOUTS, not_after__gt=now
    )
    exports = CallExport.objects.filter(
        state=CallExport.State.WAITING, created_at__lte=now - 2 * LATE
    )
    found = {}
    for name, rows, moment in (
        ("deliveries", deliveries, "next_attempt_at"),
        ("dialouts", dialouts, "not_before"),
        ("exports", exports, "created_at"),
    ):
        late: dict[str, Any] = rows.order_by().aggregate(count=Count("pk"), since=Min(moment))
        if late["count"]:
            minutes = (now - late["since"]).total_seconds() / 60
            found[name] = f"{late['count']} wait, the first for {minutes:.0f} minutes"
    desk.only(QUEUE_DELAYED, found)


def look_at_given_up(_now: datetime) -> None:
    """Whether something was given up at a destination that did not work since."""
    since = Q(destination__last_success_at=None) | Q(
        finished_at__gt=F("destination__last_success_at")
    )
    dead = (
        Delivery.objects.filter(since, state=Delivery.State.DEAD)
        .values_list("destination__origin", "destination__last_problem")
        .order_by("destination__origin")
        .annotate(count=Count("pk"))
    )
    found = {
        origin: f"{count}, the last problem was {problem or 'not told'}"
        for origin, problem, count in dead[:MOST_ORIGINS]
    }
    desk.only(DELIVERIES_GIVEN_UP, found)


# --- configuration --------------------------------------------------------------------------------


def look_at_secrets(_now: datetime) -> None:
    """Whether every stored secret can be opened; who reads a key vault tells of those in it."""
    found = dict.fromkeys(unreadable_secrets(), "no key of FIELD_KEYS opens it")
    _settle(SECRET_UNREADABLE, found, others=IN_A_VAULT)


def look_at_plugins(_now: datetime) -> None:
    """Whether everything that is installed could be loaded."""
    hooks = {f"hooks {name}": reason for name, reason in registered.broken.items()}
    desk.only(PLUGIN_UNAVAILABLE, {**registry.broken, **hooks})


def look_at_bots(_now: datetime) -> None:
    """Whether every bot that is to take calls can."""
    found = dict(broken_bots())
    for name in _told(BOT_MISCONFIGURED) - found.keys():
        # A call may have found what is not looked at here, such as credentials.
        try:
            call_configuration(name)
        except LookupError:
            continue
        except ParameterError as error:
            found[name] = str(error)
    desk.only(BOT_MISCONFIGURED, found)


def look_at_expiries(now: datetime) -> None:
    """Whether tokens, secrets and certificates are good for a while."""
    found: dict[AlarmType, dict[str, tuple[str, Severity | None]]] = {
        SECRET_EXPIRING: {},
        CERTIFICATE_EXPIRING: {},
    }
    for each in expiries(now):
        left = each.at - now
        if left > BEFOREHAND[each.kind]:
            continue
        kind = CERTIFICATE_EXPIRING if each.kind == "certificate" else SECRET_EXPIRING
        name = each.name if kind is CERTIFICATE_EXPIRING else f"{each.kind} {each.name}"
        urgent = kind is CERTIFICATE_EXPIRING and left <= URGENT
        verb = "ran out" if left <= timedelta() else "ends"
        detail = f"it {verb} at {each.at:%Y-%m-%d %H:%M} UTC"
        found[kind][name] = (detail, Severity.MAJOR if urgent else None)
    for kind, graded in found.items():
        for name, (detail, severity) in graded.items():
            desk.holds(kind, name, detail, severity)
        for name in _told(kind) - graded.keys():
            desk.over(kind, name, certain=True)


# --- rates ----------------------------------------------------------------------------------------


def look_at_rates(now: datetime) -> None:
    """Whether providers, voice channels and outbound calls fail too often."""
    together = added(map(_of_process, current_leases(now).values_list("vitals", flat=True)))
    for service, kind in RATES.items():
        prefix = f"{service}:"
        of_service = {
            key.removeprefix(prefix): figures
            for key, figures in together.items()
            if key.startswith(prefix)
        }
        desk.only(kind, _too_often(of_service, "uses"))
    channels = Call.objects.filter(
        ended_at__gte=now - timedelta(minutes=CALLS_MINUTES), is_test=False
    )
    failed = Count("pk", filter=Q(reason_code="error"))
    figures = _counted(channels.values_list("channel"), failed)
    desk.only(VOICE_CHANNEL_ERROR_RATE, _too_often(figures, "calls", CALLS_MINUTES))
    # Nobody there, or somebody who does not want to talk, is no failure.
    dialouts = Dialout.objects.filter(
        ended_at__gte=now - timedelta(minutes=DIALOUTS_MINUTES),
        state__in=(Dialout.State.COMPLETED, Dialout.State.FAILED),
    )
    figures = _counted(dialouts.values_list("bot_name"), failed)
    desk.only(DIALOUT_FAILURE_RATE, _too_often(figures, "calls", DIALOUTS_MINUTES))


def _counted(rows: Any, failed: Count) -> dict[str, Figures]:
    counted = rows.order_by().annotate(uses=Count("pk"), failures=failed)
    return {name: (uses, failures) for name, uses, failures in counted}


def _too_often(figures: Mapping[str, Figures], what: str, minutes: int = 5) -> dict[str, str]:
    return {
        name: sentence(each, what, minutes) for name, each in figures.items() if too_often(each)
    }


def _of_process(vitals: object) -> dict[str, Figures]:
    """What one process has counted; one of another version may tell it otherwise."""
    told = vitals.get("providers") if isinstance(vitals, dict) else None
    found: dict[str, Figures] = {}
    for key, figures in told.items() if isinstance(told, dict) else ():
        match figures:
            case [int() as uses, int() as failures]:
                found[key] = (uses, failures)
    return found


# --- looking --------------------------------------------------------------------------------------


def _told(kind: AlarmType) -> set[str]:
    """The names for which there is an alarm of ``kind``."""
    prefix = f"{kind.entity}:"
    keys = board.current().keys
    return {key.source.removeprefix(prefix) for key in keys if key.type == kind.name}


def _settle(kind: AlarmType, found: Mapping[str, str], *, others: str) -> None:
    """As `desk.only`, but for names that begin with ``others``."""
    for name, detail in found.items():
        desk.holds(kind, name, detail)
    for name in _told(kind) - found.keys():
        if not name.startswith(others):
            desk.over(kind, name, certain=True)


Look = Callable[[datetime], None]


class Watchers:
    """All watchers of the installation; `look` as often as you like, from any thread."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, Look]] = [
            (10.0, look_at_processes),
            (10.0, look_at_queues),
            (10.0, look_at_given_up),
            (10.0, look_at_rates),
            (3600.0, CERTIFICATES.look),
            (60.0, look_at_expiries),
            (60.0, look_at_secrets),
            (60.0, look_at_plugins),
            (30.0, look_at_bots),
        ]
        self._due = [0.0] * len(self._looks)
        self._looking = [threading.Lock() for _look in self._looks]

    def look(self, now: datetime) -> None:
        """Let those look whose turn it is, but for those who still do: some wait for networks."""
        for number, (every_s, look) in enumerate(self._looks):
            if not self._looking[number].acquire(blocking=False):
                continue
            try:
                if time.monotonic() >= self._due[number]:
                    self._due[number] = time.monotonic() + every_s - 1.0
                    _carefully(look, now)
            finally:
                self._looking[number].release()


def _carefully(look: Look, now: datetime) -> None:
    try:
        look(now)
    except (DatabaseError, InterfaceError) as error:
        log.warning("health.no_database", error=type(error).__name__)
    except Exception:
        # The root of a watcher: whatever broke, the others go on looking.
        log.exception("health.look_failed")


WATCHERS = Watchers()
"""Those of this process."""
