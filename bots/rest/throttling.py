"""How often machines may ask: limits that all processes share, counted in Redis.

While Redis is away each process counts alone, so that no request fails or waits because of it.
"""

import math
import time
from functools import cache

import structlog
from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from bots.models import ApiClient

REDIS_SECONDS = 0.25
"""The longest that one question to Redis may take."""
AWAY_SECONDS = 5.0
"""How long Redis is left alone after it did not answer."""
TOKENS = RateLimitItemPerSecond(200, 2)
"""Access tokens that one client may ask for: 100 a second, twice as many at once."""
FAILURES = RateLimitItemPerMinute(30)
"""Failed attempts to prove who one is, of each address and of each client id."""

log = structlog.get_logger(__name__)


class Limiter:
    """Counts in sliding windows, in Redis at ``url`` or, while that is away, in memory."""

    def __init__(self, url: str) -> None:
        shared = RedisStorage(
            f"redis+{url}" if url.startswith("unix:") else url,
            key_prefix="gateway-limits",
            wrap_exceptions=True,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # passed on to the client
        )
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._away_until = 0.0
        self._away = False

    def wait(self, limit: RateLimitItem, *names: str) -> int:
        """Count one; 0 when ``names`` are within ``limit``, else how many seconds to wait."""
        if time.monotonic() >= self._away_until:
            try:
                seconds = _counted(self._shared, limit, names)
            except StorageError as problem:
                self._lose(problem)
            else:
                self._away = False
                return seconds
        return _counted(self._own, limit, names)

    def _lose(self, problem: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        if not self._away:
            log.warning("limits.redis_away", error=type(problem.__cause__ or problem).__name__)
        self._away = True


def _counted(
    limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, names: tuple[str, ...]
) -> int:
    if limiter.hit(limit, *names):
        return 0
    reset = limiter.get_window_stats(limit, *names).reset_time - time.time()
    return min(max(1, math.ceil(reset)), limit.get_expiry())


@cache
def limiter() -> Limiter:
    """The limiter of this process."""
    return Limiter(settings.REDIS_URL)


def request_wait(client: ApiClient) -> int:
    """Count a request to the API: 0, or how many seconds ``client`` has to wait."""
    limit = RateLimitItemPerSecond(2 * client.rate_per_second, 2)
    return limiter().wait(limit, "requests", str(client.pk))


def token_wait(client: ApiClient) -> int:
    """Count an access token that ``client`` asks for: 0, or how many seconds it has to wait."""
    return limiter().wait(TOKENS, "tokens", str(client.pk))


def failure_wait(address: str | None, client_id: str = "") -> int:
    """Count a failed attempt: 0, or for how many seconds further ones are not looked at.

    Only what fails is counted and held up, so nobody can lock out a client by guessing at it. The
    attempts that are let through are logged; the others would only fill the log.
    """
    waits = [limiter().wait(FAILURES, "address", address or "")]
    if client_id:
        waits.append(limiter().wait(FAILURES, "client", client_id[:100]))
    wait = max(waits)
    if not wait:
        log.warning("client.refused", client_id=client_id[:100], address=address)
    return wait
