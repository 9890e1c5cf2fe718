"""A pool of speech worker processes for one engine, driven by one event loop.

Workers are started when they are needed, each as ``python -m bots.workers.<engine>``, and fed over
pipes (see `bots.workers.frames`). A `Job` is one utterance to recognise or one text to speak. It
goes to the worker with the fewest jobs; when that worker dies, its jobs fail with a retryable
`ServiceError` and the next job starts a new worker.

Nothing here blocks the event loop: a job's frames wait in its own outbox and one task per worker
writes them. Audio in an outbox is limited; the oldest is dropped and counted. Control frames are
never dropped.
"""

import asyncio
import contextvars
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

import msgspec
import structlog

from bots.core.errors import Fault, ServiceError
from bots.workers.frames import (
    LENGTH_BYTES,
    ForgetModel,
    FromWorker,
    Model,
    ModelReady,
    ToWorker,
    body_length,
    decode_from_worker,
    encode,
)
from bots.workers.job import Answer, Job

log = structlog.get_logger(__name__)

MAX_WORKERS = 4
"""The pool's size when none is configured is the number of usable processors, at most this."""
MODELS_PER_WORKER = 32
"""Phrase models a worker keeps; the least recently used is forgotten."""
READ_AHEAD_BYTES = 65_536
"""Output of a worker that is buffered before it is understood."""
STOP_SECONDS = 2.0
"""How long a worker may take to leave before it is killed."""


