"""What an attempt leaves behind: at what was owed, on its lease, and at its destination."""

import random
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import QuerySet

from bots.core.delivering import Circuit, Outcome, wait_s

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"


class Owed(Protocol):
    """Something that is sent until it arrives or is given up, leased to one courier at a time."""

    pk: Any
    state: str
    attempts: int
    next_attempt_at: datetime
    lease_until: datetime | None
    finished_at: datetime | None
    last_problem: str


class Reached(Protocol):
    """Where it is sent; ``failures`` are those in a row."""

    failures: int
    open_until: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_problem: str


JUDGED = ("failures", "open_until", "last_success_at", "last_failure_at", "last_problem")
"""The fields that `judge` changes."""


def settled(rows: QuerySet[Any], row: Owed, outcome: Outcome, at: datetime, **more: Any) -> bool:
    """Have ``row``, one of ``rows``, say what became of the attempt that ended at ``at``.

    It is stored, with the fields in ``more``, unless somebody else has taken over its lease: False.
    """
    mine = rows.filter(pk=row.pk, state=WAITING, lease_until=row.lease_until)
    row.attempts += 1
    row.lease_until = None
    row.last_problem = outcome.problem
    again_s = None
    if outcome.delivered:
        row.state = DELIVERED
    else:
        again_s = wait_s(outcome, attempts=row.attempts, chance=random.random())  # noqa: S311 - no secret
        if again_s is None:
            row.state = DEAD
    if again_s is None:
        row.finished_at = at
    else:
        row.next_attempt_at = at + timedelta(seconds=again_s)
    changes = {name: getattr(row, name) for name in _SETTLED}
    return bool(mine.update(**changes, **more))


_SETTLED = ("state", "attempts", "next_attempt_at", "lease_until", "finished_at", "last_problem")


def circuit_of(destination: Reached) -> Circuit:
    """The circuit breaker of ``destination``."""
    return Circuit(failures=destination.failures, open_until=destination.open_until)


def judge(destination: Reached, outcome: Outcome, at: datetime) -> None:
    """Have ``destination``, not saved by this, say how it does after an attempt."""
    circuit = circuit_of(destination).after(outcome, at)
    destination.failures, destination.open_until = circuit.failures, circuit.open_until
    if outcome.delivered:
        destination.last_success_at = at
    else:
        destination.last_failure_at = at
        destination.last_problem = outcome.problem
