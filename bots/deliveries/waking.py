"""Telling the worker that there is something to deliver."""

import threading
import time
from collections.abc import Callable

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

TASK = "bots.tasks.deliver"
EXPIRES_S = 60
"""A wake-up that waited longer adds nothing: the schedule looks every few seconds."""
PAUSE_S = 0.1

log = structlog.get_logger(__name__)


class Waker:
    """One thread that does ``send`` soon after `wake`, for all that called it meanwhile at once.

    Two wake-ups are ``pause_s`` apart: many commits must not bury the other tasks. Who commits
    never waits for the broker. A wake-up that gets lost does no harm: the schedule looks every few
    seconds.
    """

    def __init__(self, send: Callable[[], None], pause_s: float = PAUSE_S) -> None:
        self._send = send
        self._pause_s = pause_s
        self._due = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the wake-up sent; never blocks, never raises."""
        self._due.set()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waking", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            try:
                self._send()
            except Exception:
                # The root of the thread: the next wake-up may be sent.
                log.exception("deliveries.waking_broken")
            time.sleep(self._pause_s)


def _send() -> None:
    try:
        current_app.send_task(TASK, expires=EXPIRES_S, retry=False)
    except (OperationalError, OSError) as error:
        log.debug("deliveries.not_woken", error=type(error).__name__)


wake = Waker(_send).wake
