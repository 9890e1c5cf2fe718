"""Digits on their way to the bot: one by one, or collected."""

from typing import Any

import pytest

from bots.core import activities
from calls.core.keypad import MAX_WAITING, Keypad
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure


class Stage:
    """A keypad and what it delivered: digits, when the last was pressed, when they went."""

    def __init__(self, **values: Any) -> None:
        self.timers = Timers()
        self.delivered: list[tuple[str, float, float]] = []
        self.keypad = Keypad(Scopes(configured(**values)), self.timers, self._deliver)

    def _deliver(self, digits: str, pressed_at: float, now: float) -> None:
        self.delivered.append((digits, pressed_at, now))

    def press(self, digits: str, now: float) -> None:
        for digit in digits:
            self.keypad.press(digit, now)


def test_a_digit_waits_for_the_acknowledgement_of_the_one_before() -> None:
    stage = Stage(dtmfAcknowledgeTimeoutMS=1500)
    stage.press("4", 1.0)
    assert stage.timers.deadline == 2.5
    stage.press("2", 1.2)
    stage.press("7", 1.3)
    stage.keypad.acknowledged(1.8)
    stage.keypad.acknowledged(2.0)

    assert stage.delivered == [("4", 1.0, 1.0), ("2", 1.2, 1.8), ("7", 1.3, 2.0)]
    assert stage.timers.deadline == 3.5, "the last one is not acknowledged yet"


def test_an_acknowledged_digit_delays_the_next_one_no_more() -> None:
    stage = Stage()
    stage.press("4", 1.0)
    stage.keypad.acknowledged(1.1)
    assert not stage.timers.running(Timer.ACKNOWLEDGEMENT)
    stage.press("2", 1.2)

    assert stage.delivered == [("4", 1.0, 1.0), ("2", 1.2, 1.2)]


def test_nobody_types_ahead_without_end() -> None:
    stage = Stage()
    stage.press("1" * (MAX_WAITING + 5), 1.0)
    for _ in range(MAX_WAITING + 5):
        stage.keypad.acknowledged(2.0)

    assert len(stage.delivered) == 1 + MAX_WAITING


def test_digits_are_collected_until_there_are_enough() -> None:
    stage = Stage(dtmfCollect=True, dtmfCollectMaxDigits=3)
    stage.press("12", 1.0)
    collecting = [stage.keypad.collecting]
    stage.press("3", 1.5)
    collecting.append(stage.keypad.collecting)

    assert stage.delivered == [("123", 1.5, 1.5)]
    assert collecting == [True, False]
    assert stage.timers.deadline is None, "neither a digit nor an acknowledgement is awaited"


def test_a_pause_after_the_last_digit_ends_the_collection() -> None:
    stage = Stage(dtmfCollect=True, dtmfCollectInterDigitTimeoutMS=1500)
    stage.press("1", 1.0)
    stage.press("2", 2.0)
    assert stage.timers.deadline == 3.5
    stage.keypad.flush(3.5)

    assert stage.delivered == [("12", 2.0, 3.5)]


def test_the_submit_digit_sends_the_others_without_itself() -> None:
    stage = Stage(dtmfCollect=True, dtmfCollectSubmitDigit="*")
    stage.press("1#*", 1.0)

    assert stage.delivered == [("1#", 1.0, 1.0)]


@pytest.mark.parametrize("submit", ["#", ""])
def test_without_a_submit_digit_every_key_is_collected(submit: str) -> None:
    stage = Stage(dtmfCollect=True, dtmfCollectSubmitDigit=submit)
    stage.press("#", 1.0)

    assert stage.delivered == []
    assert stage.keypad.collecting is (submit == "")


def test_a_digit_pressed_after_collecting_was_switched_off_follows_what_was_collected() -> None:
    params = Scopes(configured(dtmfCollect=True))
    delivered: list[str] = []
    keypad = Keypad(params, Timers(), lambda digits, _pressed_at, _now: delivered.append(digits))
    keypad.press("1", 1.0)
    keypad.press("2", 1.2)
    params.enter(activities.event("config", session_params={"dtmfCollect": False}))
    keypad.press("3", 1.4)

    assert delivered == ["12", "3"]
