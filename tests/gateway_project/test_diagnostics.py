"""The diagnostics file: what it holds, and that nothing planted anywhere is in it."""

import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import override_settings
from django.utils.timezone import now

from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Destination
from bots.models import AuditEvent, Bot, Provider, Route
from calls.leases import renew_lease
from calls.models import Call, TranscriptEntry
from gateway_project.diagnostics import README, bundle
from gateway_project.environment import variables
from tests import servers
from tests.worlds import World, browser

pytestmark = pytest.mark.db

SECRET = "planted-Secret-4711"
NUMBER = "+4930901820"
PARTS = {
    "about", "environment", "processes", "parts", "queues", "storage", "alarms", "checks",
    "configuration", "calls",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_bus() -> Iterator[None]:
    url = f"redis://:{SECRET}@127.0.0.1:{servers.free_port()}/0"
    with override_settings(REDIS_URL=url):
        yield


def unpacked(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name.removesuffix(".json"): json.loads(archive.read(name))
            for name in archive.namelist()
            if name != "README.txt"
        }


def everything(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret and the number wherever people or peers can put something."""
    for variable in variables():
        if variable.secret:
            monkeypatch.setenv(variable.name, f"{SECRET}-{variable.name}")
    monkeypatch.setenv("DATABASE_URL", f"postgres://gateway:{SECRET}%2F@db.example/gateway")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:{SECRET}@otel.example:4318")
    provider = Provider.objects.create(
        name="voice", kind="bot", plugin="script", credentials={"x": {"$secret": SECRET}}
    )
    bot = Bot.objects.create(
        name="demo",
        provider=provider,
        params={
            "sendMetaDataPassword": {"$secret": f"{SECRET}-envelope"},
            "sendMetaDataUrl": f"https://meta.example/?token={SECRET}",
            "transferTarget": f"tel:{NUMBER}",
            "welcomeMessage": f"Call {NUMBER} or (030) 901 820 1",
        },
    )
    Route.objects.create(pattern=NUMBER, bot=bot, note=f"of {NUMBER}")
    told = f"https://me:{SECRET}@bot.example answered {NUMBER}: Bearer {SECRET}"
    at = now()
    alarm = ActiveAlarm.objects.create(
        type="botProviderFailure", source="provider:voice", severity=Severity.MAJOR, text=told,
        detail=told, raised_at=at, changed_at=at, last_at=at, acknowledged_at=at,
        acknowledged_by="anna.private", comment=f"I called {NUMBER}",
    )  # fmt: skip
    AlarmEvent.objects.create(
        seq=1, alarm_id=alarm.alarm_id, type=alarm.type, source=alarm.source, kind="raised",
        severity=4, text=told, detail=told, at=at, raised_at=at, by="anna.private",
    )  # fmt: skip
    Destination.objects.create(
        name="noc", notifier="webhook", settings={"credentials": {"x": SECRET}}, last_problem=told
    )
    renew_lease("web", "host", 1, at, vitals={"calls": 3, "token": SECRET, "note": told})
    call = Call.objects.create(
        conversation_id=SECRET, channel="audiocodes", mode="voice", bot=bot, bot_name="demo",
        bot_revision=1, caller=NUMBER, callee=NUMBER, owner="web", started_at=at,
    )  # fmt: skip
    TranscriptEntry.objects.create(
        call=call, seq=1, offset_ms=1, side="caller", kind="speech", text=f"{SECRET} {NUMBER}"
    )


def test_it_tells_what_somebody_needs_who_helps(db: None) -> None:
    renew_lease("host:1:a", "host-a", 4711, now(), version="9.9", vitals={"calls": 3})
    Bot.objects.create(name="retail", params={"userNoInputTimeoutMS": 4000})
    found = unpacked(bundle(now()))
    assert set(found) == PARTS
    assert {f"{name}.json" for name in PARTS} == {
        line.split()[0] for line in README.splitlines() if ".json" in line
    }
    assert found["processes"][0] | {"host": "host-a", "calls": 3} == found["processes"][0]
    assert "Django" in " ".join(found["about"]["packages"])
    assert {each["name"] for each in found["environment"]} == {v.name for v in variables()}
    assert found["configuration"]["bots"]["retail"]["params"] == {"userNoInputTimeoutMS": 4000}
    states = {each["name"]: each["state"] for each in found["parts"]["dependencies"]}
    assert (states["database"], states["bus"]) == ("ok", "failing")
    assert "calls.0010_task_runs" in found["parts"]["migrations"]
    assert found["storage"]["database_bytes"] > 0
    assert found["calls"]["active"] == 0


def test_values_of_variables_are_told_unless_they_are_secret(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CALLS", "77")
    monkeypatch.setenv("METRICS_TOKEN", SECRET)
    told = {each["name"]: each for each in unpacked(bundle(now()))["environment"]}
    assert told["MAX_CALLS"] == {"name": "MAX_CALLS", "given": True, "value": "77"}
    assert told["METRICS_TOKEN"] == {"name": "METRICS_TOKEN", "given": True}
    assert told["TTS_CACHE_HOURS"] == {"name": "TTS_CACHE_HOURS", "given": False, "value": "24"}


def test_nothing_that_was_planted_is_in_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = unpacked(bundle(now()))
    assert found["alarms"]["active"][0]["type"] == "botProviderFailure"
    assert found["alarms"]["destinations"][0]["name"] == "noc"
    assert "settings" not in found["alarms"]["destinations"][0]
    assert found["configuration"]["bots"]["demo"]["secrets"]
    told = everything(bundle(now()))
    for planted in (SECRET, NUMBER, NUMBER[1:], "901820", "901 820", "anna.private"):
        assert planted not in told, told[max(0, told.index(planted) - 200) :][:300]
    for key in (settings.SECRET_KEY, *settings.FIELD_KEYS):
        assert key not in told


def test_a_secret_of_the_environment_is_masked_wherever_it_stands(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = 'odd"and\\long'
    monkeypatch.setenv("METRICS_TOKEN", odd)
    Bot.objects.create(name="demo", display_name=f"Demo {odd}")
    told = unpacked(bundle(now()))["configuration"]["bots"]["demo"]["display_name"]
    assert told == "Demo •••"


def test_a_part_that_cannot_be_told_says_so_and_the_others_are_there(db: None) -> None:
    def away(*_: object) -> None:
        raise DatabaseError("away")

    with connection.execute_wrapper(away):
        found = unpacked(bundle(now()))
    assert set(found) == PARTS
    assert found["alarms"] == {"problem": "DatabaseError"}
    assert found["environment"]
    assert found["about"]["version"]


def test_an_administrator_downloads_it_and_the_audit_log_remembers(world: World) -> None:
    response = browser(world.admin).get("/system/diagnostics")
    assert response.headers["content-type"] == "application/zip"
    assert "no-store" in response.headers["cache-control"]
    disposition = response.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="gateway-diagnostics-')
    assert set(unpacked(response.content)) == PARTS
    event = AuditEvent.objects.get(action="diagnostics.made")
    assert (event.actor, event.title in disposition) == ("admin", True)


def test_the_command_writes_a_file_that_only_its_owner_reads(db: None, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    call_command("diagnostics", output=path, stdout=io.StringIO())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(unpacked(path.read_bytes())) == PARTS
    assert AuditEvent.objects.get(action="diagnostics.made").title == "all.zip"
    with pytest.raises(CommandError, match="is there already"):
        call_command("diagnostics", output=path)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("diagnostics", output=tmp_path / "nowhere" / "all.zip")


def test_the_command_works_while_the_database_is_away(db: None, tmp_path: Path) -> None:
    def away(*_: object) -> None:
        raise DatabaseError("away")

    said = io.StringIO()
    with connection.execute_wrapper(away):
        call_command("diagnostics", output=tmp_path / "a.zip", stdout=io.StringIO(), stderr=said)
    assert "The database is away" in said.getvalue()
    assert (tmp_path / "a.zip").stat().st_size > 1000
