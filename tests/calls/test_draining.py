"""Draining on purpose: the wish, who is told of it, and that it is taken back."""

from datetime import UTC, datetime

import pytest

from bots.audit import Actor, acting
from bots.core.errors import ParameterError
from bots.models import AuditEvent
from calls.draining import drain, undrain
from calls.leases import renew_lease
from calls.models import ProcessLease

pytestmark = [pytest.mark.db, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def three() -> None:
    """Two processes that take calls, and a worker."""
    renew_lease("one", "host", 1, NOW)
    renew_lease("two", "host", 2, NOW)
    renew_lease("worker", "host", 3, NOW, role="worker")


def draining() -> set[str]:
    return set(ProcessLease.objects.filter(drain=True).values_list("owner", flat=True))


def test_one_process_drains_until_it_is_taken_back() -> None:
    assert drain("one") == 1
    assert draining() == {"one"}
    assert renew_lease("one", "host", 1, NOW)
    assert not renew_lease("two", "host", 2, NOW)
    assert undrain("one") == 1
    assert not renew_lease("one", "host", 1, NOW)


def test_all_processes_that_take_calls_drain() -> None:
    drain("two")
    assert drain() == 1
    assert draining() == {"one", "two"}
    assert undrain() == 2
    assert draining() == set()


@pytest.mark.parametrize("owner", ["three", "worker", "x" * 200])
def test_what_takes_no_calls_cannot_drain(owner: str) -> None:
    for wish in (drain, undrain):
        with pytest.raises(ParameterError) as refused:
            wish(owner)
        assert list(refused.value.problems) == ["process"]
    assert draining() == set()


def test_the_audit_log_says_who_wanted_it_and_nothing_where_nothing_changed() -> None:
    with acting(Actor(name="anna")):
        assert (drain("one"), drain("one"), undrain("two"), undrain("one")) == (1, 0, 0, 1)
    told = AuditEvent.objects.order_by("pk").values_list("actor", "action", "kind", "target")
    assert list(told) == [
        ("anna", "process.drained", "process", "one"),
        ("anna", "process.undrained", "process", "one"),
    ]


def test_a_process_that_is_started_again_knows_of_no_wish() -> None:
    drain("one")
    assert not renew_lease("another-one", "host", 1, NOW)
