"""What becomes of an alarm when it is reported: the one place that decides."""

import uuid
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from alarms.core.policy import Policy
from alarms.core.severity import Severity

WITNESS_S = 30.0
"""Whoever sees a condition says so again several times within this."""

ChangeKind = Literal["raised", "changed", "cleared"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has to say about one source; ``count`` times since its last report.

    ``severity`` None: as usual for the type; clear: it is over. ``own``: whoever says that it is
    over has seen it, or speaks for all. ``at`` is when it was so, which may be a while ago.
    """

    type: str
    source: str
    at: datetime
    severity: Severity | None = None
    detail: str = ""
    count: int = 1
    own: bool = True

    @property
    def clears(self) -> bool:
        """Whether it says that it is over."""
        return self.severity is Severity.CLEAR


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """What reports change of an alarm that is active."""

    alarm_id: uuid.UUID
    severity: Severity
    text: str
    detail: str
    count: int
    raised_at: datetime
    changed_at: datetime
    last_at: datetime
    acknowledged: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm after a report (None: it is not active), and what is to be told of it, if anything.

    ``previous`` is the severity before; None when it was raised.
    """

    active: Active | None
    change: ChangeKind | None = None
    previous: Severity | None = None


def transition(
    active: Active | None,
    report: Report,
    policy: Policy,
    *,
    cleared_at: datetime | None,
    new_id: uuid.UUID,
) -> Outcome:
    """What becomes of ``active`` by ``report``.

    ``cleared_at`` is when this source was cleared last, as far as it matters: a report of an
    earlier moment that comes late is no news. ``new_id`` names the alarm if it is raised.
    """
    if report.clears:
        return _cleared(active, report, policy)
    if not policy.applies(report.source):
        return Outcome(active=active)
    severity = policy.severity_of(report.severity)
    text = policy.worded(report.source, report.detail)
    if active is None:
        if cleared_at is not None and report.at < cleared_at:
            return Outcome(active=None)
        raised = Active(
            alarm_id=new_id,
            severity=severity,
            text=text,
            detail=report.detail,
            count=max(1, report.count),
            raised_at=report.at,
            changed_at=report.at,
            last_at=report.at,
        )
        return Outcome(active=raised, change="raised")
    return _repeated(active, report, severity, text)


def _cleared(active: Active | None, report: Report, policy: Policy) -> Outcome:
    if active is None:
        return Outcome(active=None)
    quiet_s = policy.clear_after_s
    if not report.own:
        # Who holds that it goes on has been heard of lately: two that see it differently would
        # raise and clear it in turns.
        quiet_s = max(quiet_s, WITNESS_S)
    if report.at < active.last_at + timedelta(seconds=quiet_s):
        return Outcome(active=active)
    return Outcome(active=None, change="cleared", previous=active.severity)


def _repeated(active: Active, report: Report, severity: Severity, text: str) -> Outcome:
    late = report.at < active.last_at
    folded = msgspec.structs.replace(
        active,
        count=active.count + report.count,
        last_at=max(active.last_at, report.at),
        text=active.text if late else text,
        detail=active.detail if late else report.detail,
    )
    # What is measured has other words at each look: words alone are no change to tell anybody.
    if late or severity == active.severity:
        return Outcome(active=folded)
    changed = msgspec.structs.replace(
        folded,
        severity=severity,
        changed_at=report.at,
        # Whoever acknowledged it accepted something less bad.
        acknowledged=active.acknowledged and severity < active.severity,
    )
    return Outcome(active=changed, change="changed", previous=active.severity)
