"""The processes of the gateway, as their leases tell."""

from datetime import timedelta

import pytest

from calls.leases import LEASE_KEPT, LEASE_SECONDS
from calls.system.processes import processes
from calls.tasks import SWEEP
from tests.calls.system.conftest import NOW, MakeLease

pytestmark = pytest.mark.db

VITALS = {
    "calls": 4,
    "most_calls": 50,
    "draining": False,
    "lag_p99_ms": 1.25,
    "cpu_percent": 12,
    "rss_mb": 180.5,
    "threads": 31,
    "db_connections": 3,
    "records_waiting": 2,
    "speech_workers": 1,
}


def test_a_process_tells_how_it_is_doing(make_lease: MakeLease) -> None:
    make_lease(vitals=VITALS, version="0.1.0")
    (found,) = processes(NOW)
    assert {name: getattr(found, name) for name in VITALS} == VITALS
    assert (found.host, found.pid, found.role, found.version) == ("alpha", 7, "web", "0.1.0")
    assert (found.state, found.load_percent, found.takes_calls) == ("alive", 8, True)


@pytest.mark.parametrize("vitals", [{}, [], "none", {"calls": "many", "lag_p99_ms": None}])
def test_what_a_process_does_not_tell_is_not_made_up(vitals: object, make_lease: MakeLease) -> None:
    make_lease(vitals=vitals)
    (found,) = processes(NOW)
    assert (found.calls, found.most_calls, found.lag_p99_ms, found.draining) == (
        None,
        None,
        None,
        False,
    )
    assert found.load_percent == 0


def test_more_calls_than_there_is_room_for_fill_the_bar_and_no_more(make_lease: MakeLease) -> None:
    make_lease(vitals={"calls": 9, "most_calls": 3})
    assert processes(NOW)[0].load_percent == 100


@pytest.mark.parametrize(
    ("drain", "draining", "state"),
    [(False, False, "alive"), (True, False, "draining"), (False, True, "draining")],
)
def test_a_process_drains_by_wish_or_because_it_stops(
    drain: bool, draining: bool, state: str, make_lease: MakeLease
) -> None:
    make_lease(drain=drain, vitals={"draining": draining})
    assert processes(NOW)[0].state == state


def test_a_process_that_says_nothing_is_silent_and_gone_after_an_hour(
    make_lease: MakeLease,
) -> None:
    make_lease(drain=True)
    last = NOW + timedelta(seconds=LEASE_SECONDS)
    assert processes(last)[0].state == "draining"
    assert processes(last + timedelta(seconds=1))[0].state == "silent"
    assert processes(NOW + LEASE_KEPT)[0].state == "silent"
    assert processes(NOW + LEASE_KEPT + timedelta(seconds=1)) == []


def test_those_that_take_calls_come_first_and_keep_their_places(make_lease: MakeLease) -> None:
    make_lease("w", role="worker", host="aaa")
    make_lease(SWEEP)
    make_lease("b", host="beta", pid=1)
    make_lease("a2", pid=20)
    make_lease("a1", pid=3)
    found = processes(NOW)
    assert [each.owner for each in found] == ["a1", "a2", "b", "w"]
    assert [each.takes_calls for each in found] == [True, True, True, False]
