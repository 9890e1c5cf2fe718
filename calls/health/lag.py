"""How late the event loop of this process is: the delay that every call's audio has beside its own.

A timer is asked for every `STEP_S`; how late it comes is the lag. Source: design practice for
watchdogs, target p99 below 20 ms, an alarm above 100 ms for 10 s.
"""

import asyncio
import math
from collections import deque

STEP_S = 0.1
"""Each wakes a loop that has nothing else to do."""
WINDOW_S = 10.0
WINDOW = round(WINDOW_S / STEP_S)
"""Timers within the window."""


class LoopLag:
    """Measures the running loop from `start` on, until `stop`; reading it costs no measurement."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque(maxlen=WINDOW)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure the running loop; safe to call twice."""
        if self._timer is None:
            self._ask(asyncio.get_running_loop())

    def stop(self) -> None:
        """Measure no more, and forget."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._late_s.clear()

    def note(self, late_s: float) -> None:
        """A timer came ``late_s`` after it was due.

        Those that would have come meanwhile were late as well, each by a step less.
        """
        for missed in range(min(int(max(0.0, late_s) / STEP_S), WINDOW) + 1):
            self._late_s.append(max(0.0, late_s - missed * STEP_S))

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 timers of the last `WINDOW_S` did not exceed; 0 before the first."""
        if not self._late_s:
            return 0.0
        ordered = sorted(self._late_s)
        return ordered[math.ceil(len(ordered) * 0.99) - 1] * 1000

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(due := loop.time() + STEP_S, self._came, loop, due)

    def _came(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.note(loop.time() - due)
        self._ask(loop)


loop_lag = LoopLag()
"""That of this process."""


def lag_p99_ms() -> float:
    """How late the event loop of this process was in the last ten seconds, 99 of 100 times."""
    return loop_lag.p99_ms
