"""A pool of real worker processes (bots.workers.pool, bots.workers.serving)."""

import asyncio
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from bots.core.errors import Fault, ServiceError
from bots.workers import pool as pools
from bots.workers.frames import (
    Audio,
    Begin,
    Cancel,
    Done,
    End,
    ForgetModel,
    Model,
    Result,
    Samples,
    Speak,
)
from bots.workers.job import OUTBOX_AUDIO_BYTES, Answer, Job
from bots.workers.pool import WorkerPool, pool_for

pytestmark = pytest.mark.speech
ROOT = Path(pools.__file__).parents[2]


class Heard:
    """A sink that can be waited on."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Answer] = asyncio.Queue()

    async def until(self, wanted: type[Answer]) -> Answer:
        async with asyncio.timeout(60):
            while not isinstance(answer := await self.queue.get(), wanted):
                assert not isinstance(answer, ServiceError), answer
            return answer


def speak(pool: WorkerPool, text: str = "Hello", *, timeout: float = 30) -> tuple[Job, Heard]:
    heard = Heard()
    job = pool.start(heard.queue.put_nowait, timeout=timeout)
    job.send(Speak(job.number, text, "en-US", 8000, "", "auto"))
    job.expect_answer()
    return job, heard


async def recognise(pool: WorkerPool, key: str) -> Result:
    """Silence, recognised with the model ``key``."""
    heard = Heard()
    model = Model(key, ("hello",), 0.25)
    job = pool.start(heard.queue.put_nowait, timeout=60, model=model)
    job.send(Begin(job.number, key, 8000))
    job.send(End(job.number))
    answer = await heard.until(Result)
    job.close()
    assert isinstance(answer, Result)
    return answer


def new_pool(size: int = 1) -> WorkerPool:
    return pool_for("offline_tts", "tts:offline", size)


async def test_a_worker_is_started_by_the_first_job_and_serves_the_next() -> None:
    pool = new_pool()
    assert pool.processes == ()
    for _ in range(2):
        job, heard = speak(pool)
        await heard.until(Done)
        job.close()
    assert len(pool.processes) == 1


async def test_busy_workers_get_company_up_to_the_size() -> None:
    pool = new_pool(2)
    jobs = [speak(pool) for _ in range(5)]
    for _, heard in jobs:
        await heard.until(Done)
    assert len(pool.processes) == 2


async def test_pools_are_shared_by_engine_and_size_within_a_loop() -> None:
    assert new_pool(2) is new_pool(2)
    assert new_pool(2) is not new_pool(3)
    assert 1 <= pool_for("offline_tts", "tts:offline").size <= pools.MAX_WORKERS


def test_each_event_loop_has_its_own_pool_and_leaves_no_process() -> None:
    async def once() -> int:
        pool = new_pool()
        _, heard = speak(pool)
        await heard.until(Done)
        (process,) = pool.processes
        return process

    for _ in range(2):
        process = asyncio.run(once())  # NB nobody closes the pool: the end of the loop does
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def test_a_killed_worker_fails_its_jobs_and_is_replaced() -> None:
    pool = new_pool()
    with bound_contextvars(call="the one that started it"):
        _, heard = speak(pool, "And so on. " * 5000)
    await heard.until(Samples)
    (process,) = pool.processes
    with capture_logs(processors=[merge_contextvars]) as logs:
        os.kill(process, signal.SIGKILL)
        error = await heard.until(ServiceError)
    assert isinstance(error, ServiceError)
    assert error.fault is Fault.SERVER
    assert error.fault.retryable
    assert [entry["event"] for entry in logs] == ["worker.lost"]
    assert "call" not in logs[0], "it served others too"
    _, heard = speak(pool)
    await heard.until(Done)
    assert pool.processes != (process,)


async def test_an_idle_worker_that_dies_harms_nobody() -> None:
    pool = new_pool()
    _, heard = speak(pool)
    await heard.until(Done)
    for job in list(pool._workers[0].jobs.values()):
        job.close()
    worker = pool._workers[0]
    os.kill(pool.processes[0], signal.SIGKILL)
    await asyncio.wait([worker.task], timeout=30)
    assert pool.processes == ()
    _, heard = speak(pool)
    await heard.until(Done)


async def test_a_worker_that_hangs_is_killed_at_the_deadline() -> None:
    pool = new_pool()
    job, heard = speak(pool)
    await heard.until(Done)
    job.close()
    (process,) = pool.processes
    os.kill(process, signal.SIGSTOP)
    worker = pool._workers[0]
    _, heard = speak(pool, timeout=0.2)
    error = await heard.until(ServiceError)
    assert isinstance(error, ServiceError)
    assert error.fault is Fault.TIMEOUT
    _, heard = speak(pool)  # at once: nothing is given to a worker that is being killed
    await heard.until(Done)
    await asyncio.wait([worker.task], timeout=30)
    assert process not in pool.processes


async def test_a_missed_deadline_spares_a_worker_that_answers_others() -> None:
    pool = new_pool()
    other, heard = speak(pool, "And so on. " * 3000)
    await heard.until(Samples)
    (process,) = pool.processes
    late: asyncio.Queue[Answer] = asyncio.Queue()
    job = pool.start(late.put_nowait, timeout=60)
    job._overdue()
    error = late.get_nowait()
    assert isinstance(error, ServiceError)
    assert error.fault is Fault.TIMEOUT
    assert pool.processes == (process,)
    other.close()


async def test_a_cancelled_job_is_left_and_the_worker_goes_on_with_the_next() -> None:
    pool = new_pool()
    job, heard = speak(pool, "And so on. " * 20_000)
    await heard.until(Samples)
    job.close()
    job.close()
    job.send(Cancel(job.number))
    job.deliver(Done(job.number))
    process = pool.processes
    _, heard = speak(pool)
    await heard.until(Done)
    assert pool.processes == process


async def test_a_refusal_is_an_error_of_the_job_alone() -> None:
    pool = new_pool()
    heard = Heard()
    job = pool.start(heard.queue.put_nowait, timeout=60)
    job.send(Speak(job.number, "Hello", "en-US", 8000, "", "none such"))
    error = await heard.until(ServiceError)
    assert isinstance(error, ServiceError)
    assert error.fault is Fault.INVALID_REQUEST
    _, heard = speak(pool)
    await heard.until(Done)


async def test_closing_fails_what_is_in_hand_and_the_pool_may_go_on() -> None:
    pool = new_pool()
    _, heard = speak(pool, "And so on. " * 5000)
    await heard.until(Samples)
    await pool.close()
    await pool.close()
    assert isinstance(await heard.until(ServiceError), ServiceError)
    assert pool.processes == ()
    _, heard = speak(pool)
    await heard.until(Done)


async def test_closing_does_not_wait_for_speech_that_nobody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "READ_AHEAD_BYTES", 512)
    pool = new_pool()
    _, heard = speak(pool, "And so on. " * 5000)
    await heard.until(Samples)
    process = pool._workers[0]._process
    assert process is not None
    pipe = process._transport.get_pipe_transport(1).get_extra_info("pipe")  # type: ignore[attr-defined]  # asyncio has no public way to the pipe
    while _waiting_bytes(pipe.fileno()) < 30_000:
        pass  # NB the loop must not run meanwhile: the pipe is to be full when the reader stops
    with capture_logs() as logs:
        await pool.close()
    assert logs == [], "the worker had to be killed"
    assert pool.processes == ()


def _waiting_bytes(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_too_much_waiting_audio_drops_the_oldest_and_counts_it() -> None:
    job = new_pool().start(lambda answer: None, timeout=60)
    job.send(Begin(job.number, "k", 16000))
    for number in range(4):
        job.send(Audio(job.number, bytes([number]) * (OUTBOX_AUDIO_BYTES // 3)))
    job.send(End(job.number))
    assert job.dropped_bytes == OUTBOX_AUDIO_BYTES // 3
    first = job.take()
    second = job.take()
    assert isinstance(first, Begin)
    assert isinstance(second, Audio)
    assert second.pcm[:1] == b"\x01"


async def test_an_engine_that_does_not_exist_fails_its_jobs() -> None:
    pool = pool_for("no_such_engine", "tts:none", 1)
    heard = Heard()
    pool.start(heard.queue.put_nowait, timeout=60)
    error = await heard.until(ServiceError)
    assert isinstance(error, ServiceError)
    assert error.fault is Fault.SERVER


async def test_the_oldest_models_are_forgotten_and_sent_again_when_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "MODELS_PER_WORKER", 2)
    pool = pool_for("pocketsphinx", "stt:pocketsphinx", 1)
    for key in ("a", "b", "c", "a", "c"):
        assert (await recognise(pool, key)).text == ""
    assert set(pool._workers[0]._models) == {"a", "c"}


async def test_words_that_the_dictionary_lacks_are_named_once_a_model() -> None:
    pool = pool_for("pocketsphinx", "stt:pocketsphinx", 1)
    model = Model("m", ("hello xyzzyx", "plughq"), 0.25)
    heard = Heard()
    with capture_logs() as logs:
        for _ in range(2):
            job = pool.start(heard.queue.put_nowait, timeout=60, model=model)
            job.send(Begin(job.number, "m", 8000))
            job.send(End(job.number))
            await heard.until(Result)
            job.close()
            pool._workers[0]._letters.append(ForgetModel("m"))
            pool._workers[0]._models.clear()
    named = [entry["words"] for entry in logs if entry["event"] == "stt.words_missing"]
    assert named == [["xyzzyx", "plughq"]]


def test_no_worker_outlives_a_gateway_that_was_killed() -> None:
    program = textwrap.dedent(
        """
        import asyncio
        from bots.workers.frames import Samples, Speak
        from bots.workers.pool import pool_for

        async def main():
            pool, started = pool_for("offline_tts", "tts:offline", 1), asyncio.Event()
            job = pool.start(lambda answer: started.set(), timeout=60)
            job.send(Speak(job.number, "And so on. " * 20000, "en-US", 8000, "", "auto"))
            await started.wait()
            print(*pool.processes, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as gateway:
        assert gateway.stdout is not None
        worker = os.pidfd_open(int(gateway.stdout.readline()))
        gateway.kill()
    ended = select.poll()
    ended.register(worker, select.POLLIN)
    try:
        assert ended.poll(30_000), "the worker lives on"
    finally:
        os.close(worker)
