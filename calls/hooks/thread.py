"""The one thread that handlers run in, with an event loop of its own: audio never waits for it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from calls.core.wording import clean

STOP_S = 5.0

MAX_PROBLEM_CHARS = 500

log = structlog.get_logger(__name__)


def problem_of(error: BaseException) -> str:
    """What went wrong in somebody else's code, in words that can be sent and kept.

    It may raise anything, be it `SystemExit`, or a `CancelledError` of a task of its own.

    Raises:
        CancelledError: it is we who end the task.
    """
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - that is somebody else's code, too
        text = "it cannot be shown"
    return clean(f"{type(error).__name__}: {text}", MAX_PROBLEM_CHARS)


class HookThread:
    """Started with the first call; `run` and `soon` may be used from any thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="hooks", daemon=True)
        self._ending = False

    def start(self) -> None:
        """Let it run."""
        self._thread.start()

    def soon(self, work: Callable[..., object], *given: Any) -> None:
        """Call ``work`` there; after `stop` nothing happens."""
        try:
            self.loop.call_soon_threadsafe(work, *given)
        except RuntimeError:
            log.debug("hooks.stopped")

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await ``work``, done there, in the caller's event loop; cancelled with the caller."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def stop(self, seconds: float = STOP_S) -> None:
        """End it; what is under way for longer than ``seconds`` is abandoned."""
        self._ending = True
        self.soon(self.loop.stop)
        self._thread.join(seconds)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._ending:
            try:
                self.loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - of a task that a handler began
                log.error("hooks.exit_ignored", error=type(error).__name__)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(_ended(self.loop))
        self.loop.close()


async def _ended(loop: asyncio.AbstractEventLoop) -> None:
    others = asyncio.all_tasks(loop) - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
