"""Commands of a page: each is answered, none for ever under way, and what they hold can be kept."""

import json
from typing import Any

import pytest

from bots.core.activities import Activity
from calls.core import errands, steering
from calls.core.errands import ANSWER_SECONDS, EFFECT_SECONDS, UNDER_WAY, Errands, cleaned
from calls.core.steering import Outcome, Steering

pytestmark = pytest.mark.pure

ACCEPTED = Outcome(status="accepted")
DONE = Outcome(status="done", detail="The caller heard it")


def read(frames: list[str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in frames]


def test_a_page_is_told_of_acceptance_and_effect_and_of_nothing_after_that() -> None:
    under_way = Errands()
    assert under_way.begin("token", "c1", 0.0)
    frames = under_way.outcome("token", ACCEPTED, 1.0) + under_way.outcome("token", DONE, 2.0)
    assert read(frames) == [
        {"t": "cmd", "id": "c1", "status": "accepted", "detail": ""},
        {"t": "cmd", "id": "c1", "status": "done", "detail": "The caller heard it"},
    ]
    assert under_way.outcome("token", DONE, 3.0) == []
    assert under_way.outcome("of another page", DONE, 3.0) == []


def test_a_process_that_does_not_answer_is_a_failure_in_time() -> None:
    under_way = Errands()
    under_way.begin("token", "c1", 0.0)
    assert under_way.overdue(ANSWER_SECONDS - 0.1) == []
    (frame,) = read(under_way.overdue(ANSWER_SECONDS))
    assert (frame["status"], frame["detail"]) == ("failed", errands.NO_ANSWER)
    assert under_way.overdue(ANSWER_SECONDS) == []
    assert under_way.outcome("token", DONE, ANSWER_SECONDS) == []


def test_an_accepted_command_has_more_time_for_its_effect() -> None:
    under_way = Errands()
    under_way.begin("token", "c1", 0.0)
    under_way.outcome("token", ACCEPTED, 1.0)
    assert under_way.overdue(EFFECT_SECONDS) == []
    (frame,) = read(under_way.overdue(EFFECT_SECONDS + 1.0))
    assert frame["detail"] == errands.NO_EFFECT


def test_only_so_many_commands_are_under_way_at_a_time() -> None:
    under_way = Errands()
    assert all(under_way.begin(f"token {number}", "c", 0.0) for number in range(UNDER_WAY))
    assert not under_way.begin("one more", "c", 0.0)
    under_way.outcome("token 0", DONE, 0.0)
    assert under_way.begin("one more", "c", 0.0)


def sent(**fields: Any) -> steering.Activities:
    return steering.Activities(activities=(Activity(type="message", **fields),))


def directs(**message: Any) -> steering.ControlAgent:
    return steering.ControlAgent(message=message)


@pytest.mark.parametrize(
    ("act", "kept"),
    [
        (steering.HangUp(), steering.HangUp()),
        (steering.Mute(on=True), steering.Mute(on=True)),
        (steering.Say(text=" One\x00. "), steering.Say(text="One.")),
        (steering.Message(text="my bill\ud800"), steering.Message(text="my bill?")),
        (steering.Transfer(target=" +4930 "), steering.Transfer(target="+4930")),
        (
            steering.SetParameter(name=" bargeIn ", value={"a": [1]}),
            steering.SetParameter(name="bargeIn", value={"a": [1]}),
        ),
        (sent(text=" One. "), sent(text=" One. ")),
        (directs(type="KeepAlive"), directs(type="KeepAlive")),
    ],
)
def test_texts_of_people_are_made_fit_to_keep(act: Steering, kept: Steering) -> None:
    assert cleaned(act) == kept


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (steering.Say(text="  \x00 "), "empty"),
        (steering.Message(text=""), "empty"),
        (steering.Transfer(target=""), "empty"),
        (steering.SetParameter(name="", value=1), "empty"),
        (steering.Say(text="a" * 2_001), "longer than 2000 characters"),
        (steering.Transfer(target="1" * 201), "longer than 200 characters"),
        (steering.SetParameter(name="voiceName", value="a\x00b"), "cannot be kept"),
        (steering.SetParameter(name="voiceName", value="a\ud800"), "cannot be kept"),
        (sent(text="a\x00b"), "cannot be kept"),
        (sent(text="a\ud800"), "cannot be kept"),
        (sent(activity_params={"\x00": 1}), "cannot be kept"),
        (sent(text="a" * 65_536), "larger than 65536 bytes"),
        (directs(), "needs a type"),
        (directs(type=7), "needs a type"),
        (directs(type="UpdatePrompt", prompt="a\x00b"), "cannot be kept"),
        (directs(type="UpdatePrompt", prompt="a" * 65_536), "larger than 65536 bytes"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused_in_words(act: Steering, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        cleaned(act)
