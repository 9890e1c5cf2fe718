"""Runs the processes of one installation: starts them, restarts those that die, stops them.

A child never outlives the supervisor: the kernel kills it when the supervisor is gone, however that
happened.
"""

import asyncio
import ctypes
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

QUICK_DEATH_SECONDS = 10.0
"""A child that lived shorter counts as dead at once."""

QUICK_DEATHS_ALLOWED = 5
LONGEST_PAUSE_SECONDS = 30.0

SAME_REQUEST_SECONDS = 1.0
"""Signals this close together are one request: make, shells and containers signal whole groups."""

_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


class CannotRun(Exception):
    """The installation cannot run; the text says why in one sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """One child process; ``stop_seconds`` after it was asked to stop it is killed.

    Others rely on a ``foundation``: it is stopped after them. Each time it dies at once, the pause
    before the next start doubles, from ``first_pause_seconds`` on.
    """

    name: str
    command: Sequence[str]
    stop_seconds: float
    foundation: bool = False
    first_pause_seconds: float = 0.5


class Child:
    """Keeps one program running until it is told to stop."""

    def __init__(self, program: Program, environ: Mapping[str, str]) -> None:
        self.program = program
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.started = asyncio.Event()

    @property
    def pid(self) -> int:
        """The id of its latest process; 0 before the first."""
        return self._process.pid if self._process is not None else 0

    async def keep_running(self) -> None:
        """Start the program again whenever it ends, until `stop`.

        Raises:
            CannotRun: it ended quickly several times in a row.
        """
        quick_deaths = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            lived = time.monotonic() - started
            quick_deaths = quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
            if quick_deaths >= QUICK_DEATHS_ALLOWED:
                raise CannotRun(f"The process '{self.program.name}' keeps ending ({ending(code)}).")
            first = self.program.first_pause_seconds
            pause = min(first * 2 ** max(quick_deaths - 1, 0), LONGEST_PAUSE_SECONDS)
            log.warning(
                "child.died",
                child=self.program.name,
                ending=ending(code),
                lived_seconds=round(lived, 1),
                restart_in_seconds=pause,
            )
            await self._pause(pause)

    async def stop(self) -> None:
        """Ask the program to end and wait for it; kill it when it takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self.program.stop_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("child.killed", child=self.program.name)
            process.kill()
            await process.wait()

    def hurry(self) -> None:
        """Ask once more, after `stop`: a program that drains gives up waiting."""
        if not self._stopping.is_set() or self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self.program.command,
            stdin=asyncio.subprocess.DEVNULL,
            env=dict(self._environ),
            # A terminal's Ctrl-C is for the supervisor, which stops its children in order.
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
        self.started.set()
        log.info("child.started", child=self.program.name, pid=self._process.pid)
        if self._stopping.is_set():  # asked for while the process was not there yet
            await self.stop()
        return await self._process.wait()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def ending(code: int) -> str:
    """An exit code in words; negative codes are signals."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def die_with(parent: int) -> Callable[[], None]:
    """What a child runs before its program starts, so that it is killed when ``parent`` dies.

    NB Runs between fork and exec: it may only make system calls. Source: prctl(2).
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return arm


class Supervisor:
    """Runs programs side by side until one of them is hopeless or a stop is asked for."""

    def __init__(
        self, environ: Mapping[str, str], *, same_request_seconds: float = SAME_REQUEST_SECONDS
    ) -> None:
        self._environ = environ
        self._same_request_seconds = same_request_seconds
        self._asked_at = 0.0
        self._children: list[Child] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()

    def request_stop(self) -> None:
        """Stop everything; called again later, programs that drain are told to hurry."""
        now = time.monotonic()
        if not self._stop.is_set():
            self._asked_at = now
            self._stop.set()
        elif now - self._asked_at >= self._same_request_seconds:
            for child in self._children:
                child.hurry()

    async def start(self, program: Program) -> Child:
        """Keep ``program`` running from now on; return once it runs. Only inside `run`."""
        if self._tasks is None:
            raise RuntimeError("programs are started while the supervisor runs")
        child = Child(program, self._environ)
        self._children.append(child)
        self._tasks.create_task(child.keep_running())
        await child.started.wait()
        return child

    async def run(self, start_all: Callable[[], Awaitable[None]]) -> int:
        """Run ``start_all``, then the programs it started, until a stop is asked for.

        Returns:
            The exit code: 0 after a requested stop, 1 when it cannot run.
        """
        exit_code = 0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                starting = self._tasks.create_task(_awaited(start_all))
                await self._stop.wait()
                log.info("supervisor.stopping")
                starting.cancel()
                await self._stop_children()
        except* CannotRun as group:
            for error in group.exceptions:
                log.error("supervisor.gave_up", reason=str(error))
            exit_code = 1
        finally:
            await self._stop_children()
        return exit_code

    async def _stop_children(self) -> None:
        for foundation in (False, True):
            children = (c for c in self._children if c.program.foundation is foundation)
            await asyncio.gather(*(child.stop() for child in children))


async def _awaited(start_all: Callable[[], Awaitable[None]]) -> None:
    await start_all()
