"""What needs attention: only what is true, what concerns the person, with a place to go to."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from bots.core import registry
from bots.models import Bot, Provider
from calls.attention import LISTED, matters, provider_health
from calls.hooks.registration import registered
from calls.models import ServiceFault
from calls.selectors import Sight, visible_to
from calls.statistics import summarise
from tests.calls.conftest import MakeCall
from tests.worlds import World, with_role

pytestmark = pytest.mark.db


@pytest.fixture
def script(db: None) -> Provider:
    return Provider.objects.create(name="script", kind="bot", plugin="script")


def titles(sight: Sight) -> list[str]:
    at = now()
    return [matter.title for matter in matters(sight, provider_health(sight, at), at)]


def test_nothing_needs_attention_where_everything_works(world: World, script: Provider) -> None:
    Bot.objects.create(name="demo", provider=script)
    assert titles(visible_to(world.admin)) == []


def test_a_bot_that_cannot_be_resolved_is_named_with_its_problem(
    world: World, script: Provider
) -> None:
    Bot.objects.create(name="fine", provider=script)
    Bot.objects.create(name="lost")
    Bot.objects.create(name="paused", enabled=False)
    Bot.objects.create(name="base", is_base=True)
    broken = Bot.objects.create(name="wrong", provider=script, params={"noSuchThing": 1})
    sight = visible_to(world.people["viewer"])
    found = matters(sight, [], now())
    assert [(matter.severity, matter.title) for matter in found] == [
        ("major", "Bot lost takes no calls"),
        ("major", "Bot wrong takes no calls"),
    ]
    assert "no bot framework is chosen" in found[0].detail
    assert "noSuchThing" in found[1].detail
    assert found[0].url == "/bots/lost/"
    scoped = visible_to(with_role("operator", name="scoped", bots=[broken]))
    assert titles(scoped) == ["Bot wrong takes no calls"]
    assert titles(visible_to(world.newcomer)) == []


def test_a_long_list_of_one_sort_is_cut_and_says_so(world: World) -> None:
    for number in range(LISTED + 2):
        Bot.objects.create(name=f"lost-{number}")
    found = titles(visible_to(world.admin))
    assert len(found) == LISTED + 1
    assert found[-1] == "2 more like these"


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
        ("major", "Provider voice fails in calls", "3 faults in the last hour, mostly timeout."),
        (
            "minor",
            "The last test of provider script failed",
            "authentication: 401 from the service",
        ),
    ]
    assert found[0].url == "/providers/voice/"
    scoped = visible_to(with_role("operator", name="scoped", bots=[demo]))
    assert {each.name: each.faults for each in provider_health(scoped, now())}["voice"] == 0


def test_a_secret_without_its_key_and_a_broken_plug_in_concern_who_reaches_everything(
    world: World, script: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.broken, "acme", "ImportError: no module named acme")
    lost = {"sendMetaDataPassword": {"$secret": "gibberish"}}
    bot = Bot.objects.create(name="demo", provider=script, params=lost, enabled=False)
    assert titles(visible_to(world.admin)) == [
        "A secret cannot be read: bot demo: sendMetaDataPassword",
        "The plug-in acme cannot be loaded",
    ]
    assert titles(visible_to(with_role("operator", name="scoped", bots=[bot]))) == []


def test_hooks_that_cannot_be_loaded_are_named_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registered.broken, "mybank.calls", "OSError: the bank is closed")
    (matter,) = matters(visible_to(world.admin), [], now())
    assert (matter.severity, matter.title, matter.detail) == (
        "major",
        "The hooks of mybank.calls cannot be loaded",
        "OSError: the bank is closed",
    )
    demo = Bot.objects.create(name="demo")
    assert titles(visible_to(with_role("operator", name="scoped", bots=[demo]))) == [
        "Bot demo takes no calls"
    ]


def test_a_worker_that_makes_no_figures_is_missed(world: World, make_call: MakeCall) -> None:
    sight, silent = visible_to(world.admin), "The background worker does nothing"
    assert titles(sight) == []
    make_call(started_at=now() - timedelta(minutes=5), ended=False)
    assert titles(sight) == []
    make_call(started_at=now() - timedelta(minutes=30), ended=False)
    assert titles(sight) == [silent]
    summarise(now())
    assert titles(sight) == []
    assert silent in [matter.title for matter in matters(sight, [], now() + timedelta(hours=1))]
