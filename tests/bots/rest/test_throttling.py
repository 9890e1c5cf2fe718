"""Limits: shared by processes through Redis, and alone while it is away."""

import pytest
from limits import RateLimitItemPerMinute
from structlog.testing import capture_logs

from bots.rest.throttling import Limiter

FEW = RateLimitItemPerMinute(3)


@pytest.mark.peer("redis-server")
def test_processes_share_a_limit(redis_url: str) -> None:
    one, other = Limiter(redis_url), Limiter(redis_url)
    waits = [limiter.wait(FEW, "client", "a") for limiter in (one, other, one, other, one)]
    assert waits[:3] == [0, 0, 0]
    assert all(1 <= wait <= 60 for wait in waits[3:])
    assert other.wait(FEW, "client", "b") == 0


def test_without_redis_a_process_counts_alone_and_says_so_once() -> None:
    limiter = Limiter("unix:///nowhere/redis.sock?db=0")
    with capture_logs() as logs:
        waits = [limiter.wait(FEW, "client", "a") for _ in range(5)]
        limiter._away_until = 0.0
        limiter.wait(FEW, "client", "b")
    assert waits[:3] == [0, 0, 0]
    assert all(1 <= wait <= 60 for wait in waits[3:])
    assert [line["event"] for line in logs] == ["limits.redis_away"]


@pytest.mark.peer("redis-server")
def test_a_limiter_comes_back_to_redis(redis_url: str) -> None:
    shared, limiter = Limiter(redis_url), Limiter(redis_url)
    limiter._lose(OSError())
    assert [limiter.wait(FEW, "back") for _ in range(3)] == [0, 0, 0]
    assert shared.wait(FEW, "back") == 0
    limiter._away_until = 0.0
    assert [limiter.wait(FEW, "back") for _ in range(3)] == [0, 0, pytest.approx(30, abs=30)]
