"""What becomes of one alarm, in the plainest words: what tests compare the real one with."""

from datetime import datetime
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

    def take(self, told: Report) -> None:
        """Let ``told`` happen."""
        severity = self.severity if told.severity is None else told.severity
        if severity is Severity.CLEAR:
            self._clear(told)
        elif self.alarm:
            self._repeat(told, severity)
        elif self.cleared_at is None or told.at >= self.cleared_at:
            self.alarm = {"severity": severity, "count": told.count, "last": told.at}
            self.alarm["acknowledged"] = False
            self.story.append(("raised", None, severity))

    def _clear(self, told: Report) -> None:
        if not self.alarm:
            return
        wait_s = self.clear_after_s if told.own else max(30, self.clear_after_s)
        if (told.at - self.alarm["last"]).total_seconds() >= wait_s:
            self.story.append(("cleared", self.alarm["severity"], Severity.CLEAR))
            self.alarm, self.cleared_at = {}, told.at

    def _repeat(self, told: Report, severity: Severity) -> None:
        self.alarm["count"] += told.count
        if told.at < self.alarm["last"]:
            return
        self.alarm["last"] = told.at
        if severity != self.alarm["severity"]:
            self.story.append(("changed", self.alarm["severity"], severity))
            if severity > self.alarm["severity"]:
                self.alarm["acknowledged"] = False
            self.alarm["severity"] = severity
