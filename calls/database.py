"""The one way from an event loop to the database: a thread pool of its own.

Channels' and asgiref's default runs all database work of a process on a single thread, so that one
slow query delays every socket; here a query delays only its own caller.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

_THREADS = 8
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="db")


async def db(query: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``query`` in a database thread; never call it from an audio path.

    Connections that went stale are dropped before and after, as Django does around a request.
    """

    def run() -> R:
        close_old_connections()
        try:
            return query(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=False, executor=_pool)()
