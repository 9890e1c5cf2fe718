"""The state of the gateway by the API."""

import tomllib
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils.timezone import now

from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from bots.models import Bot, Provider
from calls.leases import renew_lease
from calls.models import ServiceFault, TrafficSummary
from tests.calls.api.conftest import MakeApi
from tests.calls.conftest import MakeCall

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", ["calls:read", "bots:read", "alarms:read"])
def test_load_and_parts_are_told(make_api: MakeApi, make_call: MakeCall, scope: str) -> None:
    make_call(ended=False)
    make_call()
    shown = make_api(scope).get("/system").json()
    processes, parts = shown.pop("processes"), shown.pop("dependencies")
    assert (processes == [], parts == []) == (True, scope != "alarms:read")
    assert shown == {
        "version": settings.VERSION,
        "liveCalls": 1,
        "queuedDialouts": 0,
        "dialoutsUnderWay": 0,
        "liveEvents": True,
        "process": {"calls": 0, "mostCalls": settings.MAX_CALLS, "draining": False},
    }


def test_calls_beyond_the_reach_of_a_client_are_not_counted(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    make_call(ended=False)
    api = make_api("calls:read", bots=[Bot.objects.create(name="other", is_base=True)])
    assert api.get("/system").json()["liveCalls"] == 0


def test_a_channel_layer_that_is_away_is_told(make_api: MakeApi) -> None:
    nowhere = f"unix://{settings.VAR_DIR}/no-such-{uuid.uuid4().hex[:8]}.sock"
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        assert make_api("bots:read").get("/system").json()["liveEvents"] is False


def test_what_needs_attention_is_listed_for_whoever_reads_alarms(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    Provider.objects.create(name="azure", kind="stt", plugin="tones")
    call = make_call()
    TrafficSummary.objects.create(start=now(), seconds=300, bot_name="demo")
    ServiceFault.objects.create(
        at=now() - timedelta(minutes=1), call=call, service="stt", provider="azure",
        fault="timeout", detail="",
    )  # fmt: skip
    listed = make_api("alarms:read").get("/system/attention").json()["items"]
    (matter,) = (each for each in listed if "azure" in each["title"])
    assert matter == {
        "severity": "minor",
        "title": "Provider azure fails in calls",
        "detail": "1 fault in the last hour, mostly timeout.",
        "source": None,
        "alarm": None,
        "raisedAt": None,
        "acknowledged": False,
        "url": f"{settings.PUBLIC_URL}/providers/azure/",
    }


def test_alarms_stand_first_among_what_needs_attention(make_api: MakeApi) -> None:
    at = now()
    row = ActiveAlarm.objects.create(
        type="databaseUnavailable", source="database", severity=Severity.CRITICAL, text="Away",
        raised_at=at, changed_at=at, last_at=at, acknowledged_at=at, acknowledged_by="anna",
    )  # fmt: skip
    (matter,) = make_api("alarms:read").get("/system/attention").json()["items"]
    assert datetime.fromisoformat(matter.pop("raisedAt")) == at
    assert matter == {
        "severity": "critical",
        "title": "The database is away",
        "detail": "Away",
        "source": "database",
        "alarm": str(row.alarm_id),
        "acknowledged": True,
        "url": f"{settings.PUBLIC_URL}/alarms/{row.alarm_id}/",
    }
    retail = Bot.objects.create(name="retail")
    narrow = make_api("alarms:read", bots=[retail], name="narrow")
    assert narrow.get("/system/attention").json()["items"] == []


def test_processes_and_parts_are_told_to_whoever_watches_over_all(make_api: MakeApi) -> None:
    vitals = {"calls": 4, "most_calls": 50, "lag_p99_ms": 1.5, "draining": True}
    renew_lease("host:1:a", "host", 1, now(), version="9.9", vitals=vitals)
    shown = make_api("alarms:read").get("/system").json()
    (process,) = shown["processes"]
    assert datetime.fromisoformat(process.pop("startedAt"))
    assert datetime.fromisoformat(process.pop("renewedAt"))
    assert process == {
        "owner": "host:1:a",
        "host": "host",
        "pid": 1,
        "role": "web",
        "version": "9.9",
        "state": "draining",
        "draining": True,
        "calls": 4,
        "mostCalls": 50,
        "lagP99Ms": 1.5,
        "cpuPercent": None,
        "rssMb": None,
        "dbConnections": None,
        "recordsWaiting": None,
    }
    parts = {each["name"]: each["state"] for each in shown["dependencies"]}
    assert set(parts) == {"database", "bus", "broker", "worker", "speech"}
    assert parts["worker"] == "failing"
    retail = Bot.objects.create(name="retail")
    narrow = make_api("alarms:read", bots=[retail], name="narrow").get("/system").json()
    assert (narrow["processes"], narrow["dependencies"]) == ([], [])


def test_other_scopes_see_nothing_of_it(make_api: MakeApi) -> None:
    api = make_api("calls:read", "bots:read", "calls:control", "actions:dialout")
    assert api.get("/system/attention").status_code == 403
    assert make_api("actions:dialout", name="dialer").get("/system").status_code == 403


def test_the_version_is_that_of_the_package(repository: Path) -> None:
    package = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert package["version"] == settings.VERSION
