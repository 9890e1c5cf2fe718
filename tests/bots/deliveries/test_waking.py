"""Waking the worker: soon, for many at once, and never in the way."""

import threading

import pytest
from celery import current_app

from bots.deliveries.waking import TASK, Waker

pytestmark = pytest.mark.pure


def test_many_who_ask_while_the_broker_hangs_wait_for_nothing_and_are_one_wake_up() -> None:
    sending, answered, sent = threading.Semaphore(0), threading.Semaphore(0), []

    def send() -> None:
        sent.append(threading.current_thread())
        sending.release()
        answered.acquire()

    waker = Waker(send, pause_s=0)
    waker.wake()
    assert sending.acquire(timeout=30)
    for _ in range(1000):
        waker.wake()
    answered.release()
    assert sending.acquire(timeout=30)
    answered.release(2)
    assert len(sent) == 2
    assert threading.main_thread() not in sent


def test_a_wake_up_that_breaks_is_not_the_last() -> None:
    broke, sent = threading.Event(), threading.Event()

    def send() -> None:
        if not broke.is_set():
            broke.set()
            raise RuntimeError("a bug")
        sent.set()

    waker = Waker(send, pause_s=0)
    waker.wake()
    assert broke.wait(30)
    waker.wake()
    assert sent.wait(30)


def test_what_wakes_is_a_task_of_the_schedule_that_every_thread_can_send() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(current_app.main))
    thread.start()
    thread.join()
    assert found == ["gateway"]
    scheduled = {entry["task"] for entry in current_app.conf.beat_schedule.values()}
    assert TASK in scheduled
    current_app.autodiscover_tasks(force=True)
    assert scheduled <= set(current_app.tasks)
