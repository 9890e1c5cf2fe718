"""The host of a process's calls: starting, taking, refusing and letting go."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.db import InterfaceError
from django.db.backends.signals import connection_created

from bots.selectors import CallConfiguration, call_configuration
from calls.core.events import LegLost
from calls.core.ports import CallStart
from calls.database import db
from calls.models import Call, ProcessLease
from calls.session.host import NoCapacity, SessionHost
from tests.calls.session.calling import Leg

pytestmark = pytest.mark.db

CALLS = 40


def start(number: int = 1) -> CallStart:
    return CallStart(conversation_id=f"c-{number}", channel="test", announced=False)


async def configured(make_bot: Any, table: dict[str, list[Any]] | None = None) -> CallConfiguration:
    await make_bot(table or {"start": ["Hello."]})
    return await db(call_configuration, "table")


async def test_a_call_can_be_found_while_it_goes_on(make_bot: Any, host: SessionHost) -> None:
    configuration = await configured(make_bot)
    session = host.open(configuration, Leg(), start())
    assert host.find("table", "c-1") is session
    assert host.find("another", "c-1") is None
    assert host.calls == 1
    session.take(LegLost())
    await host.drain(0)
    assert host.find("table", "c-1") is None
    assert host.calls == 0


async def test_a_plug_in_that_is_not_installed_takes_no_call(
    make_bot: Any, host: SessionHost
) -> None:
    configuration = await configured(make_bot)
    broken = msgspec.structs.replace(
        configuration, connector=msgspec.structs.replace(configuration.connector, plugin="gone")
    )
    with pytest.raises(LookupError, match="gone"):
        host.open(broken, Leg(), start())
    assert host.calls == 0


async def test_many_calls_at_once_all_begin_and_all_end_with_a_record(
    make_bot: Any, host: SessionHost
) -> None:
    configuration = await configured(make_bot)
    legs = [Leg() for _ in range(CALLS)]
    for number, leg in enumerate(legs):
        leg.session = host.open(configuration, leg, start(number))
    async with asyncio.timeout(10):
        for leg in legs:
            await leg.until(("send", "Hello."))
    await host.drain(0)
    assert host.calls == 0
    assert all(leg.told[-1] == "close" for leg in legs)
    ends = await db(lambda: list(Call.objects.values_list("state", "cause")))
    assert ends == [("ended", "shutdown")] * CALLS


async def test_a_drain_ends_calls_wherever_they_are(make_bot: Any, host: SessionHost) -> None:
    configuration = await configured(make_bot)
    talking, unborn = Leg(), Leg()
    talking.session = host.open(configuration, talking, start(1))
    async with asyncio.timeout(10):
        await talking.until(("send", "Hello."))
    unborn.session = host.open(configuration, unborn, start(2))
    await host.drain(0)
    ends = await db(lambda: list(Call.objects.values_list("state", "cause")))
    assert ends == [("ended", "shutdown")] * 2
    with pytest.raises(NoCapacity):
        host.open(configuration, Leg(), start(3))


@pytest.fixture
def database_away() -> Iterator[None]:
    """Every new connection to the database fails."""

    def fail(**_signal: Any) -> None:
        raise InterfaceError("the connection is closed")

    connection_created.connect(fail)
    yield
    connection_created.disconnect(fail)


async def test_a_host_starts_without_the_database(
    transactional_db: None, database_away: None
) -> None:
    host = SessionHost()
    await host.start()
    await host.start()
    await host.drain(0)


async def test_a_host_says_that_it_is_alive_before_its_first_call(
    transactional_db: None, host: SessionHost
) -> None:
    assert await db(ProcessLease.objects.filter(owner=host.owner).count) == 1
