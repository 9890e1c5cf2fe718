"""One piece of work for a worker process, and what waits for it on the gateway's side."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bots.core.errors import Fault, ServiceError
from bots.workers.frames import Audio, Cancel, FromWorker, Refused, ToWorker

OUTBOX_AUDIO_BYTES = 2_000_000
"""Audio one job may have waiting (62 s at 16 kHz) before the oldest is dropped."""


class Carrier(Protocol):
    """The worker, as a job sees it."""

    jobs: "dict[int, Job]"

    def has_mail(self, job: "Job") -> None:
        """``job`` has frames to write."""
        ...

    def silent_seconds(self) -> float:
        """How long the worker has not answered anybody."""
        ...

    def kill(self, why: str) -> None:
        """End the process now; its jobs fail."""
        ...


Answer = FromWorker | ServiceError
"""What a job hears: answers of its worker, and at most one error, after which nothing comes."""


class Job:
    """One piece of work in a worker; made by `WorkerPool.start`, ended by `close`.

    Every answer is handed to ``sink``, which must neither wait nor raise. `Refused`, the loss of
    the worker and a missed deadline arrive there as `ServiceError`.
    """

    def __init__(
        self, service: str, number: int, sink: Callable[[Answer], None], timeout: float
    ) -> None:
        self.number = number
        self.dropped_bytes = 0
        self.outbox: deque[ToWorker] = deque()
        self.worker: Carrier | None = None
        self._service = service
        self._sink = sink
        self._timeout = timeout
        self._deadline: asyncio.TimerHandle | None = None
        self._outbox_audio_bytes = 0
        self._closed = False

    def send(self, frame: ToWorker) -> None:
        """Queue ``frame`` for the worker; never waits."""
        if self._closed:
            return
        self.outbox.append(frame)
        if isinstance(frame, Audio):
            self._outbox_audio_bytes += len(frame.pcm)
            if self._outbox_audio_bytes > OUTBOX_AUDIO_BYTES:
                self._drop_oldest_audio()
        if self.worker is not None:
            self.worker.has_mail(self)

    def expect_answer(self) -> None:
        """From now on the worker must answer within the timeout, and again after each answer.

        A worker that has told nobody anything for as long hangs, and is killed.
        """
        if not self._closed:
            self._stop_clock()
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._timeout, self._overdue)

    def take(self) -> ToWorker | None:
        """The next frame to write, for the worker's writer."""
        if not self.outbox:
            return None
        frame = self.outbox.popleft()
        if isinstance(frame, Audio):
            self._outbox_audio_bytes -= len(frame.pcm)
        return frame

    def deliver(self, answer: Answer) -> None:
        """Take an answer from the worker's reader."""
        if self._closed:
            return
        if isinstance(answer, Refused):
            answer = ServiceError(self._service, Fault(answer.fault), answer.detail)
        if isinstance(answer, ServiceError):
            self.close()
        elif self._deadline is not None:
            self.expect_answer()
        self._sink(answer)

    def close(self) -> None:
        """Forget the job; work that is still under way in the worker is cancelled. Idempotent."""
        if self._closed:
            return
        self._stop_clock()
        self.outbox.clear()
        if self.worker is not None:
            self.send(Cancel(self.number))
            self.worker.jobs.pop(self.number, None)
        self._closed = True

    def _overdue(self) -> None:
        worker = self.worker
        if worker is not None and worker.silent_seconds() >= self._timeout:
            worker.kill("no answer in time")
        self.deliver(ServiceError(self._service, Fault.TIMEOUT, "no answer in time"))

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop_oldest_audio(self) -> None:
        for index, frame in enumerate(self.outbox):
            if isinstance(frame, Audio):
                del self.outbox[index]
                self._outbox_audio_bytes -= len(frame.pcm)
                self.dropped_bytes += len(frame.pcm)
                return
