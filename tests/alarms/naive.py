"""What becomes of one alarm, in the plainest words: what tests compare the real one with."""

from datetime import datetime, timedelta
from typing import Any

from alarms.core.severity import Severity
from alarms.core.state import Report

Step = tuple[str, Severity | None, Severity]
"""What happened, the severity before, and that after."""


class Naive:
    """One source of one type: what is so (`alarm`, empty when nothing is), and what was told."""

    def __init__(self, severity: Severity, clear_after_s: float) -> None:
        self.severity = severity
        self.clear_after_s = clear_after_s
        self.alarm: dict[str, Any] = {}
        self.story: list[Step] = []
        self.cleared_at: datetime | None = None
        self.comings: list[datetime] = []

    def take(self, told: Report) -> None:
        """Let ``told`` happen."""
        severity = self.severity if told.severity is None else told.severity
        if severity is Severity.CLEAR:
            self._clear(told)
        elif self.alarm:
            self._repeat(told, severity)
        elif self.cleared_at is None or told.at >= self.cleared_at:
            self.alarm = {"severity": severity, "count": told.count, "last": told.at}
            self.alarm |= {"acknowledged": False, "held": None, "was_held": False}
            self.comings.append(told.at)
            self.story.append(("raised", None, severity))

    def _clear(self, told: Report) -> None:
        if not self.alarm:
            return
        wait_s = self.clear_after_s if told.own else max(30, self.clear_after_s)
        away_s = (told.at - self.alarm["last"]).total_seconds()
        if away_s < wait_s:
            return
        if away_s >= self._hold_s(told.at):
            self.story.append(("cleared", self.alarm["severity"], Severity.CLEAR))
            self.alarm, self.cleared_at = {}, told.at
        elif self.alarm["held"] is None:
            self.alarm["held"] = told.at
            if not self.alarm["was_held"]:
                self.story.append(("held", None, self.alarm["severity"]))
            self.alarm["was_held"] = True

    def _hold_s(self, now: datetime) -> int:
        """Three times in 15 minutes: a minute; four times: two; and so on, of the last hour."""
        comings = [at for at in self.comings[-30:] if at > now - timedelta(hours=1)]
        if len(comings) < 3 or comings[-1] - comings[-3] > timedelta(minutes=15):
            return 0
        return min(15 * 60, 60 << (len(comings) - 3))

    def _repeat(self, told: Report, severity: Severity) -> None:
        self.alarm["count"] += told.count
        if told.at < self.alarm["last"]:
            return
        self.alarm["last"] = told.at
        if self.alarm["held"] is not None and told.at >= self.alarm["held"]:
            self.alarm["held"] = None
            self.comings.append(told.at)
        if severity != self.alarm["severity"]:
            self.story.append(("changed", self.alarm["severity"], severity))
            if severity > self.alarm["severity"]:
                self.alarm["acknowledged"] = False
            self.alarm["severity"] = severity
