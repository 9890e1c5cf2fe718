"""Runs a bot that others wrote as a process of its own, and waits until it listens."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port

HERE = Path(__file__).parent
START_SECONDS = 30.0


class Program:
    """A bot that runs; `said` is what it printed so far."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def said(self) -> str:
        """Everything it has printed."""
        return self._log.read_text(errors="replace")


@contextmanager
def running(
    words: Sequence[str], folder: Path, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """``words`` run in ``folder`` with a free port in PEER_PORT, until they listen there."""
    port = free_port()
    environ = {**os.environ, **(env or {}), "PEER_PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
    program = Program(port, log)
    try:
        _wait_for_port(program, process)
        yield program
    finally:
        process.kill()
        process.wait()


@contextmanager
def node(
    script: str, folder: Path, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """A bot for Node."""
    with running(("node", "-r", str(HERE / "listen.cjs"), script), folder, log, env) as program:
        yield program


def _wait_for_port(program: Program, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, f"it ended: {program.said()}"
        assert time.monotonic() < deadline, f"it does not listen: {program.said()}"
        try:
            socket.create_connection(("127.0.0.1", program.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
