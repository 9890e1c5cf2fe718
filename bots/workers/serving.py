"""The worker's side of the pipes: read frames, let the engine answer, leave when the gateway does.

One thread reads, the main thread computes. The reader sees a `Cancel` while the engine is busy, and
ends the process at once when the pipe closes, so no worker outlives its gateway however that died.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

from bots.core.errors import Fault
from bots.workers.frames import (
    LENGTH_BYTES,
    Audio,
    Begin,
    Cancel,
    End,
    Fill,
    FromWorker,
    Refused,
    Speak,
    ToWorker,
    body_length,
    decode_to_worker,
    encode,
)

QUEUED_FRAMES = 256
"""When the engine is this far behind, the reader waits and the gateway's own queues take over."""


class Engine(Protocol):
    """What a worker runs."""

    def answer(self, frame: ToWorker, cancelled: Callable[[], bool]) -> Iterable[FromWorker]:
        """The answers to ``frame``; long work asks ``cancelled`` now and then and stops."""
        ...


class _Inbox:
    """Frames on their way from the reader to the engine, and the jobs that were cancelled."""

    def __init__(self) -> None:
        self.frames: queue.Queue[ToWorker] = queue.Queue(QUEUED_FRAMES)
        self.cancelled: set[int] = set()

    def read(self, stream: BinaryIO) -> None:
        """Read until the gateway goes away, then end the process."""
        try:
            while len(header := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
                frame = decode_to_worker(stream.read(body_length(header)))
                if isinstance(frame, Cancel):
                    self.cancelled.add(frame.job)
                self.frames.put(frame)
        finally:
            os._exit(0)  # NB the engine may be deep in C code; only this ends it at once


def serve(engine: Engine) -> None:
    """Answer frames from standard input on standard output until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the pipe ends us
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # NB engines print; that must not be a frame
    inbox = _Inbox()
    threading.Thread(target=inbox.read, args=(sys.stdin.buffer,), daemon=True).start()
    while True:
        frame = inbox.frames.get()
        for answer in _answers(engine, frame, inbox.cancelled):
            _write(output, encode(answer))


def _write(output: BinaryIO, data: bytes) -> None:
    """Write all of ``data``: a pipe may take less than it was offered."""
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]


def _answers(engine: Engine, frame: ToWorker, cancelled: set[int]) -> Iterable[FromWorker]:
    """The engine's answers; an engine's refusal becomes an answer, not the end of the worker."""
    job = frame.job if isinstance(frame, Begin | Audio | End | Speak | Cancel | Fill) else 0
    try:
        if job in cancelled and not isinstance(frame, Cancel):
            return
        yield from engine.answer(frame, lambda: job in cancelled)
    except EngineRefused as refusal:
        yield Refused(job, refusal.fault, str(refusal))
    finally:
        if isinstance(frame, Cancel):
            cancelled.discard(job)


class EngineRefused(Exception):
    """The engine cannot do what was asked; the text is one sentence for the operator."""

    def __init__(self, fault: Fault, detail: str) -> None:
        self.fault = fault
        super().__init__(detail)
