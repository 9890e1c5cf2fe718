"""Draining on purpose: the wish, who is told of it, and that it is taken back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bots.audit import Actor, acting
from bots.core.errors import ParameterError
from bots.models import AuditEvent
from calls.database import db
from calls.draining import drain, undrain
from calls.leases import renew_lease
from calls.models import ProcessLease
from calls.session import host as hosting
from calls.session.host import NoCapacity, SessionHost

pytestmark = pytest.mark.db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def three(db: None) -> None:
    """Two processes that take calls, and a worker."""
    renew_lease("one", "host", 1, NOW)
    renew_lease("two", "host", 2, NOW)
    renew_lease("worker", "host", 3, NOW, role="worker")


def draining() -> set[str]:
    return set(ProcessLease.objects.filter(drain=True).values_list("owner", flat=True))


def test_one_process_drains_until_it_is_taken_back(three: None) -> None:
    assert drain("one") == 1
    assert draining() == {"one"}
    assert renew_lease("one", "host", 1, NOW)
    assert not renew_lease("two", "host", 2, NOW)
    assert undrain("one") == 1
    assert not renew_lease("one", "host", 1, NOW)


def test_all_processes_that_take_calls_drain(three: None) -> None:
    drain("two")
    assert drain() == 1
    assert draining() == {"one", "two"}
    assert undrain() == 2
    assert draining() == set()


@pytest.mark.parametrize("owner", ["three", "worker", "x" * 200])
def test_what_takes_no_calls_cannot_drain(owner: str, three: None) -> None:
    for wish in (drain, undrain):
        with pytest.raises(ParameterError) as refused:
            wish(owner)
        assert list(refused.value.problems) == ["process"]
    assert draining() == set()


def test_the_audit_log_says_who_wanted_it_and_nothing_where_nothing_changed(three: None) -> None:
    with acting(Actor(name="anna")):
        assert (drain("one"), drain("one"), undrain("two"), undrain("one")) == (1, 0, 0, 1)
    told = AuditEvent.objects.order_by("pk").values_list("actor", "action", "kind", "target")
    assert list(told) == [
        ("anna", "process.drained", "process", "one"),
        ("anna", "process.undrained", "process", "one"),
    ]


def test_a_process_that_is_started_again_knows_of_no_wish(three: None) -> None:
    drain("one")
    assert not renew_lease("another-one", "host", 1, NOW)


@pytest.fixture
async def host(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SessionHost]:
    """A process that looks for wishes several times a second."""
    monkeypatch.setattr(hosting, "RENEW_SECONDS", 0.06)
    host = SessionHost()
    host.vitals = lambda: {"draining": host.draining}
    await host.start()
    yield host
    await host.drain(0)


async def told(host: SessionHost, *, draining: bool) -> None:
    """Wait until the process has said itself that it drains, or does not."""
    rows = ProcessLease.objects.filter(owner=host.owner, vitals__draining=draining)
    async with asyncio.timeout(10):
        while not await db(rows.exists):  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.02)


async def test_a_process_follows_tells_so_and_follows_back(host: SessionHost) -> None:
    await db(drain, host.owner)
    await told(host, draining=True)
    with pytest.raises(NoCapacity):
        host.admit()
    await db(undrain, host.owner)
    await told(host, draining=False)
    host.admit()


async def test_what_is_to_stop_drains_whatever_people_take_back(host: SessionHost) -> None:
    await host.drain(0)
    assert host.draining
    assert not await db(ProcessLease.objects.filter(owner=host.owner).exists)
