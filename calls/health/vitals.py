"""How this process is doing, in numbers that cost nothing to have: for its lease."""

import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from bots.workers.pool import worker_processes
from calls.health.lag import lag_p99_ms
from calls.session import witness
from calls.session.host import SessionHost

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = resource.getpagesize()
_MEGABYTE = 1_000_000


class Processor:
    """How much of one processor this process takes; asked from time to time."""

    def __init__(self) -> None:
        self._at, self._spent_s = time.monotonic(), time.process_time()

    def percent(self) -> float:
        """Since the last time it was asked; above 100 when several threads are busy."""
        at, spent_s = time.monotonic(), time.process_time()
        passed_s = max(1e-6, at - self._at)
        used = 100 * (spent_s - self._spent_s) / passed_s
        self._at, self._spent_s = at, spent_s
        return round(used, 1)


def common(processor: Processor) -> dict[str, Any]:
    """What can be said of any process; ``db_connections`` where there is a pool of them."""
    found: dict[str, Any] = {
        "rss_mb": round(_resident_bytes() / _MEGABYTE, 1),
        "cpu_percent": processor.percent(),
        "threads": threading.active_count(),
    }
    pool = getattr(connection, "pool", None)  # only PostgreSQL has one
    if pool is not None:
        found["db_connections"] = pool.get_stats().get("pool_size", 0)
    return found


def of_calls(host: SessionHost, processor: Processor) -> dict[str, Any]:
    """The same for a process that takes calls; call it on its event loop.

    ``providers`` has the uses and failures of the last minutes, see `calls.core.tally`.
    """
    return {
        **common(processor),
        "calls": host.calls,
        "most_calls": settings.MAX_CALLS,
        "draining": host.draining,
        "lag_p99_ms": round(lag_p99_ms(), 1),
        "records_waiting": host.records.waiting,
        "speech_workers": len(worker_processes()),
        "providers": witness.figures(),
    }


def _resident_bytes() -> int:
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except OSError:  # no Linux: the most that it ever had
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
