"""What the gateway depends on, each tried at the moment somebody asks."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import KombuError
from redis import Redis
from redis.exceptions import RedisError

from calls.system.processes import Process

DEADLINE_S = 1.0
"""A part that takes longer to answer counts as failing."""
SLOW_MS = 250.0
"""A part that takes longer is slow."""

Name = Literal["database", "bus", "broker", "worker", "speech"]
State = Literal["ok", "slow", "failing", "absent"]

log = structlog.get_logger(__name__)


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One part: ``what`` it is (product and version), and how long it took to answer.

    ``count`` is what it holds: tasks in the broker's queue, processes of workers and of speech.
    """

    name: Name
    state: State
    ms: float | None = None
    what: str = ""
    problem: str = ""
    count: int | None = None


class _Failing(Exception):
    """It does not answer; the text is for people, without addresses and passwords."""


def dependencies(processes: list[Process]) -> list[Dependency]:
    """Every part, tried one after the other; ``processes`` tell of workers and speech."""
    return [
        _tried("database", _database),
        _tried("bus", _bus),
        _tried("broker", _broker),
        _worker(processes),
        _speech(processes),
    ]


def _tried(name: Name, ask: Callable[[], tuple[str, int | None]]) -> Dependency:
    began = time.monotonic()
    try:
        what, count = ask()
    except _Failing as failing:
        return Dependency(name=name, state="failing", ms=_ms(began), problem=str(failing))
    ms = _ms(began)
    state: State = "ok" if ms < SLOW_MS else "slow"
    return Dependency(name=name, state=state, ms=ms, what=what, count=count)


def _ms(began: float) -> float:
    return round(1000 * (time.monotonic() - began), 1)


def _database() -> tuple[str, None]:
    vendor = connection.vendor
    query = "SHOW server_version" if vendor == "postgresql" else "SELECT sqlite_version()"
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            (version,) = cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        raise _failing("database", error) from None
    return f"{connection.display_name} {str(version).partition(' ')[0]}", None


def _bus() -> tuple[str, None]:
    bounds = {"socket_timeout": DEADLINE_S, "socket_connect_timeout": DEADLINE_S}
    try:
        with Redis.from_url(settings.REDIS_URL, **bounds) as client:
            about: Any = client.info("server")
    except (RedisError, OSError) as error:
        raise _failing("bus", error) from None
    version = about.get("valkey_version") or about.get("redis_version", "")
    return f"{'Valkey' if 'valkey_version' in about else 'Redis'} {version}", None


def _broker() -> tuple[str, int]:
    bounds = {"socket_timeout": DEADLINE_S, "socket_connect_timeout": DEADLINE_S, "max_retries": 0}
    opened = current_app.connection_for_read(connect_timeout=DEADLINE_S, transport_options=bounds)
    try:
        with opened, contextlib.ExitStack() as held:
            # NB `Connection.channel` would wait for seconds and try again.
            transport = opened.transport
            made = transport.establish_connection()
            held.callback(transport.close_connection, made)
            channel = held.enter_context(transport.create_channel(made))
            return str(transport.driver_type).capitalize(), _length(channel, opened.channel_errors)
    except (RedisError, KombuError, OSError, *opened.connection_errors) as error:
        raise _failing("broker", error) from None


def _length(channel: Any, not_there: tuple[type[Exception], ...]) -> int:
    queue = current_app.conf.task_default_queue
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except not_there:
        return 0  # a queue in which nothing waits is not there


def _failing(name: Name, error: Exception) -> _Failing:
    # What drivers say names addresses and users; that is for the log.
    log.warning("system.part_failing", part=name, error=str(error) or type(error).__name__)
    return _Failing(type(error).__name__)


def _worker(processes: list[Process]) -> Dependency:
    workers = [each for each in processes if each.role == "worker" and each.alive]
    return Dependency(name="worker", state="ok" if workers else "failing", count=len(workers))


def _speech(processes: list[Process]) -> Dependency:
    told = [each.speech_workers for each in processes if each.alive and each.speech_workers]
    # They are started by the first call that needs one.
    return Dependency(name="speech", state="ok" if told else "absent", count=sum(told))
