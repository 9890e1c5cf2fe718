"""The processes of the gateway, as their leases tell."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from calls.leases import LEASE_KEPT, LEASE_SECONDS
from calls.models import ProcessLease

NO_PROCESSES = ("sweep",)
"""Owners of leases that stand for a task, not for a process."""

State = Literal["alive", "draining", "silent"]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process; figures that it has not told are None.

    ``drain``: people want it to take no more calls. ``draining``: it takes none, for whatever
    reason. ``lag_p99_ms``: 99 of 100 turns of its event loop came no later than that.
    """

    owner: str
    host: str
    pid: int
    role: str
    version: str
    started_at: datetime
    renewed_at: datetime
    alive: bool
    drain: bool
    draining: bool
    calls: int | None
    most_calls: int | None
    lag_p99_ms: float | None
    cpu_percent: float | None
    rss_mb: float | None
    threads: int | None
    db_connections: int | None
    records_waiting: int | None
    speech_workers: int | None

    @property
    def state(self) -> State:
        """What it does, in one word."""
        if not self.alive:
            return "silent"
        return "draining" if self.draining or self.drain else "alive"

    @property
    def takes_calls(self) -> bool:
        """Whether it is there for calls at all; a background worker is not."""
        return self.role == "web"

    @property
    def load_percent(self) -> int:
        """How full it is, from 0 to 100."""
        return min(100, round(100 * (self.calls or 0) / self.most_calls)) if self.most_calls else 0


def processes(now: datetime) -> list[Process]:
    """Every process, those that take calls first; the dead ones for an hour after their end."""
    leases = ProcessLease.objects.filter(renewed_at__gte=now - LEASE_KEPT)
    found = [_process(lease, now) for lease in leases.exclude(owner__in=NO_PROCESSES)]
    return sorted(found, key=lambda each: (not each.takes_calls, each.role, each.host, each.pid))


def _process(lease: ProcessLease, now: datetime) -> Process:
    vitals: Mapping[str, Any] = lease.vitals if isinstance(lease.vitals, dict) else {}
    return Process(
        owner=lease.owner,
        host=lease.host,
        pid=lease.pid,
        role=lease.role,
        version=lease.version,
        started_at=lease.started_at,
        renewed_at=lease.renewed_at,
        alive=lease.renewed_at >= now - timedelta(seconds=LEASE_SECONDS),
        drain=lease.drain,
        draining=vitals.get("draining") is True,
        calls=_whole(vitals, "calls"),
        most_calls=_whole(vitals, "most_calls"),
        lag_p99_ms=_number(vitals, "lag_p99_ms"),
        cpu_percent=_number(vitals, "cpu_percent"),
        rss_mb=_number(vitals, "rss_mb"),
        threads=_whole(vitals, "threads"),
        db_connections=_whole(vitals, "db_connections"),
        records_waiting=_whole(vitals, "records_waiting"),
        speech_workers=_whole(vitals, "speech_workers"),
    )


def _number(vitals: Mapping[str, Any], name: str) -> float | None:
    value = vitals.get(name)
    return float(value) if isinstance(value, int | float) else None


def _whole(vitals: Mapping[str, Any], name: str) -> int | None:
    number = _number(vitals, name)
    return None if number is None else int(number)
