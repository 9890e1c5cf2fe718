"""Having a bot checked quickly, and what came of it."""

from typing import Any

from bots.conformance import Grade, Report, Subject, Timing, examine
from bots.core import catalogue, registry
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer, resolve

QUICK = Timing(
    greeting_s=0.2,
    answer_s=0.4,
    event_s=0.05,
    quiet_s=0.02,
    leave_s=2.0,
    speed=20.0,
    sampler="none",
)
"""As fast as a fake on loopback can follow; the caller is a tone."""


def subject(
    plugin: str,
    params: dict[str, Any] | None = None,
    credentials: dict[str, Any] | None = None,
    **values: Any,
) -> Subject:
    """A bot of ``plugin``; ``values`` are other parameters of the bot."""
    found = registry.plugin("bot", plugin)
    layers = [*catalogue.defaults([found]), Layer(Level.BOT, "bot door", values)]
    return Subject(
        bot="door",
        plugin=found,
        params=found.params.model_validate(params or {}),
        credentials=found.credentials.model_validate(credentials or {}),
        resolved=resolve(catalogue.of([found]), layers),
        language="en-US",
    )


async def examined(subject: Subject, *only: str, timing: Timing = QUICK) -> Report:
    """The report of ``subject``."""
    return await examine(subject, only=only, timing=timing)


def grades(report: Report, *but: Grade) -> dict[str, Grade]:
    """The grade of each check, without those that are one of ``but``."""
    return {each.check: each.grade for each in report.findings if each.grade not in but}


def detail(report: Report, check: str) -> str:
    """What was said of one check."""
    return next(each.detail for each in report.findings if each.check == check)


def facts(report: Report, check: str) -> dict[str, str]:
    """What was found by one check."""
    return next(each.facts for each in report.findings if each.check == check)
