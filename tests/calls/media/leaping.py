"""An event loop whose clock leaps over every wait, so that waiting takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_STEP_S = 1e-6
"""What one turn of the loop takes, so that time goes on as it does on a real clock."""


class _LeapingSelector(selectors.DefaultSelector):
    """Finds what is ready; where a real one would wait, it moves the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits, and nothing will ever happen")
            self.now += timeout
        self.now += _STEP_S
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop on the leaping clock; a deadlock is an error instead of a wait for ever.

    What is given to a thread is done at once, in a later turn of the loop.
    """

    def __init__(self) -> None:
        self._clock = _LeapingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds on the leaping clock."""
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do the work of a thread here: its time is not on the clock."""

        async def work() -> T:
            return func(*args)

        return self.create_task(work())


def leap(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end in no time."""
    with asyncio.Runner(loop_factory=LeapingLoop, debug=True) as runner:
        return runner.run(main)
