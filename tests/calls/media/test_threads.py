"""The threads behind prompts."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from calls.media.threads import in_thread

pytestmark = pytest.mark.wire

SHOWN: ContextVar[str] = ContextVar("SHOWN")


async def test_work_for_prompts_does_not_wait_for_names_that_are_being_resolved() -> None:
    answered = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, answered.wait) for _ in range(64)]
    try:
        async with asyncio.timeout(20):
            assert await in_thread(lambda text: text.upper(), "done") == "DONE"
    finally:
        answered.set()
        await asyncio.gather(*busy)


async def test_log_lines_of_the_work_name_the_call() -> None:
    SHOWN.set("call-1")
    assert await in_thread(SHOWN.get) == "call-1"


async def test_a_failure_is_raised_where_the_work_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
