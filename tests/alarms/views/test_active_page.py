"""The page of active alarms, and what people do about them there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms import board
from alarms.core.catalogue import (
    BOT_MISCONFIGURED,
    DATABASE_UNAVAILABLE,
    OAUTH_REFRESH,
    SECRET_EXPIRING,
)
from alarms.models import ActiveAlarm, AlarmEvent, Destination, Notification
from alarms.views.active import _until
from bots.models import AuditEvent, Bot
from tests.alarms.raising import cleared, raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, path: str = "/alarms/") -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def listed(client: Client, query: str = "") -> list[str]:
    """The ids of the alarms in the table, in order."""
    rows = client.get(f"/alarms/?{query}", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in rows
    return [part.partition('"')[0] for part in rows.split('data-alarm="')[1:]]


def again(alarm: ActiveAlarm) -> ActiveAlarm:
    return ActiveAlarm.objects.get(pk=alarm.pk)


def test_the_worst_stands_first_with_source_text_and_runbook(operator: Client) -> None:
    major, critical = raised(), raised(DATABASE_UNAVAILABLE, "")

    content = page(operator)

    assert listed(operator) == [str(critical.alarm_id), str(major.alarm_id)]
    for part in (
        "Speech recognition fails",
        "Speech recognition of stt-1 fails: timeout",
        'href="/providers/stt-1/"',
        'href="/alarms/types/sttProviderFailure/"',
        f'href="/alarms/{major.alarm_id}/"',
        "nobody to tell",
    ):
        assert part in content


def test_without_alarms_the_page_teaches(operator: Client) -> None:
    content = page(operator)

    assert "Nothing is wrong" in content
    assert "rehearse-failures.md" in content
    assert "matches the filter" in page(operator, "/alarms/?severity=critical")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["critical", "major", "warning"]),
        ("severity=major", ["critical", "major"]),
        ("severity=x&type=x&acknowledged=x&age=x", ["critical", "major", "warning"]),
        ("type=secretExpiring", ["warning"]),
        ("q=STT-1", ["major"]),
        ("q=runs+out", ["warning"]),
        ("acknowledged=yes", ["warning"]),
        ("acknowledged=no", ["critical", "major"]),
        ("age=new1h", ["critical"]),
        ("age=old1h", ["major", "warning"]),
    ],
)  # fmt: skip
def test_the_address_filters(operator: Client, query: str, found: list[str]) -> None:
    earlier = timezone.now() - timedelta(hours=2)
    alarms = {
        "critical": raised(DATABASE_UNAVAILABLE, ""),
        "major": raised(at=earlier),
        "warning": raised(SECRET_EXPIRING, "key", at=earlier),
    }
    ActiveAlarm.objects.filter(pk=alarms["warning"].pk).update(acknowledged_at=earlier)

    assert listed(operator, query) == [str(alarms[name].alarm_id) for name in found]


def test_alarms_that_are_ticked_are_acknowledged_with_a_comment(operator: Client) -> None:
    one, two, other = raised(), raised(name="stt-2"), raised(name="stt-3")

    answer = operator.post(
        "/alarms/handle",
        {
            "do": "acknowledge",
            "alarm": [one.alarm_id, two.alarm_id, "no id"],
            "comment": "on it",
            "next": "/alarms/?severity=major",
        },
    )

    assert (answer.status_code, answer.headers["location"]) == (302, "/alarms/?severity=major")
    assert {again(each).acknowledged_by for each in (one, two)} == {"operator"}
    assert again(other).acknowledged_at is None
    content = page(operator)
    assert "2 alarms acknowledged." in content
    assert "acknowledged by operator" in content
    assert "on it" in content
    assert AuditEvent.objects.filter(action="alarm.acknowledged").count() == 2


def test_the_alarm_of_the_address_counts_whatever_is_ticked(operator: Client) -> None:
    one, ticked = raised(), raised(name="stt-2")

    operator.post(
        f"/alarms/handle?id={one.alarm_id}", {"do": "acknowledge", "alarm": [ticked.alarm_id]}
    )

    assert again(one).acknowledged_at is not None
    assert again(ticked).acknowledged_at is None


def test_an_alarm_is_silenced_told_again_taken_back_and_cleared(operator: Client) -> None:
    alarm = raised()

    def do(name: str) -> str:
        answer = operator.post(f"/alarms/handle?id={alarm.alarm_id}", {"do": name}, follow=True)
        return str(answer.content.decode())

    assert "1 alarm silenced. Destinations are only told that it clears." in do("silence-60")
    until = again(alarm).silenced_until
    assert until is not None
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(minutes=60)
    assert "silenced until" in page(operator)
    assert "Destinations are told of 1 alarm again." in do("unsilence")
    do("acknowledge")
    assert "1 alarm is not acknowledged any more." in do("unacknowledge")
    assert "It comes back if its cause persists." in do("clear")
    assert not ActiveAlarm.objects.exists()
    assert "There is nothing to do" in do("clear")


@pytest.mark.parametrize("do", ["", "silence", "silence-9", "silence-99999999", "explode"])
def test_what_no_button_says_does_nothing(operator: Client, do: str) -> None:
    alarm = raised()

    answer = operator.post(f"/alarms/handle?id={alarm.alarm_id}", {"do": do}, follow=True)

    assert "say what is to be done" in answer.content.decode()
    assert again(alarm).silenced_until is None


def test_a_comment_that_cannot_be_kept_is_told(operator: Client) -> None:
    alarm = raised()

    answer = operator.post(
        f"/alarms/handle?id={alarm.alarm_id}",
        {"do": "acknowledge", "comment": "a" * 501},
        follow=True,
    )

    assert "has more than 500 characters" in answer.content.decode()
    assert again(alarm).acknowledged_at is None


def test_nobody_is_led_elsewhere_afterwards(operator: Client) -> None:
    answer = operator.post("/alarms/handle", {"do": "clear", "next": "https://elsewhere.example/"})

    assert answer.headers["location"] == "/alarms/"


def test_tomorrow_is_that_of_the_reader() -> None:
    zone = ZoneInfo("Pacific/Auckland")

    until = _until("tomorrow", zone)

    assert until is not None
    assert (until.hour, until.minute) == (8, 0)
    assert (until.date() - datetime.now(UTC).astimezone(zone).date()).days == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "../../etc/passwd", "x" * 70, ""])
def test_a_silence_until_tomorrow_takes_any_zone(operator: Client, zone: str) -> None:
    alarm = raised()

    operator.post(f"/alarms/handle?id={alarm.alarm_id}", {"do": "silence-tomorrow", "zone": zone})

    until = again(alarm).silenced_until
    expected = ZoneInfo("Europe/Berlin") if zone == "Europe/Berlin" else UTC
    assert until is not None
    assert until.astimezone(expected).hour == 8


def test_who_may_only_look_finds_buttons_that_say_why_not(world: World) -> None:
    raised()
    viewer = browser(world.people["viewer"])

    content = page(viewer)

    assert "Needs one of these roles: Operator, Supervisor, Administrator." in content
    assert viewer.post("/alarms/handle", {"do": "clear"}).status_code == 403


def test_who_reaches_some_bots_sees_and_handles_only_what_is_wrong_with_these(
    world: World,
) -> None:
    mine = Bot.objects.create(name="mine")
    client = browser(with_role("operator", name="narrow", bots=[mine]))
    own, other = raised(BOT_MISCONFIGURED, "mine"), raised(BOT_MISCONFIGURED, "theirs")
    shared = raised()
    board.refresh()

    assert listed(client) == [str(own.alarm_id)]
    assert json.loads(client.get("/alarms/state").content)["total"] == 1
    assert client.get(f"/alarms/{other.alarm_id}/").status_code == 404
    client.post(
        "/alarms/handle", {"do": "clear", "alarm": [own.alarm_id, other.alarm_id, shared.alarm_id]}
    )
    assert set(ActiveAlarm.objects.all()) == {other, shared}
    assert "Nothing is wrong with your bots" in page(client)
    assert "theirs" not in page(client, "/alarms/history/")


def test_how_many_destinations_know_of_it_is_told(operator: Client) -> None:
    for number in range(3):
        Destination.objects.create(name=f"to-{number}", notifier="webhook")
    raised()
    states = Notification.objects.order_by("destination__name")
    delivered = list(states[:2].values_list("pk", flat=True))
    Notification.objects.filter(pk__in=delivered).update(
        state="delivered", finished_at=timezone.now()
    )

    assert "delivered to 2 of 3" in " ".join(page(operator).split())


def test_of_several_notices_to_one_destination_the_latest_counts(operator: Client) -> None:
    destination = Destination.objects.create(name="to", notifier="webhook")
    alarm = raised()
    Notification.objects.update(state="dead", finished_at=timezone.now())
    Notification.objects.create(
        destination=destination,
        seq=0,
        alarm_id=alarm.alarm_id,
        kind="resent",
        notice={},
        state="delivered",
        created_at=timezone.now() + timedelta(seconds=1),
        next_attempt_at=timezone.now(),
        finished_at=timezone.now(),
    )

    assert "delivered to 1 of 1" in " ".join(page(operator).split())


def test_news_tell_the_worst_in_a_few_words(operator: Client) -> None:
    alarms = [raised(name=f"stt-{number}") for number in range(4)]
    critical = raised(DATABASE_UNAVAILABLE, "")
    query = "&".join(f"id={each.alarm_id}" for each in [*alarms, critical])

    content = page(operator, f"/alarms/news?{query}&id=nonsense")

    assert content.index("The database is away") < content.index("Speech recognition fails")
    assert "and 2 other alarms" in " ".join(content.split())
    assert "alarm" not in page(operator, "/alarms/news").replace("{% comment %}", "")


def test_pages_without_a_socket_are_told_the_same(operator: Client) -> None:
    alarm = raised()
    board.refresh()

    told = json.loads(operator.get("/alarms/state").content)

    assert told["t"] == "alarms"
    assert (told["total"], told["worst"]) == (1, "major")
    assert told["loud"] == [[str(alarm.alarm_id), 4]]


def test_the_rail_of_every_page_counts_by_the_board(world: World, operator: Client) -> None:
    alarm = raised()
    board.refresh()

    assert 'data-worst="major" >1</span>' in " ".join(page(operator, "/providers/").split())
    cleared(alarm)
    board.refresh()
    assert 'data-worst="" hidden>0</span>' in " ".join(page(operator, "/providers/").split())
    newcomer = browser(world.newcomer).get("/profile/").content.decode()
    assert "/ws/alarms" not in newcomer


def test_texts_are_in_the_readers_language_unless_people_wrote_them(operator: Client) -> None:
    alarm = raised()
    assert 'lang="en">Speech recognition of stt-1 fails' in " ".join(page(operator).split())
    ActiveAlarm.objects.filter(pk=alarm.pk).update(text="Our own words", type="ofAnotherVersion")
    content = page(operator)
    assert "Our own words" in content
    assert "ofAnotherVersion" in content


def test_the_pages_make_the_agreed_number_of_queries(operator: Client, repository: Path) -> None:
    Destination.objects.create(name="to", notifier="webhook")
    for number in range(20):
        raised(OAUTH_REFRESH, f"token-{number}")
    alarm = ActiveAlarm.objects.first()
    assert alarm is not None
    paths = {
        "active": "/alarms/",
        "history": "/alarms/history/",
        "alarm": f"/alarms/{alarm.alarm_id}/",
        "types": "/alarms/types/",
        "type": "/alarms/types/oauthRefreshFailure/",
    }
    page(operator)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    made = {}
    for name, path in paths.items():
        with CaptureQueriesContext(connection) as queries:
            page(operator, path)
        made[f"alarms:{name}"] = len(queries)
    assert made == {name: agreed.get(name) for name in made}
    assert AlarmEvent.objects.count() == 20
