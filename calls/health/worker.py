"""The lease of the background worker: it tells that the worker lives, and what it found."""

import os
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from calls.health.certificates import CERTIFICATES
from calls.health.vitals import Processor, common
from calls.leases import RENEW_SECONDS, give_back, renew_lease

STOP_S = 2.0

log = structlog.get_logger(__name__)


class WorkerLease:
    """Renews the lease in a thread of its own: `start` when the worker is ready, then `stop`."""

    def __init__(self) -> None:
        self.owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._started_at = timezone.now()
        self._processor = Processor()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; safe to call twice."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Give the lease back."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(STOP_S)

    def renew(self) -> None:
        """Tell that the worker lives.

        Raises:
            DatabaseError, InterfaceError: nobody was told.
        """
        renew_lease(
            self.owner,
            socket.gethostname(),
            os.getpid(),
            timezone.now(),
            role="worker",
            version=settings.VERSION,
            started_at=self._started_at,
            vitals=self._vitals(),
        )

    def _vitals(self) -> dict[str, Any]:
        return {**common(self._processor), "certificates": CERTIFICATES.vitals()}

    def _run(self) -> None:
        while not self._stop.is_set():
            self._in_database(self.renew)
            self._stop.wait(RENEW_SECONDS)
        self._in_database(lambda: give_back(self.owner))

    def _in_database(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (DatabaseError, InterfaceError) as error:
            log.warning("lease.not_renewed", error=type(error).__name__)
        finally:
            close_old_connections()


WORKER_LEASE = WorkerLease()
"""That of this process."""
