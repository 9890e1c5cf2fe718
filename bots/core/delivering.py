"""When a delivery is tried, tried again and given up, and when a destination is left in peace."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

WAITS_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0)
"""Before the second attempt, the third, …; the first is made at once."""
MAX_ATTEMPTS = len(WAITS_S) + 1
JITTER = 0.2
"""Part of a wait that chance adds or takes away, so that not everybody comes back at once."""
MAX_RETRY_AFTER_S = WAITS_S[-1]
GONE = frozenset({404, 410})
"""Statuses after which nothing is tried again: nobody is there any more."""

FAILURES_TO_OPEN = 5
OPEN_S = 30.0
AT_ONCE = 4
"""Deliveries to one destination at the same time."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt.

    ``status`` is that of the answer, None: there was none. ``problem`` says in words what went
    wrong. ``hopeless``: another attempt would end the same way, whatever the destination does.
    """

    status: int | None = None
    problem: str = ""
    retry_after_s: float | None = None
    hopeless: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the destination has taken it: any 2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether nothing is tried again."""
        return self.hopeless or self.status in GONE


def wait_s(outcome: Outcome, *, attempts: int, chance: float) -> float | None:
    """Seconds until the next attempt after ``attempts`` that failed; None: give up.

    ``chance`` is a random number in [0, 1). A destination that names a later time itself
    (``Retry-After``) is listened to, up to `MAX_RETRY_AFTER_S`.
    """
    if outcome.gone or attempts >= MAX_ATTEMPTS:
        return None
    usual = WAITS_S[attempts - 1] * (1 + JITTER * (2 * chance - 1))
    asked = min(outcome.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
    return max(usual, asked)


def retry_after_s(header: str, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3); None: it says nothing."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """The circuit breaker of a destination: closed, open until a time, then half open.

    ``failures`` counts those in a row.
    """

    failures: int = 0
    open_until: datetime | None = None

    @property
    def closed(self) -> bool:
        """Whether deliveries flow freely."""
        return self.open_until is None

    def room(self, under_way: int, now: datetime) -> int:
        """How many more deliveries may be made at ``now``; a half-open circuit admits one."""
        if self.open_until is None:
            return max(0, AT_ONCE - under_way)
        return max(0, 1 - under_way) if self.open_until <= now else 0

    def after(self, outcome: Outcome, now: datetime) -> "Circuit":
        """The circuit when an attempt ended at ``now``.

        A destination that refuses one request (a status of 3xx or 4xx) is there for others; one
        that has too many (429) or fails (5xx) or does not answer is not.
        """
        if outcome.status is None and outcome.hopeless:
            return self
        if outcome.status is not None and outcome.status < 500 and outcome.status != 429:
            return Circuit()
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return Circuit(failures=failures)
        return Circuit(failures=failures, open_until=now + timedelta(seconds=OPEN_S))
