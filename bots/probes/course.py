"""The course of a probe: its steps in order, how long each took, and where it ended."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from bots.core.errors import Fault, ServiceError

DEADLINE_S = 15.0
"""How long a whole probe may take."""


class StepName(StrEnum):
    """What a step does; the value is stored."""

    CREDENTIALS = "credentials"
    """Open the credentials: decrypt them, read key vaults."""
    BUILD = "build"
    """Make the plug-in with its parameters."""
    SAMPLE = "sample"
    """Have a sample of speech made, with which to ask the service."""
    CHECK = "check"
    """Ask the service how it is, before it is used or in place of that."""
    CONNECT = "connect"
    """Reach the service and be let in, as far as the plug-in shows that."""
    ANSWER = "answer"
    """Wait for the first that comes back."""
    RESULT = "result"
    """Wait for the rest of it."""
    CLOSE = "close"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: ``ms`` is how long it took; ``facts`` what it found, by name."""

    name: StepName
    ms: int
    ok: bool
    facts: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe met. ``fault`` and ``detail`` tell why it failed, in the service's own terms.

    ``audio`` is what a synthesiser said, as a WAV file; it is not for keeping.
    """

    ok: bool
    ms: int
    steps: tuple[Step, ...]
    fault: Fault | None = None
    detail: str = ""
    audio: bytes = b""

    def stored(self) -> dict[str, Any]:
        """The outcome as the database keeps it: without the audio."""
        plain = msgspec.json.encode(msgspec.structs.replace(self, audio=b""))
        found: dict[str, Any] = msgspec.json.decode(plain)
        del found["audio"]
        return found


class Unconvincing(Exception):
    """The service answered without a fault, but with nothing of use; the text says how."""


class Course:
    """Collects the steps of one probe."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.audio = b""
        self._began = time.perf_counter()

    @contextlib.contextmanager
    def step(self, name: StepName) -> Iterator[dict[str, Any]]:
        """One step; what is put into the dictionary becomes its facts.

        A step that raises is kept as failed; the error goes on.
        """
        facts: dict[str, Any] = {}
        began = time.perf_counter()
        done = False
        try:
            yield facts
            done = True
        finally:
            self.steps.append(Step(name=name, ms=_ms_since(began), ok=done, facts=facts))

    def outcome(self, fault: Fault | None = None, detail: str = "", *, ok: bool = True) -> Outcome:
        """The end of the course."""
        return Outcome(
            ok=ok,
            ms=_ms_since(self._began),
            steps=tuple(self.steps),
            fault=fault,
            detail=detail,
            audio=self.audio,
        )


def _ms_since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


async def run(
    probe: Callable[[Course], Awaitable[None]], deadline_s: float = DEADLINE_S
) -> Outcome:
    """Go through ``probe`` to its end, its first failure, or the deadline."""
    course = Course()
    try:
        async with asyncio.timeout(deadline_s):
            await probe(course)
    except ServiceError as error:
        return course.outcome(error.fault, error.detail, ok=False)
    except TimeoutError:
        return course.outcome(Fault.TIMEOUT, f"no answer within {deadline_s:g} s", ok=False)
    except LookupError as error:
        # A plug-in that leaves the work to another one, which is not installed.
        return course.outcome(Fault.INTERNAL, str(error), ok=False)
    except Unconvincing as error:
        return course.outcome(None, str(error), ok=False)
    return course.outcome()


@contextlib.asynccontextmanager
async def closing(course: Course, close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Whatever happens inside, ``close`` at the end; only after success as a step of its own."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ServiceError):
            await close()
        raise
    with course.step(StepName.CLOSE):
        await close()
