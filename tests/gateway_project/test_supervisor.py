"""The supervisor with real child processes: restart, giving up, order of stopping, no orphans."""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_project.supervisor import Child, Program, Supervisor, ending

pytestmark = pytest.mark.wire

PROBE = Path(__file__).with_name("supervisor_probe.py")

STAYS = """
import os, signal, sys
def leave(*_):
    os.write(1, f"{sys.argv[1]} stopped\\n".encode())
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
os.write(1, f"{sys.argv[1]} {os.getpid()}\\n".encode())
while True:
    signal.pause()
"""
IGNORES_SIGTERM = """
import os, signal, sys
asked = 0
def count(*_):
    global asked
    asked += 1
    os.write(1, f"{sys.argv[1]} asked {asked}\\n".encode())
    if asked > 1 and sys.argv[1] == "patient":
        sys.exit(0)
signal.signal(signal.SIGTERM, count)
os.write(1, f"{sys.argv[1]} {os.getpid()}\\n".encode())
while True:
    signal.pause()
"""
DIES = "import sys; print('born', flush=True); sys.exit(3)"


def program(name: str, code: str, **options: Any) -> dict[str, Any]:
    command = [sys.executable, "-c", code, name]
    return {"name": name, "command": command, "stop_seconds": 20, **options}


class Running:
    """A supervisor process; what its children print arrives here."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def supervising(
    *programs: dict[str, Any], same_request_seconds: float = 0
) -> AsyncIterator[Running]:
    environment = {**os.environ, "PYTHONPATH": str(PROBE.parent.parent.parent)}
    # Unbuffered, a log line is written in two pieces and a child's line may fall between them.
    environment.pop("PYTHONUNBUFFERED", None)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROBE),
        json.dumps(programs),
        str(same_request_seconds),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def children_of(running: Running, *names: str) -> dict[str, int]:
    """The process ids the children print, skipping the supervisor's own lines."""
    found: dict[str, int] = {}
    while set(found) != set(names):
        first, _, second = (await running.line()).partition(" ")
        if first in names:
            found[first] = int(second)
    return found


def gone(descriptor: int) -> bool:
    """Whether the process behind a pidfd ends within ten seconds."""
    return bool(select.select([descriptor], [], [], 10)[0])


async def test_a_child_that_is_killed_is_started_again() -> None:
    async with supervising(program("web", STAYS)) as running:
        first = (await children_of(running, "web"))["web"]
        os.kill(first, signal.SIGKILL)
        # A child may speak before the supervisor has said that it started.
        while "child.died" not in (line := await running.line()):
            assert "child.started" in line
        assert "SIGKILL" in line
        second = (await children_of(running, "web"))["web"]
        assert second != first


async def test_a_child_that_dies_at_once_again_and_again_ends_the_supervisor() -> None:
    dies = program("web", DIES, first_pause_seconds=0.01)
    async with supervising(program("valkey", STAYS, foundation=True), dies) as running:
        output, _ = await running.process.communicate()
    text = output.decode()
    assert running.process.returncode == 1
    assert text.count("born") == 5
    assert "The process 'web' keeps ending (exit code 3)." in text
    assert "valkey stopped" in text


async def test_sigterm_stops_every_child_and_foundations_last() -> None:
    async with supervising(
        program("valkey", STAYS, foundation=True), program("web", STAYS), program("beat", STAYS)
    ) as running:
        await children_of(running, "valkey", "web", "beat")
        running.process.send_signal(signal.SIGTERM)
        output, _ = await running.process.communicate()
    stopped = [line for line in output.decode().splitlines() if line.endswith(" stopped")]
    assert running.process.returncode == 0
    assert len(stopped) == 3
    assert stopped[-1] == "valkey stopped"


async def test_a_child_that_does_not_stop_is_killed() -> None:
    stubborn = program("web", IGNORES_SIGTERM, stop_seconds=0.2)
    async with supervising(stubborn) as running:
        child = os.pidfd_open((await children_of(running, "web"))["web"])
        running.process.send_signal(signal.SIGINT)
        output, _ = await running.process.communicate()
        assert "child.killed" in output.decode()
        assert running.process.returncode == 0
        assert gone(child)
        os.close(child)


async def test_a_second_request_to_stop_reaches_a_child_that_drains() -> None:
    async with supervising(program("patient", IGNORES_SIGTERM)) as running:
        await children_of(running, "patient")
        running.process.send_signal(signal.SIGTERM)
        while await running.line() != "patient asked 1":
            pass
        running.process.send_signal(signal.SIGTERM)
        output, _ = await running.process.communicate()
    assert "patient asked 2" in output.decode()
    assert running.process.returncode == 0


async def test_a_signal_that_arrives_twice_at_once_is_one_request() -> None:
    programs = [program("valkey", STAYS, foundation=True), program("patient", IGNORES_SIGTERM)]
    async with supervising(*programs, same_request_seconds=60) as running:
        pids = await children_of(running, "valkey", "patient")
        running.process.send_signal(signal.SIGTERM)
        while await running.line() != "patient asked 1":
            pass
        running.process.send_signal(signal.SIGTERM)
        os.kill(pids["patient"], signal.SIGTERM)
        output, _ = await running.process.communicate()
    text = output.decode()
    assert running.process.returncode == 0
    assert "patient asked 2" in text
    assert "patient asked 3" not in text
    assert "child.died" not in text


async def test_no_child_outlives_a_killed_supervisor() -> None:
    async with supervising(program("web", STAYS), program("beat", IGNORES_SIGTERM)) as running:
        pids = await children_of(running, "web", "beat")
        descriptors = [os.pidfd_open(pid) for pid in pids.values()]
        running.process.kill()
        assert await running.process.wait() == -signal.SIGKILL
        assert all(gone(descriptor) for descriptor in descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def test_endings_are_told_in_words() -> None:
    assert ending(3) == "exit code 3"
    assert ending(-9) == "signal SIGKILL"


async def test_programs_start_only_while_the_supervisor_runs() -> None:
    with pytest.raises(RuntimeError):
        await Supervisor({}).start(Program(name="web", command=["true"], stop_seconds=1))


async def test_a_stop_while_a_program_is_being_started_stops_it() -> None:
    child = Child(Program(**program("late", STAYS)), os.environ)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(child.keep_running())
        await asyncio.sleep(0)  # it asks for the process, which takes longer than that
        await child.stop()
