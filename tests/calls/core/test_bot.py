"""What the bot is told, what it owes, and how long it may take."""

from typing import Any

import pytest

from bots.core import activities
from calls.core import commands
from calls.core.bot import BotSide
from calls.core.floor import Floor
from calls.core.outbox import Outbox
from calls.core.prompts import Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import Timer, Timers
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

MESSAGE = activities.message("my balance")
SPEECH = commands.RecordTurn(
    turn=1,
    kind="speech",
    caller_stopped_at=2.0,
    end_decided_at=2.1,
    final_text_at=2.2,
    sent_to_bot_at=2.2,
)


class Stage:
    """A bot that has joined, with its timers, and what it was told."""

    def __init__(self, *, audio: bool = True, **values: Any) -> None:
        self.out = Outbox()
        self.timers = Timers()
        self.floor = Floor()
        self.queue = PromptQueue()
        self.stopwatch = Stopwatch(self.out)
        usual = {"botNoInputGiveUpTimeoutMS": 0, "resumeRecognitionTimeoutMS": 60_000}
        self.bot = BotSide(
            params=Scopes(configured(**usual | values)),
            out=self.out,
            timers=self.timers,
            floor=self.floor,
            queue=self.queue,
            stopwatch=self.stopwatch,
            audio=audio,
        )
        self.bot.present = True

    def settle(self, now: float, *, talking: bool = True, connected: bool = True) -> float | None:
        """What is waited for after an event."""
        self.bot.settle(now, talking=talking, connected=connected)
        return self.timers.deadline

    def expire(self, timer: Timer, now: float) -> None:
        assert self.timers.expire(now) is timer


# --- what it is told ------------------------------------------------------------------------------


def test_only_a_bot_that_is_there_is_told_anything() -> None:
    stage = Stage()
    stage.bot.tell(MESSAGE)
    stage.bot.present = False
    stage.bot.tell(MESSAGE)

    assert stage.out.take() == [commands.SendToBot(MESSAGE)]


def test_a_turn_is_told_counted_and_timed() -> None:
    stage = Stage()
    stage.bot.take_turn(MESSAGE, SPEECH)
    stage.stopwatch.close()

    assert stage.out.take() == [commands.SendToBot(MESSAGE), SPEECH]
    assert stage.bot.turns == 1
    assert (stage.floor.bot_owes_answer, stage.floor.typing) == (True, False)


def test_a_turn_in_digits_may_be_followed_by_more_of_them() -> None:
    stage = Stage()
    digits = commands.RecordTurn(
        turn=1,
        kind="dtmf",
        caller_stopped_at=2.0,
        end_decided_at=2.0,
        final_text_at=2.0,
        sent_to_bot_at=2.0,
    )
    stage.bot.take_turn(MESSAGE, digits)

    assert stage.floor.typing


def test_only_the_confirmation_of_the_last_turn_frees_the_next_digit() -> None:
    stage = Stage()
    stage.bot.tell(activities.event("start"))
    stage.bot.take_turn(MESSAGE, SPEECH)
    stage.bot.tell(activities.event("playFinished"))

    assert [stage.bot.acknowledged() for _ in range(4)] == [False, True, False, False]


# --- what it owes ---------------------------------------------------------------------------------


def test_a_bot_that_owes_nothing_is_not_waited_for() -> None:
    stage = Stage(botNoInputTimeoutMS=3000)
    assert stage.settle(1.0) is None

    stage.bot.asked()
    stage.settle(1.0)
    stage.bot.answered(2.0)

    assert stage.settle(2.0) is None
    assert not stage.floor.bot_owes_answer


def test_nobody_waits_for_the_bot_outside_of_the_conversation() -> None:
    stage = Stage(botNoInputTimeoutMS=3000)
    stage.bot.asked()
    stage.settle(1.0)

    assert stage.settle(2.0, talking=False) is None


def test_the_bots_timers_wait_for_the_prompts_but_the_total_runs_on() -> None:
    stage = Stage(botNoInputTimeoutMS=3000, botNoInputGiveUpTimeoutMS=20_000)
    stage.bot.asked()
    assert stage.settle(1.0) == 4.0

    stage.queue.play("One moment.", interruptible=False, by_bot=False)
    assert stage.settle(4.0) == 21.0

    stage.queue.done()
    assert stage.settle(6.0) == 9.0


