"""How much API clients ask for and when they did last, counted in memory and written in batches.

No request writes for itself: what came together is written when `FLUSH_SECONDS` are over, with the
next request, before a page shows it, and when the web server stops.
"""

import threading
import time
from collections import Counter
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from bots.models import ApiClient, ClientUsage, MintedToken

FLUSH_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Meter:
    """Counts the requests of clients; several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flushed = time.monotonic()
        self._requests: Counter[tuple[int, datetime]] = Counter()
        self._refused: Counter[tuple[int, datetime]] = Counter()
        self._clients: dict[int, tuple[datetime, str | None]] = {}
        self._minted: dict[int, datetime] = {}

    def count(
        self, client: int, *, address: str | None, minted: int | None = None, refused: bool = False
    ) -> None:
        """One request of ``client`` (its key), with the minted token of that key."""
        now = timezone.now()
        key = client, now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            self._requests[key] += 1
            self._refused[key] += refused
            self._clients[client] = now, address
            if minted is not None:
                self._minted[minted] = now
            due = time.monotonic() - self._flushed >= FLUSH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what was counted; when the database refuses, it is kept for the next time."""
        with self._lock:
            counted = self._requests, self._refused, self._clients, self._minted
            self._requests, self._refused = Counter(), Counter()
            self._clients, self._minted = {}, {}
            self._flushed = time.monotonic()
        requests, refused, clients, minted = counted
        if not requests:
            return
        try:
            _write(requests, refused, clients, minted)
        except DatabaseError as problem:
            log.warning("client.usage_not_written", error=type(problem).__name__)
            with self._lock:
                self._requests.update(requests)
                self._refused.update(refused)
                self._clients = clients | self._clients
                self._minted = minted | self._minted


@transaction.atomic
def _write(
    requests: Counter[tuple[int, datetime]],
    refused: Counter[tuple[int, datetime]],
    clients: dict[int, tuple[datetime, str | None]],
    minted: dict[int, datetime],
) -> None:
    # Locked in one order by all processes; a client may have been deleted meanwhile.
    rows = ApiClient.objects.select_for_update().filter(pk__in=clients).order_by("pk")
    alive = set(rows.values_list("pk", flat=True))
    for (client, hour), number in sorted(requests.items()):
        if client in alive:
            row, _created = ClientUsage.objects.get_or_create(client_id=client, hour=hour)
            ClientUsage.objects.filter(pk=row.pk).update(
                requests=F("requests") + number, refused=F("refused") + refused[client, hour]
            )
    for client, (at, address) in clients.items():
        ApiClient.objects.filter(pk=client).update(last_used_at=at, last_used_address=address)
    for token, at in minted.items():
        MintedToken.objects.filter(pk=token).update(last_used_at=at)


meter = Meter()
"""What this process has counted."""
