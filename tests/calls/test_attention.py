"""What needs attention: only what is true, what concerns the person, with a place to go to."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from bots.models import Bot, Provider
from calls.attention import (
    ALARMS_LISTED,
    LISTED,
    alarm_counts,
    broken_bots,
    matters,
    provider_health,
)
from calls.models import ServiceFault
from calls.selectors import Sight, visible_to
from tests.calls.conftest import MakeCall
from tests.worlds import World, with_role

pytestmark = pytest.mark.db


@pytest.fixture
def script(db: None) -> Provider:
    return Provider.objects.create(name="script", kind="bot", plugin="script")


def raised(name: str, of: str = "", at: datetime | None = None, **fields: Any) -> ActiveAlarm:
    kind, at = CATALOGUE[name], at or now()
    told = {"severity": kind.severity, "text": f"{name} of {of}", "detail": ""}
    times = {"raised_at": at, "changed_at": at, "last_at": at}
    return ActiveAlarm.objects.create(type=name, source=kind.source(of), **told | times | fields)


def titles(sight: Sight) -> list[str]:
    at = now()
    return [matter.title for matter in matters(sight, provider_health(sight, at), at)]


def test_nothing_needs_attention_where_everything_works(world: World, script: Provider) -> None:
    Bot.objects.create(name="demo", provider=script)
    assert titles(visible_to(world.admin)) == []


def test_alarms_come_first_worst_first_and_lead_to_themselves(world: World) -> None:
    failed = {"ok": False, "fault": "authentication", "detail": "401"}
    Provider.objects.create(
        name="voice", kind="tts", plugin="offline", tested_at=now(), test_result=failed
    )
    minor = raised("signInFailure")
    worst = raised("databaseUnavailable", acknowledged_at=now(), acknowledged_by="anna")
    raised("workerDown", silenced_until=now() + timedelta(hours=1))
    over = raised("eventLoopDelayed", "web", silenced_until=now() - timedelta(seconds=1))
    sight = visible_to(world.people["viewer"])
    found = matters(sight, provider_health(sight, now()), now())
    assert [(each.severity, each.title, each.cared) for each in found] == [
        (Severity.CRITICAL, "The database is away", True),
        (Severity.MAJOR, "The process is overloaded", False),
        (Severity.MINOR, "Somebody tries passwords", False),
        (Severity.WARNING, "The last test of provider voice failed", False),
    ]
    assert [each.url for each in found[:3]] == [
        f"/alarms/{each.alarm_id}/" for each in (worst, over, minor)
    ]
    assert (found[1].of, found[1].detail) == ("process:web", "eventLoopDelayed of web")
    assert (found[1].since, found[3].alarm) == (over.raised_at, "")
    assert alarm_counts(sight.who, now()) == [
        (Severity.CRITICAL, 1),
        (Severity.MAJOR, 1),
        (Severity.MINOR, 1),
    ]


def test_who_reaches_some_bots_sees_the_alarms_of_these(world: World) -> None:
    mine = Bot.objects.create(name="mine")
    raised("botMisconfigured", "mine")
    raised("botMisconfigured", "other")
    raised("databaseUnavailable")
    scoped = visible_to(with_role("operator", name="scoped", bots=[mine]))
    assert titles(scoped) == ["A bot takes no calls"]
    assert alarm_counts(scoped.who, now()) == [(Severity.MAJOR, 1)]
    assert titles(visible_to(world.newcomer)) == []
    assert alarm_counts(visible_to(world.newcomer).who, now()) == []


def test_of_many_alarms_the_worst_are_listed_and_the_rest_is_a_number(world: World) -> None:
    for number in range(ALARMS_LISTED + 3):
        raised("botMisconfigured", f"bot-{number}")
    raised("databaseUnavailable")
    found = matters(visible_to(world.admin), [], now())
    assert len(found) == ALARMS_LISTED + 1
    assert found[0].title == "The database is away"
    assert (found[-1].title, found[-1].url) == ("4 more like these", "/alarms/")
    assert found[-1].severity is Severity.MAJOR


def test_an_alarm_whose_type_is_gone_is_called_by_its_name(world: World) -> None:
    ActiveAlarm.objects.create(
        alarm_id=uuid.uuid4(), type="ancientFailure", source="relic", severity=Severity.MINOR,
        text="It broke", raised_at=now(), changed_at=now(), last_at=now(),
    )  # fmt: skip
    assert titles(visible_to(world.admin)) == ["ancientFailure"]


def test_bots_that_cannot_take_calls_are_told_with_what_is_wrong(script: Provider) -> None:
    Bot.objects.create(name="fine", provider=script)
    Bot.objects.create(name="lost")
    Bot.objects.create(name="paused", enabled=False)
    Bot.objects.create(name="base", is_base=True)
    Bot.objects.create(name="wrong", provider=script, params={"noSuchThing": 1})
    found = dict(broken_bots())
    assert list(found) == ["lost", "wrong"]
    assert "no bot framework is chosen" in found["lost"]
    assert "noSuchThing" in found["wrong"]


def test_providers_fail_by_their_last_test_or_in_calls_of_the_last_hour(
    world: World, script: Provider, make_call: MakeCall
) -> None:
    failed = {"ok": False, "fault": "authentication", "detail": "401 from the service"}
    Provider.objects.filter(pk=script.pk).update(tested_at=now(), test_result=failed)
    fine = {"ok": True, "steps": []}
    tts = {"kind": "tts", "plugin": "offline"}
    Provider.objects.create(name="voice", tested_at=now(), test_result=fine, **tts)
    Provider.objects.create(name="other-voice", **tts)
    Provider.objects.create(name="old-voice", **tts)
    demo = Bot.objects.create(name="retail", provider=script)
    call = make_call(bot_name="demo", started_at=now() - timedelta(minutes=5))
    for minutes, provider, fault in (
        (1, "voice", "timeout"),
        (2, "voice", "timeout"),
        (3, "voice", "server"),
        (61, "old-voice", "timeout"),
        (1, "", "timeout"),
    ):
        at = now() - timedelta(minutes=minutes)
        ServiceFault.objects.create(at=at, call=call, service="tts", provider=provider, fault=fault)
    sight = visible_to(world.admin)
    health = {each.name: each for each in provider_health(sight, now())}
    assert list(health) == ["script", "voice", "old-voice", "other-voice"]
    states = {name: (each.state, each.faults, each.used) for name, each in health.items()}
    assert states == {
        "script": ("failing", 0, True),
        "voice": ("failing", 3, False),
        "old-voice": ("untested", 0, False),
        "other-voice": ("untested", 0, False),
    }
    found = matters(sight, list(health.values()), now())
    assert [(matter.severity, matter.title, matter.detail) for matter in found] == [
        (
            Severity.MINOR,
            "Provider voice fails in calls",
            "3 faults in the last hour, mostly timeout.",
        ),
        (
            Severity.WARNING,
            "The last test of provider script failed",
            "authentication: 401 from the service",
        ),
    ]
    assert found[0].url == "/providers/voice/"
    raised("ttsProviderFailure", "voice")
    assert titles(sight) == ["Speech synthesis fails", "The last test of provider script failed"]
    scoped = visible_to(with_role("operator", name="scoped", bots=[demo]))
    assert {each.name: each.faults for each in provider_health(scoped, now())}["voice"] == 0


def test_a_long_list_of_failing_providers_is_cut_and_says_so(world: World) -> None:
    failed = {"ok": False, "detail": "401"}
    for number in range(LISTED + 2):
        Provider.objects.create(
            name=f"p-{number}", kind="tts", plugin="offline", tested_at=now(), test_result=failed
        )
    found = titles(visible_to(world.admin))
    assert len(found) == LISTED + 1
    assert found[-1] == "2 more like these"
