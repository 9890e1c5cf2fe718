"""Threads for the work behind prompts: files of the cache, and decoding.

NB Not asyncio's own: those also resolve names, and a name server that does not answer holds them
for as long as it likes, while every prompt of every call would wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4
_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="media")


def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    """``work`` in one of the threads; it is begun even if nobody waits for it."""
    call = partial(copy_context().run, work, *args, **kwargs)
    return asyncio.get_running_loop().run_in_executor(_pool, call)
