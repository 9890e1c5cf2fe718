"""The courier: makes the deliveries of the outbox until nothing is due.

It runs inside a background task, one per process; whoever asks for it while it runs makes it look
again. Network and database do not wait for each other: the database has a thread of its own.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from bots import secrets
from bots.core.delivering import Outcome, retry_after_s
from bots.core.errors import Fault
from bots.deliveries import claims
from bots.deliveries.waking import wake
from bots.models import Delivery
from bots.net import Outbound, OutboundError

DEADLINE_S = 10.0
"""Of one attempt, from the connection to the head of the answer."""
RUN_S = 50.0
"""After this a fresh task goes on; shorter than a task may take, with `DEADLINE_S` added."""
UNDER_WAY = 64
"""Deliveries of one courier at the same time."""
_PROBLEM_CHARS = 300

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Courier:
    """One run over what is due; `run` it in a thread without an event loop."""

    def __init__(self, outbound: Outbound, *, deadline_s: float = DEADLINE_S) -> None:
        self._outbound = outbound
        self._deadline_s = deadline_s
        self._database = ThreadPoolExecutor(1, "courier-database")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Future[None] | None = None
        self._stopping = False

    def run(self) -> None:
        """Deliver until nothing is due, somebody calls `stop`, or for `RUN_S`."""
        try:
            asyncio.run(self._deliver())
        finally:
            self._database.submit(connections.close_all)
            self._database.shutdown()

    def look_again(self) -> None:
        """Take into account what has become due meanwhile; from any thread."""
        if (loop := self._loop) is not None:
            with suppress(RuntimeError):  # the run has just ended
                loop.call_soon_threadsafe(self._looked)

    def stop(self) -> None:
        """Begin nothing more; from any thread."""
        self._stopping = True

    async def _deliver(self) -> None:
        self._loop = asyncio.get_running_loop()
        end = self._loop.time() + RUN_S
        under_way: set[asyncio.Future[claims.Result]] = set()
        async with self._outbound, asyncio.TaskGroup() as group:
            while True:
                looking = self._looking = self._loop.create_future()
                if not self._stopping and self._loop.time() < end:
                    for delivery in await self._claimed(UNDER_WAY - len(under_way)):
                        under_way.add(group.create_task(self._attempt(delivery)))
                elif not (under_way or self._stopping):
                    wake()
                if not under_way:
                    break
                await asyncio.wait({*under_way, looking}, return_when=asyncio.FIRST_COMPLETED)
                done = {task for task in under_way if task.done()}
                under_way -= done
                await self._settle([task.result() for task in done])
        self._loop = None

    def _looked(self) -> None:
        if self._looking is not None and not self._looking.done():
            self._looking.set_result(None)

    async def _claimed(self, most: int) -> list[Delivery]:
        return await self._in_database(partial(claims.claim, timezone.now(), most))

    async def _settle(self, results: list[claims.Result]) -> None:
        if not results:
            return
        for dead in await self._in_database(partial(claims.settle, results)):
            log.warning(
                "delivery.dead", delivery=str(dead.pk), kind=dead.kind, problem=dead.last_problem
            )

    async def _in_database(self, action: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, action)

    async def _attempt(self, delivery: Delivery) -> claims.Result:
        try:
            outcome = await self._posted(delivery)
        except Exception:
            # The root of an attempt: whatever broke, the other deliveries are made.
            log.exception("delivery.broken", delivery=str(delivery.pk))
            outcome = Outcome(problem="an error inside the gateway")
        return claims.Result(delivery, outcome, timezone.now())

    async def _posted(self, delivery: Delivery) -> Outcome:
        now = timezone.now()
        try:
            target = secrets.opened_texts(delivery.target)
            headers = headers_of(delivery, target["secret"], now)
        except LookupError:
            return Outcome(hopeless=True, problem="the address cannot be decrypted")
        except ValueError:
            return Outcome(hopeless=True, problem="the signing secret is malformed")
        try:
            answer = await self._outbound.request(
                "POST",
                target["url"],
                deadline_s=self._deadline_s,
                headers=headers,
                body=delivery.body.encode(),
            )
        except OutboundError as error:
            hopeless = error.fault is Fault.INVALID_REQUEST
            return Outcome(hopeless=hopeless, problem=error.reason[:_PROBLEM_CHARS])
        good = 200 <= answer.status < 300
        return Outcome(
            status=answer.status,
            problem="" if good else f"HTTP {answer.status}",
            retry_after_s=retry_after_s(answer.headers.get("Retry-After", ""), now),
        )


def headers_of(delivery: Delivery, secret: str, now: datetime) -> dict[str, str]:
    """The headers of an attempt at ``now``, signed if there is a ``secret``.

    Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com

    Raises:
        ValueError: the secret is not base64, or empty but for its prefix.
    """
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-sequence": str(delivery.seq),
    }
    if secret:
        try:
            signer = Webhook(secret)
        except EmptyWebhookSecretError:
            raise ValueError("empty secret") from None
        headers["webhook-signature"] = signer.sign(str(delivery.pk), now, delivery.body)
    return headers


class _Post:
    """The courier of this process, if one is at work."""

    def __init__(self) -> None:
        self._at_work = threading.Lock()
        self._asked = threading.Event()
        self._courier: Courier | None = None

    def deliver(self) -> None:
        """Deliver what is due, or have the courier who is at work look again."""
        self._asked.set()
        if (courier := self._courier) is not None:
            courier.look_again()
        # NB looked at after the lock is free: who asked just before the end is not forgotten.
        while self._asked.is_set() and self._at_work.acquire(blocking=False):
            try:
                self._asked.clear()
                self._courier = Courier(Outbound(settings.OUTBOUND_ALLOW))
                self._courier.run()
            except* (OperationalError, InterfaceError):
                log.warning("deliveries.database_away")
            finally:
                self._courier = None
                self._at_work.release()

    def stop(self) -> None:
        """Let the courier at work end what it has begun."""
        if (courier := self._courier) is not None:
            courier.stop()


_post = _Post()
deliver = _post.deliver
stop = _post.stop
