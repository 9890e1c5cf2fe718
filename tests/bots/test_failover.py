"""Activities upon failure: what may be configured, and what a failed call does."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue, Layer, resolve
from bots.core.params.sections.failover import Failover, FailoverActivities

pytestmark = pytest.mark.pure

CATALOGUE = Catalogue([Failover])
SORRY = {"type": "message", "text": "Sorry."}
HANG_UP = {"type": "event", "name": "hangup", "activityParams": {"hangupReason": "failed"}}
PLAY = {"name": "playUrl", "activityParams": {"playUrlUrl": "https://h/sorry.wav"}}


def configured(value: dict[str, Any]) -> FailoverActivities:
    layer = Layer(Level.BOT, "bot demo", {"failoverActivities": value})
    return resolve(CATALOGUE, [layer])[Failover].failover_activities


def problem(value: Any) -> str:
    found = CATALOGUE.problems(Level.BOT, {"failoverActivities": value})
    assert list(found) == ["failoverActivities"]
    return found["failoverActivities"]


def test_nothing_is_done_unless_it_is_configured() -> None:
    chosen = resolve(CATALOGUE, [])[Failover].failover_activities
    assert all(chosen.activities(cause) == () for cause in FailoverActivities.model_fields)


def test_a_cause_has_its_own_activities_or_the_general_ones() -> None:
    chosen = configured({"stt": [SORRY, HANG_UP], "general": [PLAY]})
    said, hung_up = chosen.activities("stt")
    assert said == activities.message("Sorry.")
    assert hung_up.parameter("hangupReason") == "failed"
    (played,) = chosen.activities("bot")
    assert played.event == "playurl"
    assert chosen.activities("tts") == chosen.activities("general") == (played,)
    assert chosen.activities("activities") == (played,)


def test_the_values_are_shown_as_they_were_written() -> None:
    layer = Layer(Level.BOT, "bot demo", {"failoverActivities": {"tts": [PLAY]}})
    shown = resolve(CATALOGUE, [layer]).values()["failoverActivities"]
    assert shown == {"bot": [], "stt": [], "tts": [PLAY], "channel": [], "general": []}


@pytest.mark.parametrize("name", ["hangup", "transfer", "HandOver"])
def test_who_leaves_leaves_last(name: str) -> None:
    leaving = {"type": "event", "name": name}
    assert configured({"bot": [SORRY, leaving]}).activities("bot")[1].name == name
    assert problem({"bot": [leaving, SORRY]}) == f"bot: {name} must be the last activity"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "must be an object"),
        ({"bott": []}, "bott: is not known here"),
        ({"bot": SORRY}, "bot: must be a list"),
        ({"bot": [SORRY, "Sorry."]}, "bot.1: must be an object"),
        ({"bot": [SORRY] * 11}, "bot: must have at most 10 entries"),
        ({"tts": [SORRY, {"type": "message"}]}, "tts.1: a message needs a text"),
        ({"stt": [{"name": "playUrl"}]}, "stt.0: playUrl needs playUrlUrl in its activityParams"),
        (
            {"channel": [{"name": "config"}]},
            "channel.0: must be a message or the event playUrl, transfer, handover or hangup",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(value: Any, complaint: str) -> None:
    assert problem(value) == complaint
