"""The pages of destinations: made, changed, tried and followed; secrets go in and never out."""

import json
import re
import socket
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms.core.catalogue import CATALOGUE
from alarms.core.rules import Rule
from alarms.models import Destination, Ledger, Notification
from alarms.services.destinations import destination_create, plugin_of
from alarms.services.rules import rule_update
from alarms.views.destinations import confirmed
from bots.guards import CONFIRMED_AT
from bots.models import AuditEvent, Bot
from tests.alarms.raising import raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

ROOM = "/alarms/destinations/"
SECRET = "c0mmunity-5ecret"
FORM = {
    "name": "noc",
    "enabled": "on",
    "min_severity": "4",
    "types": ["workerDown", "sttProviderFailure"],
    "sources": "provider:*\r\n",
    "resend_minutes": "60",
    "p.snmpHost": "nms.example",
    "p.snmpPort": "162",
    "p.snmpKind": "inform",
    "how.snmpCommunity": "value",
    "value.snmpCommunity": SECRET,
}


def body(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def admin(world: World) -> Client:
    return browser(world.admin)


def syslog(name: str = "siem", port: int = 9, **more: Any) -> Destination:
    params = {"syslogHost": "127.0.0.1", "syslogPort": port, "syslogTransport": "udp"}
    return destination_create(name=name, notifier="syslog", params=params, credentials={}, **more)


def owed(destination: Destination, state: str = "waiting", **more: Any) -> Notification:
    now = timezone.now()
    values = {
        "seq": 1,
        "alarm_id": uuid.uuid4(),
        "kind": "raised",
        "notice": {"type": "workerDown", "source": "worker", "severity": 4, "text": "None works"},
        "created_at": now,
        "next_attempt_at": now,
        "finished_at": None if state == "waiting" else now,
    }
    return Notification.objects.create(destination=destination, state=state, **values | more)


def test_without_destinations_the_page_says_what_one_is(admin: Client) -> None:
    found = body(admin.get(ROOM))
    assert "Nobody outside is told of alarms" in found
    assert "Make the first destination" in found


def test_a_destination_is_made_from_the_form_of_its_notifier(admin: Client) -> None:
    cards = body(admin.get(f"{ROOM}new/"))
    for notifier in ("snmp-v2c", "snmp-v3", "webhook", "email", "syslog"):
        assert f"?notifier={notifier}" in cards
    page = body(admin.get(f"{ROOM}new/?notifier=snmp-v2c"))
    assert 'value="snmp-v2c-1"' in page
    assert 'name="p.snmpPort" type="text" inputmode="numeric" value="162"' in page
    answer = admin.post(f"{ROOM}new/?notifier=snmp-v2c", FORM)
    assert (answer.status_code, answer["location"]) == (302, f"{ROOM}noc/")
    made = Destination.objects.get()
    assert made.notifier == "snmp-v2c"
    assert made.settings["params"]["snmpKind"] == "inform"
    assert SECRET not in str(made.settings)
    assert made.settings["credentials"]["snmpCommunity"].keys() == {"$secret"}
    assert (made.min_severity, made.types) == (4, ["workerDown", "sttProviderFailure"])
    assert (made.sources, made.resend_minutes, made.enabled) == (["provider:*"], 60, True)
    event = AuditEvent.objects.get(action="alarm_destination.created")
    assert SECRET not in f"{event.before} {event.after}"


def test_secrets_are_never_shown_and_stay_unless_replaced(admin: Client) -> None:
    admin.post(f"{ROOM}new/?notifier=snmp-v2c", FORM)
    stored = Destination.objects.get().settings["credentials"]
    for path in ("", "noc/", "noc/edit/"):
        assert SECRET not in body(admin.get(f"{ROOM}{path}"))
    changed = {
        **FORM,
        "how.snmpCommunity": "keep",
        "value.snmpCommunity": "",
        "p.snmpPort": "1162",
        "enabled": "",
    }
    answer = admin.post(f"{ROOM}noc/edit/", changed)
    assert answer["location"] == f"{ROOM}noc/"
    made = Destination.objects.get()
    assert made.settings["credentials"] == stored
    assert made.settings["params"]["snmpPort"] == 1162
    assert not made.enabled
    admin.post(f"{ROOM}noc/edit/", {**FORM, "value.snmpCommunity": "another one"})
    assert Destination.objects.get().settings["credentials"] != stored


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "NOC 1"}, "valid"),
        ({"name": "new"}, "choose another"),
        ({"p.snmpPort": "0"}, "must be between 1 and 65535"),
        ({"p.snmpPort": "x"}, "must be a whole number"),
        ({"p.snmpHost": ""}, "is missing|is needed|must|give"),
        ({"p.snmpKind": "carrier pigeon"}, "trap|inform"),
        ({"how.snmpCommunity": "value", "value.snmpCommunity": ""}, "is empty; type the secret"),
        ({"min_severity": "0"}, "valid choice"),
        ({"types": ["nothing"]}, "valid choice"),
        ({"sources": "a" * 300}, "characters"),
        ({"resend_minutes": "-1"}, "greater than or equal to 0"),
        ({"resend_minutes": "9" * 30}, "less than or equal"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(
    admin: Client, changes: dict[str, Any], problem: str
) -> None:
    answer = admin.post(f"{ROOM}new/?notifier=snmp-v2c", {**FORM, **changes})
    assert answer.status_code == 422
    wrong = " ".join(re.findall(r'class="(?:wrong|problem)"[^>]*>.*?</(?:span|p)>', body(answer)))
    assert re.search(problem, wrong), wrong
    assert SECRET not in body(answer)
    assert not Destination.objects.exists()


def test_a_name_that_is_taken_is_refused_and_another_proposed(admin: Client) -> None:
    syslog("syslog-1")
    page = body(admin.get(f"{ROOM}new/?notifier=syslog"))
    assert 'value="syslog-2"' in page
    sent = {**FORM, "name": "syslog-1", "p.syslogHost": "127.0.0.1"}
    sent |= {"p.syslogPort": "9", "p.syslogTransport": "udp", "p.syslogFacility": "local0"}
    sent["p.syslogVerifyTls"] = "true"
    answer = admin.post(f"{ROOM}new/?notifier=syslog", sent)
    assert answer.status_code == 422
    assert "already exists" in body(answer)


def test_a_test_is_sent_and_its_outcome_shown(admin: Client) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        syslog(port=receiver.getsockname()[1])
        answer = body(admin.post(f"{ROOM}siem/test"))
        assert b"nothing is wrong" in receiver.recv(4000)
    assert "passed" in answer
    assert "Not every destination of this kind says whether it arrived" in answer
    row = Notification.objects.get()
    assert (row.kind, row.state) == ("test", "delivered")
    assert "works" in body(admin.get(ROOM))


def test_a_test_has_the_page_fetch_its_history_again(admin: Client) -> None:
    syslog()
    assert admin.post(f"{ROOM}siem/test")["HX-Trigger-After-Swap"] == "tested"
    assert 'hx-trigger="tested from:body"' in body(admin.get(f"{ROOM}siem/"))


@pytest.mark.parametrize(("kind", "expected"), [("trap", False), ("inform", True)])
def test_only_of_informs_a_page_says_that_they_were_taken(
    admin: Client, kind: str, expected: bool
) -> None:
    params = {"snmpHost": "127.0.0.1", "snmpKind": kind}
    made = destination_create(
        name="noc", notifier="snmp-v2c", params=params, credentials={"snmpCommunity": "public"}
    )
    assert confirmed(made, plugin_of(made)) is expected


def test_receivers_of_version_3_are_shown_the_engine_id(admin: Client) -> None:
    keys = {"snmpUser": "a", "snmpAuthKey": "a" * 8, "snmpPrivKey": "b" * 8}
    params = {"snmpHost": "127.0.0.1"}
    destination_create(name="v3", notifier="snmp-v3", params=params, credentials=keys)
    shown = f"0x{Ledger.objects.get().engine_id}"
    assert shown in body(admin.get(f"{ROOM}v3/"))
    syslog()
    assert shown not in body(admin.get(f"{ROOM}siem/"))


def test_a_test_that_fails_says_why(admin: Client) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    made = syslog(port=port)
    made.settings["params"]["syslogTransport"] = "tcp"
    made.save()
    answer = body(admin.post(f"{ROOM}siem/test"))
    assert "The test was not taken." in answer
    assert "no connection" in answer
    found = body(admin.get(f"{ROOM}siem/"))
    assert "no connection" in found
    assert "failed" in found
    assert "Try 1 again" not in found  # a test is no notice that somebody waits for
    assert "failing" in body(admin.get(ROOM))


def test_all_that_is_active_is_sent_again(admin: Client) -> None:
    raised()
    syslog()
    answer = admin.post(f"{ROOM}siem/resend", follow=True)
    assert "1 active alarm is sent again." in body(answer)
    assert Notification.objects.get().kind == "resent"


def test_what_was_given_up_is_found_and_tried_again(admin: Client) -> None:
    made = syslog()
    dead = owed(made, "dead", last_problem="refused", attempts=7)
    done = owed(made, "delivered", notice={"type": "workerDown", "source": "w2", "severity": 0})
    everything, only = body(admin.get(f"{ROOM}siem/")), body(admin.get(f"{ROOM}siem/?state=dead"))
    for row in (dead, done):
        assert f"{row.pk}/" in everything
    assert f"{done.pk}/" not in only
    assert "refused" in only
    assert "The background worker does nothing" in only
    assert "Try 1 again" in only
    page = body(admin.get(f"{ROOM}siem/{dead.pk}/"))
    assert "None works" in page
    assert "refused" in page
    assert "Send again" in page
    admin.post(f"{ROOM}siem/{dead.pk}/retry")
    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("waiting", 0)
    Notification.objects.filter(pk=dead.pk).update(state="dead", finished_at=timezone.now())
    assert "1 notice is tried again." in body(admin.post(f"{ROOM}siem/retry", follow=True))
    dead.refresh_from_db()
    assert dead.state == "waiting"
    again = body(admin.post(f"{ROOM}siem/{done.pk}/retry", follow=True))
    assert "It is not sent again" in again


def test_the_history_turns_pages_without_losing_or_repeating_any(admin: Client) -> None:
    made, now = syslog(), timezone.now()
    for number in range(120):  # several of one moment
        at = now - timedelta(seconds=number // 7)
        owed(made, created_at=at)
    seen: list[str] = []
    path = f"{ROOM}siem/?state=waiting"
    for size in (50, 50, 20):
        page = admin.get(path).content.decode()
        keys = re.findall(r'class="row-link"\s+href="[^"]*/([0-9a-f-]{36})/"', page)
        assert len(keys) == size
        seen += keys
        older = re.search(r'href="(\?[^"]*at=after[^"]*)"', page)
        newer = re.search(r'href="(\?[^"]*at=before[^"]*)"', page)
        assert (older is not None, newer is not None) == (len(seen) < 120, len(seen) > 50)
        if older:
            path = f"{ROOM}siem/" + older[1].replace("&amp;", "&")
    assert len(set(seen)) == 120
    assert newer is not None
    back = admin.get(f"{ROOM}siem/" + newer[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r"/([0-9a-f-]{36})/\"", back)[:50] == seen[50:100]


@pytest.mark.parametrize("at", ["x", "after~x~y", "after~2026-01-01~1", "after~0001-01-01T00:00:00"
                                "+14:00~00000000-0000-4000-8000-000000000000"])  # fmt: skip
def test_a_place_that_is_none_is_the_first_page(admin: Client, at: str) -> None:
    row = owed(syslog())
    assert f"{row.pk}/" in body(admin.get(f"{ROOM}siem/", {"at": at, "state": "nonsense"}))


def test_a_destination_is_switched_tried_and_deleted(admin: Client) -> None:
    made = syslog()
    admin.post(f"{ROOM}siem/switch", {"to": "off"})
    made.refresh_from_db()
    assert not made.enabled
    assert "not in use" in body(admin.get(ROOM))
    admin.post(f"{ROOM}siem/switch", {"to": "on"})
    until = timezone.now() + timedelta(seconds=30)
    Destination.objects.update(failures=5, open_until=until, last_problem="refused")
    assert "Try now" in body(admin.get(f"{ROOM}siem/"))
    admin.post(f"{ROOM}siem/try")
    made.refresh_from_db()
    assert (made.enabled, made.failures, made.open_until) == (True, 0, None)
    assert "siem is gone." in body(admin.post(f"{ROOM}siem/delete", follow=True))
    assert not Destination.objects.exists()


def test_a_destination_without_its_notifier_can_be_seen_and_deleted(admin: Client) -> None:
    Destination.objects.create(name="old", notifier="pigeon")
    assert "notifier missing" in body(admin.get(ROOM))
    assert "The notifier pigeon is not installed here." in body(admin.get(f"{ROOM}old/"))
    assert admin.get(f"{ROOM}old/edit/").status_code == 404
    assert "pigeon" in body(admin.post(f"{ROOM}old/switch", {"to": "off"}, follow=True))
    assert "failed" in body(admin.post(f"{ROOM}old/test"))
    admin.post(f"{ROOM}old/delete")
    assert not Destination.objects.exists()


def test_settings_are_changed_only_by_who_gave_the_password_lately(world: World) -> None:
    syslog()
    client = browser(world.admin)
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    for path in ("new/", "siem/edit/"):
        assert client.get(f"{ROOM}{path}")["location"].startswith("/confirm/")


def test_who_sees_alarms_may_look_but_not_touch(world: World) -> None:
    made = syslog()
    row = owed(made)
    viewer = browser(world.people["viewer"])
    for path in ("", "siem/", f"siem/{row.pk}/"):
        found = body(viewer.get(f"{ROOM}{path}"))
        assert "Needs one of these roles: Administrator." in found
    assert viewer.post(f"{ROOM}siem/test").status_code == 403
    mib = viewer.get("/alarms/mib.txt")
    assert "attachment" in mib["Content-Disposition"]
    assert "VOICE-AI-GATEWAY-MIB DEFINITIONS ::= BEGIN" in mib.content.decode()


def test_who_reaches_only_some_bots_sees_none_of_them(world: World) -> None:
    made = syslog()
    row = owed(made)
    bot = Bot.objects.create(name="retail")
    limited = browser(with_role("administrator", name="limited", bots=[bot]))
    found = body(limited.get(ROOM))
    assert "you reach only some bots" in found
    assert "siem" not in found
    for path in ("siem/", "siem/edit/", f"siem/{row.pk}/"):
        assert limited.get(f"{ROOM}{path}").status_code == 404
    for path in ("siem/test", "siem/delete", "siem/switch", f"siem/{row.pk}/retry"):
        assert limited.post(f"{ROOM}{path}").status_code == 404
    assert Destination.objects.count() == 1


def test_lists_take_as_many_queries_whatever_they_hold(admin: Client, repository: Path) -> None:
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    made = syslog()
    for number in range(30):
        syslog(f"siem-{number}")
        owed(made, "dead")
        rule_update(kind=list(CATALOGUE.values())[number], rule=Rule(count=2))
    counted = {}
    for path in (ROOM, f"{ROOM}siem/", "/alarms/rules/"):
        with CaptureQueriesContext(connection) as queries:
            answer = admin.get(path)
        counted[answer.resolver_match.view_name] = len(queries)
    assert counted == {name: agreed[name] for name in counted}


def test_of_the_address_of_a_webhook_scheme_and_host_are_shown(admin: Client) -> None:
    page = body(admin.get(f"{ROOM}new/?notifier=webhook"))
    way = re.search(r'name="how.alarmWebhookUrl" value="value" (checked)?', page)
    assert way is not None
    assert way[1] == "checked"
    token = "T0KEN/5ecret"
    form = {name: value for name, value in FORM.items() if "snmp" not in name}
    form |= {
        "how.alarmWebhookUrl": "value",
        "value.alarmWebhookUrl": f"https://me:{SECRET}@hooks.example/{token}?key={SECRET}",
    }
    assert admin.post(f"{ROOM}new/?notifier=webhook", form).status_code == 302
    for path in ("noc/", "noc/edit/"):
        page = body(admin.get(f"{ROOM}{path}"))
        assert "https://hooks.example" in page
        assert token not in page
        assert SECRET not in page
