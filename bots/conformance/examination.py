"""One run: whom it is about, how long it waits, and how its parts follow one another."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

import msgspec
from pydantic import SecretStr

from bots.conformance.report import Grade, Recorder, Report
from bots.core.errors import ServiceError
from bots.core.params.declare import ParamSet
from bots.core.params.resolve import Resolved
from bots.core.registry import Plugin

_LEAST_HIDDEN = 6
DEADLINE_S = 120.0
"""How long a whole run may take."""

Tell = Callable[[Report], Awaitable[None]]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The bot as a call would use it; ``revision`` is that of its configuration."""

    bot: str
    plugin: Plugin
    params: ParamSet
    credentials: ParamSet
    resolved: Resolved
    language: str

    def secrets(self) -> set[str]:
        """What must not get into a report."""
        found: set[str] = set()
        for part in (self.params, self.credentials):
            for name in type(part).model_fields:
                found.update(_secrets_in(getattr(part, name)))
        return found


def _secrets_in(value: object) -> Iterator[str]:
    """A secret, and the texts in it if it is JSON."""
    if not isinstance(value, SecretStr):
        return
    secret = value.get_secret_value()
    yield secret
    try:
        inside: Any = msgspec.json.decode(secret)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    yield from _texts_in(inside)


def _texts_in(value: Any) -> Iterator[str]:
    """Texts at any depth that are long enough for a secret; also what follows ``Bearer``."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(inner)
    elif isinstance(value, str):
        parts = (value, value.rpartition(" ")[2])
        yield from (part for part in parts if len(part) >= _LEAST_HIDDEN)


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for what, in seconds; ``speed`` is that of the caller's speech.

    ``sampler`` is the synthesiser that speaks for the caller; a tone stands in for one that is not
    there.
    """

    greeting_s: float = 4.0
    answer_s: float = 10.0
    send_s: float = 15.0
    """For the bot to take an activity; in chat mode that is when it answers."""
    event_s: float = 2.5
    """For an answer to what needs none."""
    quiet_s: float = 0.8
    """After an answer: this long without another activity is its end."""
    leave_s: float = 5.0
    connect_s: float = 5.0
    speed: float = 1.0
    sampler: str = "offline"


USUAL = Timing()
WRONG_TOKEN = "not-the-token-of-this-gateway"  # noqa: S105 - it is none


class Examination:
    """What the parts of a run share."""

    def __init__(
        self, subject: Subject, timing: Timing, only: Collection[str], tell: Tell | None
    ) -> None:
        self.subject = subject
        self.timing = timing
        self.only = frozenset(only)
        self.stopped = ""
        """Why nothing further can be tried."""
        began = time.monotonic()
        self.recorder = Recorder(lambda: (time.monotonic() - began) * 1000, subject.secrets(), only)
        self._tell = tell

    def begin(self, check: str) -> None:
        """``check`` is in hand."""
        self.recorder.begin(check)

    def grade(self, check: str, grade: Grade, detail: str = "", **facts: object) -> None:
        """What came of ``check``."""
        self.recorder.grade(check, grade, detail, **facts)

    def ok(self, check: str, detail: str = "", **facts: object) -> None:
        """``check`` is passed."""
        self.grade(check, Grade.OK, detail, **facts)

    def warn(self, check: str, detail: str, **facts: object) -> None:
        """``check`` found something."""
        self.grade(check, Grade.WARNING, detail, **facts)

    def fail(self, check: str, detail: str, **facts: object) -> None:
        """``check`` failed."""
        self.grade(check, Grade.FAILED, detail, **facts)

    def inform(self, check: str, detail: str, **facts: object) -> None:
        """``check`` has something to tell that is neither good nor bad."""
        self.grade(check, Grade.INFORMATION, detail, **facts)

    def skip(self, detail: str, *checks: str) -> None:
        """``checks`` prove nothing here."""
        for check in checks:
            self.grade(check, Grade.SKIPPED, detail)

    def report(self) -> Report:
        """Everything so far."""
        return self.recorder.report(self.subject.bot, self.subject.plugin.name)

    async def told(self) -> None:
        """Tell whoever follows the run how far it is."""
        if self._tell is not None:
            await self._tell(self.report())


class Part(msgspec.Struct, frozen=True):
    """A piece of a run, and the checks that it grades."""

    run: Callable[[Examination], Awaitable[None]]
    checks: tuple[str, ...]


async def run(exam: Examination, parts: Collection[Part], deadline_s: float = DEADLINE_S) -> Report:
    """Go through ``parts``; each of their checks that was asked for has a finding at the end."""
    over = ""
    possible = {check for part in parts for check in part.checks}
    exam.skip("this kind of bot has nothing of the sort", *(exam.only - possible))
    exam.recorder.scope &= possible
    try:
        async with asyncio.timeout(deadline_s) as limit:
            for part in parts:
                await _run_part(exam, part)
    except TimeoutError:
        if not limit.expired():
            raise
        over = f"the run was not done within {deadline_s:g} s"
        exam.fail(exam.recorder.at, over)
    exam.skip(exam.stopped or over, *exam.recorder.scope)
    return exam.report()


async def _run_part(exam: Examination, part: Part) -> None:
    """One part; what it could not come to is skipped, with what kept it from it."""
    if exam.stopped or not exam.recorder.wants(*part.checks):
        return
    kept = "not reached"
    exam.begin(part.checks[0])
    try:
        await part.run(exam)
    except ServiceError as error:
        kept = error.detail or error.fault
        exam.fail(exam.recorder.at, kept)
    except Withdrawn as error:
        kept = str(error)
    exam.skip(exam.stopped or kept, *part.checks)
    await exam.told()


class Withdrawn(Exception):
    """The rest of a part cannot be tried; the text says why."""
