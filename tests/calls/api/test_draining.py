"""Draining by the API."""

import pytest
from django.utils.timezone import now

from bots.models import AuditEvent, Bot
from calls.leases import renew_lease
from calls.models import ProcessLease
from tests.calls.api.conftest import MakeApi

pytestmark = pytest.mark.db


@pytest.fixture
def four(db: None) -> None:
    """Three processes that take calls, on two machines, and a worker."""
    for owner, host in (("a", "alpha"), ("b", "alpha"), ("c", "beta")):
        renew_lease(owner, host, 1, now(), vitals={"calls": 2})
    renew_lease("w", "alpha", 1, now(), role="worker")


def drained() -> set[str]:
    return set(ProcessLease.objects.filter(drain=True).values_list("owner", flat=True))


def test_a_process_drains_and_takes_calls_again_however_often_that_is_asked_for(
    make_api: MakeApi, four: None
) -> None:
    api = make_api("system:drain")
    told = []
    for act in ("drain", "drain", "undrain", "undrain"):
        answer = api.post(f"/system/processes/a/{act}").json()
        states = {each["owner"]: each["state"] for each in answer["items"]}
        told.append((answer["changed"], states["a"], states["b"]))
    assert told == [
        (1, "draining", "alive"),
        (0, "draining", "alive"),
        (1, "alive", "alive"),
        (0, "alive", "alive"),
    ]
    events = AuditEvent.objects.filter(kind="process").order_by("pk")
    assert list(events.values_list("actor", "action", "target")) == [
        ("client crm", "process.drained", "a"),
        ("client crm", "process.undrained", "a"),
    ]


def test_a_machine_drains_and_the_whole_gateway(make_api: MakeApi, four: None) -> None:
    api = make_api("system:drain")
    assert api.post("/system/drain", {"host": "alpha"}).json()["changed"] == 2
    assert drained() == {"a", "b"}
    assert api.post("/system/drain", {}).json()["changed"] == 1
    assert drained() == {"a", "b", "c"}
    assert api.post("/system/undrain", {"host": "beta"}).json()["changed"] == 1
    assert api.post("/system/undrain", {}).json()["changed"] == 2
    assert drained() == set()


def test_how_far_a_drain_is_can_be_read(make_api: MakeApi, four: None) -> None:
    api = make_api("system:drain")
    for owner in ("a", "b"):
        api.post(f"/system/processes/{owner}/drain")
    renew_lease("a", "alpha", 1, now(), vitals={"calls": 1, "draining": True})
    listed = api.get("/system/processes").json()["items"]
    told = {each["owner"]: (each["state"], each["draining"], each["calls"]) for each in listed}
    assert told == {
        "a": ("draining", True, 1),
        "b": ("draining", False, 2),
        "c": ("alive", False, 2),
        "w": ("alive", False, None),
    }


@pytest.mark.parametrize("act", ["drain", "undrain"])
def test_what_takes_no_calls_is_not_there(act: str, make_api: MakeApi, four: None) -> None:
    api = make_api("system:drain")
    for process in ("w", "gone", "x" * 200):
        assert api.post(f"/system/processes/{process}/{act}").status_code == 404
    assert api.post(f"/system/{act}", {"host": "gamma"}).status_code == 404
    assert drained() == set()


def test_who_reads_alarms_sees_processes_and_drains_none(make_api: MakeApi, four: None) -> None:
    api = make_api("alarms:read", "alarms:write")
    assert len(api.get("/system/processes").json()["items"]) == 4
    assert api.post("/system/processes/a/drain").status_code == 403
    assert drained() == set()


def test_a_client_of_some_bots_neither_sees_nor_drains(make_api: MakeApi, four: None) -> None:
    api = make_api("system:drain", "alarms:read", bots=[Bot.objects.create(name="retail")])
    answers = [
        api.get("/system/processes"),
        api.post("/system/processes/a/drain"),
        api.post("/system/drain", {}),
    ]
    told = {(each.status_code, each.json()["error"]) for each in answers}
    assert told == {(403, "not_within_reach")}
    assert drained() == set()
