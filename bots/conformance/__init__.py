"""Conformance: whether a bot does what the gateway expects of it, tried for real and graded.

A run goes to the bot, proves itself, looks at the protocol and holds a scripted conversation
through the bot's own connector. `checks` declares what is checked, `report` what comes of it. It
never raises for what the bot does, and every wait is bounded.
"""

from collections.abc import Collection

from bots.conformance import examination
from bots.conformance.checks import BY_ID, CHECKS, Check, Group
from bots.conformance.examination import DEADLINE_S, USUAL, Examination, Subject, Tell, Timing
from bots.conformance.report import Finding, Grade, Line, Report, refused, report_of
from bots.conformance.suites import parts_for


async def examine(
    subject: Subject,
    *,
    only: Collection[str] = (),
    tell: Tell | None = None,
    timing: Timing = USUAL,
    deadline_s: float = DEADLINE_S,
) -> Report:
    """Check everything of ``subject``, or ``only`` some checks; ``tell`` hears of each step."""
    exam = Examination(subject, timing, only, tell)
    return await examination.run(exam, parts_for(exam), deadline_s)


__all__ = [
    "BY_ID",
    "CHECKS",
    "DEADLINE_S",
    "USUAL",
    "Check",
    "Examination",
    "Finding",
    "Grade",
    "Group",
    "Line",
    "Report",
    "Subject",
    "Tell",
    "Timing",
    "examine",
    "refused",
    "report_of",
]