def _python_path() -> str:
    """Where the worker finds this very package, whatever directory the gateway was started in."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def default_size() -> int:
    """Workers for this machine: one per processor that we may use, at most `MAX_WORKERS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MAX_WORKERS, usable or 1)


class _Worker:
    """One process and the task that starts it, feeds it, reads it and sees it off."""

    def __init__(self, pool: "WorkerPool") -> None:
        self.jobs: dict[int, Job] = {}
        self._pool = pool
        self._models: OrderedDict[str, None] = OrderedDict()
        self._mail: OrderedDict[Job, None] = OrderedDict()
        self._letters: deque[ToWorker] = deque()
        self._wake = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._why_killed = ""
        self._last_answer = asyncio.get_running_loop().time()
        # It outlives the call that happens to start it, whose ids its log lines must not bear.
        self.task = asyncio.create_task(
            self._run(), name=f"worker {pool.engine}", context=contextvars.Context()
        )

    @property
    def process_id(self) -> int | None:
        """The process while it lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def take_on(self, job: Job, model: Model | None) -> None:
        """Give ``job`` to this worker, which must know ``model`` first."""
        job.worker = self
        self.jobs[job.number] = job
        self.know(model)
        self.has_mail(job)

    def know(self, model: Model | None) -> None:
        """Make sure the worker has ``model``; forget the one used longest ago if it has many."""
        if model is None:
            return
        if model.key not in self._models:
            self._letters.append(model)
            if len(self._models) >= MODELS_PER_WORKER:
                self._letters.append(ForgetModel(self._models.popitem(last=False)[0]))
        self._models[model.key] = None
        self._models.move_to_end(model.key)
        self._wake.set()

    def silent_seconds(self) -> float:
        """How long the worker has not answered anybody."""
        return asyncio.get_running_loop().time() - self._last_answer

    def has_mail(self, job: Job) -> None:
        """``job`` has frames to write."""
        if job.outbox:
            self._mail[job] = None
            self._wake.set()

    def kill(self, why: str) -> None:
        """End the process now; its jobs fail, and it gets no others."""
        self._why_killed = why
        self._pool.lost(self)
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"bots.workers.{self._pool.engine}",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": _python_path()}, limit=READ_AHEAD_BYTES,
            )  # fmt: skip
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._write(self._process))
                await self._read(self._process)
                writing.cancel()
        except* (OSError, ValueError, msgspec.DecodeError) as broken:
            self._why_killed = self._why_killed or f"broken pipe: {broken.exceptions[0]}"
        finally:
            self._pool.lost(self)
            await self._see_off()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        assert stream is not None  # noqa: S101 - it is a pipe; tells the type checker
        with suppress(asyncio.IncompleteReadError):
            while True:
                length = body_length(await stream.readexactly(LENGTH_BYTES))
                self._deliver(decode_from_worker(await stream.readexactly(length)))

    def _deliver(self, answer: FromWorker) -> None:
        self._last_answer = asyncio.get_running_loop().time()
        if isinstance(answer, ModelReady):
            self._pool.model_ready(answer)
        elif (job := self.jobs.get(answer.job)) is not None:
            job.deliver(answer)

    async def _write(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdin
        assert stream is not None  # noqa: S101 - it is a pipe; tells the type checker
        while True:
            await self._wake.wait()
            self._wake.clear()
            for frame in self._frames():
                stream.write(encode(frame))
                await stream.drain()

    def _frames(self) -> Iterable[ToWorker]:
        """What is to be written, one frame of each job in turn so that none waits for another."""
        while self._letters or self._mail:
            if self._letters:
                yield self._letters.popleft()
                continue
            job, _ = self._mail.popitem(last=False)
            frame = job.take()
            if frame is None:
                continue
            self.has_mail(job)
            yield frame

    async def _leave(self, process: asyncio.subprocess.Process) -> int:
        """The exit code of ``process``, which has `STOP_SECONDS` to leave when its input closes."""
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await _exit_code(process)
        except TimeoutError:
            self.kill("the worker did not leave")
            return await _exit_code(process)

    async def _see_off(self) -> None:
        """Close the pipe, wait for the process to leave, kill it if it does not; fail its jobs."""
        code = await self._leave(self._process) if self._process is not None else None
        detail = self._why_killed or f"the worker process ended (code {code})"
        for job in list(self.jobs.values()):
            job.worker = None
            job.deliver(ServiceError(self._pool.service, Fault.SERVER, detail))
        if code != 0 or self._why_killed:
            log.warning("worker.lost", engine=self._pool.engine, detail=detail, jobs=len(self.jobs))
        self.jobs.clear()


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for the end of ``process``.

    What it still says is thrown away: an exit is only seen when every pipe was read to its end.
    """
    if process.stdout is not None:
        with suppress(OSError):
            while await process.stdout.read(READ_AHEAD_BYTES):
                pass
    return await process.wait()


class WorkerPool:
    """The workers of one engine; get it from `pool_for`, never share it between event loops.

    ``service`` names the plug-in in errors (``stt:pocketsphinx``).
    """

    def __init__(self, engine: str, service: str, size: int) -> None:
        self.engine = engine
        self.service = service
        self.size = size
        self.missing_words: dict[str, tuple[str, ...]] = {}
        self._numbers = count(1)
        self._workers: list[_Worker] = []
        self._leaving: set[_Worker] = set()

    @property
    def processes(self) -> tuple[int, ...]:
        """Process ids of the live workers."""
        return tuple(pid for worker in self._workers if (pid := worker.process_id) is not None)

    def start(
        self, sink: Callable[[Answer], None], *, timeout: float, model: Model | None = None
    ) -> Job:
        """A new job on the least busy worker; one is started if all are busy.

        ``timeout`` is in seconds (see `Job.expect_answer`).
        """
        job = Job(self.service, next(self._numbers), sink, timeout)
        self._least_busy().take_on(job, model)
        return job

    def warm(self, model: Model | None = None) -> None:
        """Have a worker start, and learn ``model``, before the first job needs it."""
        self._least_busy().know(model)

    def model_ready(self, answer: ModelReady) -> None:
        """Name the words a model does without, once per model."""
        if answer.missing and self.missing_words.get(answer.key) != answer.missing:
            log.warning("stt.words_missing", model=answer.key, words=list(answer.missing))
        self.missing_words[answer.key] = answer.missing

    def lost(self, worker: _Worker) -> None:
        """``worker`` takes no more jobs; it is remembered until it has left."""
        if worker in self._workers:
            self._workers.remove(worker)
        self._leaving.add(worker)
        worker.task.add_done_callback(lambda _: self._leaving.discard(worker))

    async def close(self) -> None:
        """End every worker and fail what they had in hand; idempotent, and the pool may go on."""
        tasks = [worker.task for worker in (*self._workers, *self._leaving)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _least_busy(self) -> _Worker:
        free = min(self._workers, key=lambda worker: len(worker.jobs), default=None)
        if free is None or (free.jobs and len(self._workers) < self.size):
            free = _Worker(self)
            self._workers.append(free)
        return free


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], WorkerPool]]
_pools = WeakKeyDictionary()


def pool_for(engine: str, service: str, size: int = 0) -> WorkerPool:
    """The running loop's pool of ``engine``; ``size`` 0 means `default_size`."""
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    chosen = size or default_size()
    if (engine, chosen) not in pools:
        pools[engine, chosen] = WorkerPool(engine, service, chosen)
    return pools[engine, chosen]


def worker_processes() -> tuple[int, ...]:
    """Process ids of all workers of the running loop."""
    pools = _pools.get(asyncio.get_running_loop(), {})
    return tuple(pid for pool in pools.values() for pid in pool.processes)


async def close_pools() -> None:
    """End every worker that the running loop has started; safe to call twice."""
    for pool in list(_pools.get(asyncio.get_running_loop(), {}).values()):
        await pool.close()


__all__ = [
    "Answer",
    "Job",
    "WorkerPool",
    "close_pools",
    "default_size",
    "pool_for",
    "worker_processes",
]
