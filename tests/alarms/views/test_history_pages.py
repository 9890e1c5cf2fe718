"""What was: the history, its export, the story of one alarm, and the runbooks."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.utils import timezone

from alarms import journal
from alarms.core.catalogue import (
    BOT_MISCONFIGURED,
    CATALOGUE,
    DATABASE_UNAVAILABLE,
    SECRET_EXPIRING,
)
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination, Notification
from alarms.services import handling
from alarms.services.addresses import console_url, runbook_url
from alarms.services.reporting import tell
from bots import paging
from bots.models import AuditEvent, Bot
from bots.people import person
from tests.alarms.raising import cleared, over_of, raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(world: World) -> Client:
    return browser(world.people["viewer"])


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return " ".join(response.content.decode().split())


def numbers(content: str) -> list[str]:
    """The names of the sources on the page, in order."""
    return [part.partition("<")[0] for part in content.split(">provider:")[1:]]


def test_every_change_stands_there_with_how_long_it_lasted(world: World, viewer: Client) -> None:
    alarm = raised(at=timezone.now() - timedelta(hours=3))
    who = person(world.people["operator"])
    handling.acknowledge([alarm.alarm_id], who=who, comment="calling the vendor")
    cleared(alarm, after_s=3900)

    content = page(viewer, "/alarms/history/")

    assert content.index("cleared") < content.index("calling the vendor")
    assert "after 1 h 5 min" in content
    assert "was Major" in content
    assert "operator" in content


def test_without_history_the_page_teaches(viewer: Client) -> None:
    assert "There was no alarm yet" in page(viewer, "/alarms/history/")
    assert "No change matches the filter." in page(viewer, "/alarms/history/?kind=cleared")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 4),
        ("severity=critical", 1),
        ("severity=major", 3),
        ("type=secretExpiring", 1),
        ("kind=cleared", 1),
        ("q=stt-1", 2),
        ("range=1h", 3),
        ("range=7d&type=nonsense&kind=nonsense&severity=nonsense&since=nonsense", 4),
        ("since=2999-01-01", 0),
        ("until=2020-01-01", 0),
        ("since=2020-01-01&until=2999-01-01", 4),
        ("since=0001-01-01&until=9999-12-31", 4),
    ],
)
def test_the_address_filters(viewer: Client, query: str, found: int) -> None:
    now = timezone.now()
    raised(SECRET_EXPIRING, "key", at=now - timedelta(hours=2))
    cleared(raised(at=now - timedelta(minutes=30)))
    raised(DATABASE_UNAVAILABLE, "")

    assert page(viewer, f"/alarms/history/?{query}").count('class="kind"') == found


def test_pages_are_turned_by_place(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alarms.views.history.PAGE_SIZE", 2)
    for number in range(5):
        raised(name=str(number))

    assert numbers(page(viewer, "/alarms/history/")) == ["4", "3"]
    assert numbers(page(viewer, "/alarms/history/?at=after-4")) == ["2", "1"]
    assert numbers(page(viewer, "/alarms/history/?at=before-1")) == ["2", "1"]
    for nonsense in ("after", "beside-3", "after-x", "after-99999999999999999999999"):
        assert numbers(page(viewer, f"/alarms/history/?at={nonsense}")) == ["4", "3"]


def test_the_first_page_says_that_there_is_nothing_newer() -> None:
    for number in range(3):
        raised(name=str(number))
    rows = AlarmEvent.objects.all()

    first = paging.page(rows, size=2)
    back = paging.page(rows, size=2, place="before-1")

    assert (first.newer, first.older) == ("", "after-2")
    assert (back.newer, back.older) == ("", "after-2")
    assert paging.page(rows, size=2, place="before-3").rows == []


def test_what_is_filtered_is_exported_for_a_spreadsheet(viewer: Client) -> None:
    alarm = raised(detail="=HYPERLINK(1)")
    cleared(alarm, after_s=90)
    raised(SECRET_EXPIRING, "key")

    answer = viewer.get("/alarms/history.csv?type=sttProviderFailure")

    lines = list(csv.DictReader(StringIO(b"".join(answer).decode())))
    assert [line["kind"] for line in lines] == ["cleared", "raised"]
    assert lines[0]["duration_s"] == "90"
    assert (lines[0]["severity"], lines[0]["previous"]) == ("clear", "major")
    assert lines[0]["title"] == "Speech recognition fails"
    assert lines[1]["detail"] == "'=HYPERLINK(1)"
    assert lines[1]["duration_s"] == ""
    event = AuditEvent.objects.get(action="alarm.exported")
    assert event.after == {"type": "sttProviderFailure"}


def test_a_long_export_comes_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "BATCH", 2)
    monkeypatch.setattr(paging, "EXPORTED", 4)
    for number in range(5):
        raised(name=str(number))
    AlarmEvent.objects.filter(seq=5).update(type="ofAnotherVersion")

    lines = list(journal.as_csv(AlarmEvent.objects.all()))

    assert len(lines) == 5
    assert "ofAnotherVersion,,provider:4" in lines[1]


def test_the_story_of_one_alarm(world: World, viewer: Client) -> None:
    Destination.objects.create(name="nms", notifier="snmp-v2c")
    alarm = raised()
    Notification.objects.update(attempts=3, last_problem="timeout after 10 s")
    who = person(world.people["operator"])
    handling.silence(
        [alarm.alarm_id], who=who, until=timezone.now() + timedelta(hours=1), comment="repair"
    )

    content = page(viewer, f"/alarms/{alarm.alarm_id}/")

    for part in ("Active for", "silenced", "repair", "nms", "timeout after 10 s", "by operator"):
        assert part in content
    assert "/calls/?from=" in content
    cleared(alarm)
    assert "It is over; it lasted 1 min." in page(viewer, f"/alarms/{alarm.alarm_id}/")


def test_who_reaches_some_bots_does_not_see_who_is_told(world: World) -> None:
    nms = Destination.objects.create(name="nms-of-ops", notifier="webhook", min_severity=1)
    alarm = raised(BOT_MISCONFIGURED, "mine")
    assert Notification.objects.filter(destination=nms).count() == 1
    narrow = with_role("viewer", name="narrow", bots=[Bot.objects.create(name="mine")])
    for account, sees in ((narrow, False), (world.people["viewer"], True)):
        content = browser(account).get(f"/alarms/{alarm.alarm_id}/").content.decode()
        assert ("nms-of-ops" in content) is sees
        assert ("Who was told" in content) is sees


def test_an_alarm_whose_changes_have_left_the_history_is_still_shown(viewer: Client) -> None:
    alarm = raised()
    AlarmEvent.objects.all().delete()

    content = page(viewer, f"/alarms/{alarm.alarm_id}/")

    assert "have left the history" in content
    assert "No destination wanted to know of it" in content
    ActiveAlarm.objects.all().delete()
    assert viewer.get(f"/alarms/{alarm.alarm_id}/").status_code == 404


def test_every_type_has_a_runbook(viewer: Client) -> None:
    content = page(viewer, "/alarms/types/")

    for name, kind in CATALOGUE.items():
        assert f'href="/alarms/types/{name}/"' in content
        runbook = page(viewer, f"/alarms/types/{name}/")
        assert name in runbook
        assert runbook.count("<li>") >= len(kind.steps)
    assert viewer.get("/alarms/types/noSuchType/").status_code == 404


def test_a_runbook_tells_the_rule_in_force_and_what_is_active(viewer: Client) -> None:
    raised()
    content = page(viewer, "/alarms/types/sttProviderFailure/")
    assert "after 3 failures within 1 min" in content
    assert "as delivered" in content
    assert ".0.3</code>" in content
    AlarmRule.objects.create(
        type="sttProviderFailure",
        severity=5,
        count=7,
        window_s=90,
        clear_after_s=0,
        sources=["stt-*"],
        changed_at=timezone.now(),
        changed_by="ada",
    )

    content = page(viewer, "/alarms/types/sttProviderFailure/")

    for part in ("after 7 failures within 1 min 30 s", "as soon as it works", "stt-*", "(ada,"):
        assert part in content
    assert "when it has held for 5 s" in page(viewer, "/alarms/types/databaseUnavailable/")
    AlarmRule.objects.update(enabled=False)
    assert "switched off" in page(viewer, "/alarms/types/sttProviderFailure/")
    types = page(viewer, "/alarms/types/")
    assert "off</span>" in types
    assert 'href="/alarms/?type=sttProviderFailure">1</a>' in types


def test_notices_carry_public_addresses_that_open(viewer: Client) -> None:
    alarm = raised()

    for address in (runbook_url(alarm.type), console_url(alarm.alarm_id)):
        base, _slash, path = address.removeprefix("http://").partition("/")
        assert base == "127.0.0.1:8000"
        assert viewer.get(f"/{path}").status_code == 200


def test_what_is_held_because_it_comes_and_goes_says_so(viewer: Client) -> None:
    now = timezone.now()
    for ago in (90, 60, 30):
        alarm = raised(at=now - timedelta(seconds=ago))
        tell([over_of(alarm, alarm.last_at + timedelta(seconds=10))])
    held = ActiveAlarm.objects.get()

    content = page(viewer, f"/alarms/{held.alarm_id}/")

    assert "raised 3 times in the last hour" in content
    assert "it comes and goes, so the clear is held" in content
    assert content.count('<span class="kind">comes and goes</span>') == 1
    assert "away; if it stays so, clears at" in page(viewer, "/alarms/")
    assert page(viewer, "/alarms/history/?kind=held").count('class="kind"') == 1
