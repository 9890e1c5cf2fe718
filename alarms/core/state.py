"""What becomes of an alarm when it is reported: the one place that decides."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from alarms.core.damping import came
from alarms.core.policy import Policy
from alarms.core.severity import Severity

WITNESS_S = 30.0
"""Whoever sees a condition says so again several times within this."""

ChangeKind = Literal["raised", "changed", "held", "cleared"]


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
    """What reports change of an alarm that is active.

    ``held_since``: its source is away since then, but comes and goes, so it stays until
    ``held_until`` (see `alarms.core.damping`).
    """

    alarm_id: uuid.UUID
    severity: Severity
    text: str
    detail: str
    count: int
    raised_at: datetime
    changed_at: datetime
    last_at: datetime
    held_since: datetime | None = None
    held_until: datetime | None = None
    acknowledged: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm after a report (None: it is not active), and what is to be told of it, if anything.

    ``previous`` is the severity before; None when it was raised. ``comings``: when its source came
    lately, if it came with this report.
    """

    active: Active | None
    change: ChangeKind | None = None
    previous: Severity | None = None
    comings: tuple[datetime, ...] | None = None


def transition(
    active: Active | None,
    report: Report,
    policy: Policy,
    *,
    cleared_at: datetime | None,
    new_id: uuid.UUID,
    comings: Sequence[datetime] = (),
) -> Outcome:
    """What becomes of ``active`` by ``report``.

    ``cleared_at`` is when this source was cleared last, as far as it matters: a report of an
    earlier moment that comes late is no news. ``new_id`` names the alarm if it is raised.
    ``comings`` is when the source came lately.
    """
    if report.clears:
        return _cleared(active, report, policy, comings)
    if not policy.applies(report.source):
        return Outcome(active=active)
    if active is not None:
        return _repeated(active, report, policy, comings)
    if cleared_at is not None and report.at < cleared_at:
        return Outcome(active=None)
    comings = came(comings, report.at)
    detail = policy.damping.worded(report.detail, comings, report.at)
    raised = Active(
        alarm_id=new_id,
        severity=policy.severity_of(report.severity),
        text=policy.worded(report.source, detail),
        detail=detail,
        count=max(1, report.count),
        raised_at=report.at,
        changed_at=report.at,
        last_at=report.at,
    )
    return Outcome(active=raised, change="raised", comings=comings)


def gone(active: Active, at: datetime, policy: Policy, comings: Sequence[datetime]) -> Outcome:
    """What becomes of ``active`` when it is over at ``at``: if it comes and goes, it stays a while.

    That it stays is told once.
    """
    until = active.last_at + timedelta(seconds=policy.damping.hold_s(comings, at))
    if at >= until:
        return Outcome(active=None, change="cleared", previous=active.severity)
    if active.held_since is not None:
        return Outcome(active=active)
    held = msgspec.structs.replace(active, held_since=at, held_until=until)
    came_back = comings[-1] > active.raised_at
    return Outcome(active=held, change=None if came_back else "held")


def _cleared(
    active: Active | None, report: Report, policy: Policy, comings: Sequence[datetime]
) -> Outcome:
    if active is None:
        return Outcome(active=None)
    quiet_s = policy.clear_after_s
    if not report.own:
        # Who holds that it goes on has been heard of lately: two that see it differently would
        # raise and clear it in turns.
        quiet_s = max(quiet_s, WITNESS_S)
    if report.at < active.last_at + timedelta(seconds=quiet_s):
        return Outcome(active=active)
    return gone(active, report.at, policy, comings)


def _repeated(
    active: Active, report: Report, policy: Policy, comings: Sequence[datetime]
) -> Outcome:
    count = active.count + report.count
    if report.at < active.last_at:
        return Outcome(active=msgspec.structs.replace(active, count=count))
    back = None
    if active.held_since is not None and report.at >= active.held_since:
        back = comings = came(comings, report.at)
        active = msgspec.structs.replace(active, held_since=None, held_until=None)
    detail = policy.damping.worded(report.detail, comings, report.at)
    folded = msgspec.structs.replace(
        active,
        count=count,
        last_at=report.at,
        text=policy.worded(report.source, detail),
        detail=detail,
    )
    severity = policy.severity_of(report.severity)
    # What is measured has other words at each look: words alone are no change to tell anybody.
    if severity == active.severity:
        return Outcome(active=folded, comings=back)
    changed = msgspec.structs.replace(
        folded,
        severity=severity,
        changed_at=report.at,
        # Whoever acknowledged it accepted something less bad.
        acknowledged=active.acknowledged and severity < active.severity,
    )
    return Outcome(active=changed, change="changed", previous=active.severity, comings=back)
