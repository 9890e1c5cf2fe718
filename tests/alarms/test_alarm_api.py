"""The API of alarms: lists by reach, acts, rules and destinations."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alarms.core.catalogue import BOT_MISCONFIGURED, CATALOGUE, WORKER_DOWN
from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination, Notification
from bots.models import AuditEvent, Bot
from tests.alarms.raising import cleared, raised
from tests.bots.api.conftest import Api, MakeApi, make_api

__all__ = ["make_api"]

pytestmark = pytest.mark.db

SECRET = "c0mmunity-5ecret"
TRAPS = {
    "name": "nms",
    "notifier": "snmp-v2c",
    "params": {"snmpHost": "nms.example"},
    "credentials": {"snmpCommunity": SECRET},
    "minSeverity": "major",
    "types": [STT.name],
}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api("alarms:read", "alarms:write")


@pytest.fixture
def narrow(make_api: MakeApi) -> Api:
    """A client that reaches only the bot ``retail``."""
    Bot.objects.create(name="retail")
    return make_api("alarms:read", "alarms:write", bots=["retail"], name="narrow")


def listed(api: Api, path: str, **query: Any) -> list[Any]:
    """All items, page by page of two."""
    found: list[Any] = []
    after = ""
    while True:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        answer = api.get(f"{path}?limit=2&after={after}{more}")
        assert answer.status_code == 200, answer.content
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        assert len(page["items"]) == 2
        after = page["next"]


# --- reading --------------------------------------------------------------------------------------


def test_active_alarms_come_worst_first_and_in_pages(api: Api) -> None:
    raised(BOT_MISCONFIGURED, "b")
    raised(WORKER_DOWN, "")
    for name in "abc":
        raised(STT, name)
    found = listed(api, "/alarms/active")
    assert [each["source"] for each in found][:1] == ["provider:c"]
    assert len({each["id"] for each in found}) == 5
    ranks = ["critical", "major", "minor", "warning", "indeterminate"]
    severities = [ranks.index(each["severity"]) for each in found]
    assert severities == sorted(severities)
    first = found[0]
    assert first["title"] == "Speech recognition fails"
    assert first["text"] == "Speech recognition of c fails: timeout"
    assert first["runbookUrl"].endswith(f"/alarms/types/{STT.name}/")
    assert first["acknowledgedAt"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"type": STT.name}, 2),
        ({"type": "no"}, 0),
        ({"source": "stt-1"}, 1),
        ({"severity": "major"}, 3),
        ({"severity": "critical"}, 0),
        ({"acknowledged": "false"}, 2),
        ({"acknowledged": "true"}, 1),
    ],
)
def test_active_alarms_are_filtered(api: Api, query: dict[str, str], count: int) -> None:
    raised(STT, "stt-1")
    raised(STT, "stt-2")
    alarm = raised(WORKER_DOWN, "")
    api.ask("POST", f"/alarms/{alarm.alarm_id}/acknowledge", {})
    assert len(listed(api, "/alarms/active", **query)) == count


def test_the_history_tells_every_change_newest_first(api: Api) -> None:
    then = timezone.now() - timedelta(hours=2)
    alarm = raised(STT, "stt-1", at=then)
    cleared(alarm)
    raised(STT, "stt-2")
    found = listed(api, "/alarms/history")
    assert [(each["seq"], each["kind"], each["severity"]) for each in found] == [
        (3, "raised", "major"),
        (2, "cleared", "clear"),
        (1, "raised", "major"),
    ]
    assert found[1]["previous"] == "major"
    assert len(listed(api, "/alarms/history", kind="raised")) == 2
    assert len(listed(api, "/alarms/history", alarm=alarm.alarm_id)) == 2
    assert len(listed(api, "/alarms/history", severity="major")) == 3
    assert len(listed(api, "/alarms/history", severity="critical")) == 0
    assert len(listed(api, "/alarms/history", source="stt-2", type=STT.name)) == 1
    hour_ago = (timezone.now() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert [each["seq"] for each in listed(api, "/alarms/history", **{"from": hour_ago})] == [3]
    assert [each["seq"] for each in listed(api, "/alarms/history", to=hour_ago)] == [2, 1]


def test_one_alarm_tells_its_story_also_when_it_is_over(api: Api) -> None:
    alarm = raised(at=timezone.now() - timedelta(hours=1))
    path = f"/alarms/{alarm.alarm_id}"
    assert api.get(path).json()["alarm"]["source"] == "provider:stt-1"
    cleared(alarm)
    story = api.get(path).json()
    assert story["alarm"] is None
    assert [each["kind"] for each in story["events"]] == ["cleared", "raised"]
    assert api.get(f"/alarms/{uuid.uuid4()}").status_code == 404


def test_a_client_that_reaches_one_bot_sees_and_handles_its_alarms_only(narrow: Api) -> None:
    mine, other = raised(BOT_MISCONFIGURED, "retail"), raised(BOT_MISCONFIGURED, "other")
    shared = raised()
    assert [each["source"] for each in listed(narrow, "/alarms/active")] == ["bot:retail"]
    assert [each["source"] for each in listed(narrow, "/alarms/history")] == ["bot:retail"]
    assert narrow.ask("POST", f"/alarms/{mine.alarm_id}/acknowledge", {}).status_code == 200
    for alarm in (other, shared):
        path = f"/alarms/{alarm.alarm_id}"
        assert narrow.get(path).status_code == 404
        for act in ("acknowledge", "unacknowledge", "unsilence", "clear"):
            assert narrow.ask("POST", f"{path}/{act}", {}).status_code == 404
        assert narrow.ask("POST", f"{path}/silence", {"minutes": 5}).status_code == 404
    assert ActiveAlarm.objects.filter(acknowledged_at=None).count() == 2


@pytest.mark.parametrize("after", ["x", "W10", "WyJhIiwgMV0", "WzEsIDJd" * 50])
@pytest.mark.parametrize("path", ["active", "history", "destinations", "destinations/nms/notices"])
def test_a_cursor_that_no_page_gave_is_refused(api: Api, path: str, after: str) -> None:
    api.ask("POST", "/alarms/destinations", TRAPS)
    assert api.get(f"/alarms/{path}?after={after}").status_code == 422


# --- acting ---------------------------------------------------------------------------------------


def test_an_alarm_is_acknowledged_silenced_and_cleared_by_the_client(api: Api) -> None:
    path = f"/alarms/{raised().alarm_id}"
    done = api.ask("POST", f"{path}/acknowledge", {"comment": "Vendor is on it"}).json()
    assert (done["acknowledgedBy"], done["comment"]) == ("client crm", "Vendor is on it")
    again = api.ask("POST", f"{path}/acknowledge", {"comment": "Vendor is on it"})
    assert again.json()["acknowledgedAt"] == done["acknowledgedAt"]
    assert api.ask("POST", f"{path}/unacknowledge").json()["acknowledgedAt"] is None
    assert api.ask("POST", f"{path}/silence", {"minutes": 5}).json()["silencedUntil"]
    assert api.ask("POST", f"{path}/unsilence").json()["silencedUntil"] is None
    assert api.ask("POST", f"{path}/clear", {"comment": "by hand"}).status_code == 204
    assert api.ask("POST", f"{path}/clear", {}).status_code == 404
    kinds = list(AlarmEvent.objects.order_by("seq").values_list("kind", "by"))
    assert kinds == [
        ("raised", ""),
        ("acknowledged", "client crm"),
        ("unacknowledged", "client crm"),
        ("silenced", "client crm"),
        ("unsilenced", "client crm"),
        ("cleared", "client crm"),
    ]
    assert set(AuditEvent.objects.values_list("actor", flat=True)) == {"client crm", "gateway"}


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("silence", {}),
        ("silence", {"minutes": 0}),
        ("silence", {"minutes": 43_201}),
        ("silence", {"minutes": "5"}),
        ("acknowledge", {"comment": "a" * 501}),
        ("acknowledge", {"comment": "\x07"}),
        ("acknowledge", {"why": "x"}),
        ("clear", {"comment": 1}),
    ],
)
def test_a_body_that_is_wrong_changes_nothing(api: Api, act: str, body: Any) -> None:
    alarm = raised()
    assert api.ask("POST", f"/alarms/{alarm.alarm_id}/{act}", body).status_code == 422
    assert AlarmEvent.objects.count() == 1


# --- types and rules ------------------------------------------------------------------------------


def test_the_catalogue_is_told_with_what_is_in_force(api: Api) -> None:
    rule = f"/alarms/rules/{STT.name}"
    api.ask("PUT", rule, {"enabled": False}, match="*")
    items = api.get("/alarms/types").json()["items"]
    assert [each["name"] for each in items] == list(CATALOGUE)
    stt = next(each for each in items if each["name"] == STT.name)
    assert (stt["number"], stt["severity"], stt["count"]) == (STT.number, "major", STT.count)
    assert (stt["enabled"], stt["customised"]) == (False, True)
    assert stt["steps"]


def test_a_rule_is_read_replaced_and_reverted_against_its_tag(api: Api) -> None:
    alarm, rule = raised(), f"/alarms/rules/{STT.name}"
    read = api.get(rule)
    assert (read["ETag"], read.json()["customised"]) == ('"0"', False)
    wanted = {"severity": "critical", "sources": ["stt-*"], "count": 5, "clearAfterSeconds": 0}
    assert api.ask("PUT", rule, wanted).status_code == 428
    assert api.ask("PUT", rule, wanted, match='"1"').status_code == 412
    stored = api.ask("PUT", rule, wanted, match=read["ETag"])
    assert stored.status_code == 200
    shown = stored.json()
    assert {name: shown[name] for name in wanted} == wanted
    assert (shown["changedBy"], shown["text"], shown["holdOffSeconds"]) == ("client crm", "", None)
    alarm.refresh_from_db()
    assert alarm.severity == 5
    assert api.ask("DELETE", rule, match=read["ETag"]).status_code == 412
    assert api.ask("DELETE", rule, match=stored["ETag"]).status_code == 204
    assert not AlarmRule.objects.exists()
    assert api.get(rule)["ETag"] == '"0"'
    assert api.get("/alarms/rules/none").status_code == 404
    assert api.ask("PUT", "/alarms/rules/none", {}, match="*").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"severity": "clear"}, "severity"),
        ({"text": "{who}"}, "text"),
        ({"sources": [" a"]}, "sources"),
        ({"sources": [""]}, "sources.0"),
        ({"count": 0}, "count"),
        ({"count": 10**30}, "count"),
        ({"windowSeconds": 1.5}, "windowSeconds"),
        ({"holdOff": 1}, "holdOff"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_by_field(api: Api, wanted: Any, field: str) -> None:
    answer = api.ask("PUT", f"/alarms/rules/{STT.name}", wanted, match="*")
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert not AlarmRule.objects.exists()


def test_a_client_that_reaches_some_bots_reads_of_a_rule_what_concerns_these(
    api: Api, narrow: Api
) -> None:
    path = f"/alarms/rules/{STT.name}"
    api.ask("PUT", path, {"sources": ["retail", "vip-*"]}, If_Match="*")
    whole, part = api.get(path).json(), narrow.get(path).json()
    assert (whole["sources"], whole["otherSources"]) == (["retail", "vip-*"], 0)
    assert whole["changedBy"]
    assert (part["sources"], part["otherSources"], part["changedBy"]) == (["retail"], 1, "")


def test_a_client_that_reaches_some_bots_changes_no_rule_of_all(narrow: Api) -> None:
    rule = f"/alarms/rules/{STT.name}"
    assert narrow.get(rule).status_code == 200
    for method, body in (("PUT", {}), ("DELETE", None)):
        answer = narrow.ask(method, rule, body, match="*")
        assert (answer.status_code, answer.json()["error"]) == (403, "not_within_reach")


# --- destinations ---------------------------------------------------------------------------------


def test_of_the_address_of_a_webhook_scheme_and_host_are_shown(api: Api) -> None:
    given = {"alarmWebhookUrl": "https://hooks.example/T0KEN?key=5ecret"}
    hook = {"name": "chat", "notifier": "webhook", "credentials": given}
    made = api.ask("POST", "/alarms/destinations", hook)
    shown = {"state": "set", "vault": None, "shown": "https://hooks.example"}
    assert made.json()["credentials"]["alarmWebhookUrl"] == shown
    changed = api.ask("PATCH", "/alarms/destinations/chat", {"minSeverity": "major"})
    assert changed.json()["credentials"]["alarmWebhookUrl"] == shown
    assert "T0KEN" not in f"{made.content!r}{changed.content!r}"


def test_a_destination_is_made_read_changed_and_deleted_and_keeps_its_secret(api: Api) -> None:
    made = api.ask("POST", "/alarms/destinations", TRAPS, Idempotency_Key="k1")
    assert (made.status_code, made["Location"]) == (201, "/api/v1/alarms/destinations/nms")
    again = api.ask("POST", "/alarms/destinations", TRAPS, Idempotency_Key="k1")
    assert again.json() == made.json()
    shown = api.get("/alarms/destinations/nms").json()
    assert shown == made.json()
    assert (shown["minSeverity"], shown["types"], shown["enabled"]) == ("major", [STT.name], True)
    assert shown["params"]["snmpHost"] == "nms.example"
    assert shown["credentials"]["snmpCommunity"] == {
        "state": "set",
        "vault": None,
        "shown": "",
    }
    stored = Destination.objects.get().settings["credentials"]
    change = {"enabled": False, "params": {"snmpPort": 1162}, "resendMinutes": 30}
    changed = api.ask("PATCH", "/alarms/destinations/nms", change).json()
    assert (changed["enabled"], changed["resendMinutes"]) == (False, 30)
    assert changed["params"] == {"snmpHost": "nms.example", "snmpPort": 1162}
    assert (changed["minSeverity"], changed["types"]) == ("major", [STT.name])
    assert Destination.objects.get().settings["credentials"] == stored
    answers = [made, changed, listed(api, "/alarms/destinations")]
    assert SECRET not in json.dumps([str(each) for each in answers]) + made.content.decode()
    events = AuditEvent.objects.filter(kind="alarm-destination")
    assert SECRET not in json.dumps(list(events.values_list("before", "after")))
    assert api.ask("DELETE", "/alarms/destinations/nms").status_code == 204
    assert api.get("/alarms/destinations/nms").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": "NMS"}, "name"),
        ({"name": "new"}, "name"),
        ({"notifier": "pigeon"}, "notifier"),
        ({"params": {"snmpHost": "nms.example", "snmpPort": 0}}, "snmpPort"),
        ({"params": {"snmpHost": "nms.example", "x": 1}}, "x"),
        ({"credentials": {"snmpCommunity": {"$secret": "x"}}}, "snmpCommunity"),
        ({"minSeverity": "clear"}, "minSeverity"),
        ({"types": ["none"]}, "types"),
        ({"sources": ["a\x07"]}, "sources"),
        ({"resendMinutes": 10_081}, "resendMinutes"),
    ],
)
def test_a_destination_that_is_wrong_is_refused_by_field(api: Api, wanted: Any, field: str) -> None:
    answer = api.ask("POST", "/alarms/destinations", {**TRAPS, **wanted})
    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["errors"]]
    assert not Destination.objects.exists()


def test_a_destination_is_tested_and_told_again_and_its_notices_are_listed(api: Api) -> None:
    raised()
    syslog = {"name": "siem", "notifier": "syslog"}
    syslog["params"] = {"syslogHost": "127.0.0.1", "syslogPort": 9}  # type: ignore[assignment]
    assert api.ask("POST", "/alarms/destinations", syslog).status_code == 201
    path = "/alarms/destinations/siem"
    assert api.ask("POST", f"{path}/test").json()["ok"] is True
    assert api.ask("POST", f"{path}/resend").json() == {"notices": 1}
    found = listed(api, f"{path}/notices")
    assert [each["kind"] for each in found] == ["resent", "test"]
    assert found[0]["notice"]["source"] == "provider:stt-1"
    finished = timezone.now()
    Notification.objects.filter(kind="resent").update(state="dead", finished_at=finished)
    assert [each["kind"] for each in listed(api, f"{path}/notices", state="dead")] == ["resent"]
    assert api.get(path).json()["givenUp"] == 1
    assert api.ask("POST", f"{path}/retry").json() == {"notices": 1}
    assert api.get(path).json()["waiting"] == 1


def test_notices_come_in_pages_without_losing_any(api: Api) -> None:
    api.ask("POST", "/alarms/destinations", TRAPS)
    now, destination = timezone.now(), Destination.objects.get()
    rows = [
        Notification(
            destination=destination,
            seq=number,
            alarm_id=uuid.uuid4(),
            kind="raised",
            notice={},
            created_at=now - timedelta(seconds=number // 3),
            next_attempt_at=now,
        )
        for number in range(7)
    ]
    Notification.objects.bulk_create(rows)
    found = listed(api, "/alarms/destinations/nms/notices")
    assert {each["id"] for each in found} == {str(row.pk) for row in rows}
    only = listed(api, "/alarms/destinations/nms/notices", alarm=rows[3].alarm_id)
    assert [each["id"] for each in only] == [str(rows[3].pk)]


def test_a_client_that_reaches_some_bots_sees_no_destination(api: Api, narrow: Api) -> None:
    api.ask("POST", "/alarms/destinations", TRAPS)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", TRAPS),
        ("GET", "/nms", None),
        ("PATCH", "/nms", {}),
        ("DELETE", "/nms", None),
        ("POST", "/nms/test", None),
        ("POST", "/nms/resend", None),
        ("POST", "/nms/retry", None),
        ("GET", "/nms/notices", None),
    ):
        assert narrow.ask(method, f"/alarms/destinations{path}", body).status_code == 403