def test_a_question_that_is_repeated_extends_no_wait_but_opens_the_ear_later() -> None:
    stage = Stage(botNoInputGiveUpTimeoutMS=20_000, resumeRecognitionTimeoutMS=5000)
    stage.bot.asked()
    assert stage.settle(1.0) == 6.0
    stage.bot.asked()
    stage.settle(3.0)

    assert [stage.timers.running(timer) for timer in (Timer.BOT_GIVE_UP, Timer.RESUME)] == [
        True
    ] * 2
    assert stage.timers.expire(8.0) is Timer.RESUME
    assert stage.timers.deadline == 21.0


def test_each_further_digit_begins_the_wait_anew() -> None:
    stage = Stage(botNoInputGiveUpTimeoutMS=20_000)
    stage.bot.asked(typing=True)
    stage.settle(1.0)
    stage.bot.asked(typing=True)

    assert stage.settle(4.0) == 24.0


def test_a_text_session_runs_the_timers_of_the_prompts_itself() -> None:
    stage = Stage(audio=False, botNoInputTimeoutMS=3000, botNoInputGiveUpTimeoutMS=20_000)
    stage.bot.asked()

    assert stage.settle(1.0) == 21.0


# --- a bot that is late ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reminder"),
    [
        ({"botNoInputSpeech": "One moment."}, Prompt(text="One moment.")),
        ({"botNoInputUrl": "https://a.example/m.wav"}, Prompt(url="https://a.example/m.wav")),
        (
            {"botNoInputSpeech": "One moment.", "botNoInputUrl": "https://a.example/m.wav"},
            Prompt(text="One moment."),
        ),
        ({}, None),
    ],
)
def test_a_late_bot_is_covered_by_what_is_configured(
    values: dict[str, Any], reminder: Prompt | None
) -> None:
    stage = Stage(**values)

    assert stage.bot.silent(connected=True) is None
    assert stage.queue.next() == reminder


def test_nobody_is_reminded_before_the_call_is_answered() -> None:
    stage = Stage(botNoInputSpeech="One moment.")
    stage.bot.silent(connected=False)

    assert stage.queue.idle


def test_when_the_retries_are_used_up_the_bot_is_given_up() -> None:
    stage = Stage(botNoInputRetries=1)
    answers = [stage.bot.silent(connected=True) for _ in range(3)]

    assert answers == [None, None, "The bot did not answer, 3 times"]


def test_with_a_total_the_bot_is_given_up_only_when_that_has_passed() -> None:
    stage = Stage(botNoInputSpeech="One moment.", botNoInputGiveUpTimeoutMS=20_000)
    for _ in range(3):
        assert stage.bot.silent(connected=True) is None

    assert stage.queue.next() == Prompt(text="One moment.")
    assert stage.queue.idle


def test_an_answer_between_two_silences_starts_the_count_anew() -> None:
    stage = Stage()
    stage.bot.silent(connected=True)
    stage.bot.answered(2.0)

    assert stage.bot.silent(connected=True) is None


# --- the caller who was ignored -------------------------------------------------------------------


def test_a_caller_who_was_ignored_may_speak_again_and_is_told_so_once() -> None:
    stage = Stage(resumeRecognitionTimeoutMS=5000, resumeRecognitionSpeech="Say it again.")
    stage.bot.asked()
    assert stage.settle(1.0) == 6.0
    stage.expire(Timer.RESUME, 6.0)
    stage.bot.resume()

    assert stage.floor.resumed
    assert stage.queue.next() == Prompt(text="Say it again.")
    assert stage.settle(6.0) is None


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"bargeIn": True}, {}),
        ({}, {"opening": True}),
    ],
    ids=["barge-in", "opening"],
)
def test_a_caller_who_is_heard_anyway_needs_no_second_chance(
    values: dict[str, Any], options: dict[str, bool]
) -> None:
    stage = Stage(**values)
    stage.bot.asked(**options)

    assert stage.settle(1.0) is None


def test_there_is_no_second_chance_without_a_caller() -> None:
    stage = Stage()
    stage.bot.asked()

    assert stage.settle(1.0, connected=False) is None


def test_a_turn_that_the_bot_knows_of_is_not_told_but_awaited() -> None:
    stage = Stage(botNoInputTimeoutMS=3000)
    stage.bot.tell(MESSAGE)
    stage.out.take()
    stage.bot.take_turn(None, SPEECH)

    assert stage.out.take() == []
    assert not stage.bot.acknowledged(), "it confirmed what it was told before"
    assert (stage.bot.turns, stage.floor.bot_owes_answer) == (1, True)
    assert stage.settle(2.2) == 5.2
