"""The bot's voice: what is played, silenced and recorded as heard."""

import pytest

from bots.core import activities
from calls.core import commands, events
from calls.core.outbox import Outbox
from calls.core.prompts import Action, Prompt, PromptQueue
from calls.core.speaker import Speaker

pytestmark = pytest.mark.pure

TEXT = "We are open from nine to five"
HANG_UP = Action(activities.event("hangup"))


class Stage:
    """A speaker with its queue and what it emitted."""

    def __init__(self) -> None:
        self.queue = PromptQueue()
        self.out = Outbox()
        self.speaker = Speaker(self.queue, self.out)

    def play(self, text: str = TEXT, *, interruptible: bool = True) -> list[commands.Command]:
        self.speaker.play(
            text, language="en-US", voice="slt", interruptible=interruptible, activity=None
        )
        return self.out.take()

    def started(self, utterance: int, now: float) -> list[commands.Command]:
        self.speaker.started(events.PlaybackStarted(utterance), now)
        return self.out.take()

    def done(
        self, utterance: int, *, heard_ms: float = 2900, interrupted: bool = False, now: float = 9.0
    ) -> tuple[bool, list[commands.Command]]:
        report = events.PlaybackDone(
            utterance=utterance, heard_ms=heard_ms, total_ms=2900, interrupted=interrupted
        )
        return self.speaker.done(report, now), self.out.take()

    def interrupt(self) -> list[commands.Command]:
        self.speaker.interrupt()
        return self.out.take()

    def silence(self) -> list[commands.Command]:
        self.speaker.silence()
        return self.out.take()


def heard(
    text: str, *, at: float = 9.0, full_text: str = "", delay_ms: int | None = None
) -> commands.RecordLine:
    return commands.RecordLine(
        at=at, side="bot", kind="speech", text=text, full_text=full_text, delay_ms=delay_ms
    )


def test_a_prompt_is_played_with_everything_the_driver_needs() -> None:
    stage = Stage()
    message = activities.message(TEXT)
    stage.speaker.play(TEXT, language="de-DE", voice="", interruptible=False, activity=message)

    assert stage.out.take() == [
        commands.Play(
            utterance=1,
            text=TEXT,
            language="de-DE",
            voice="",
            interruptible=False,
            activity=message,
        )
    ]


def test_the_caller_stops_an_interruptible_prompt_and_drops_those_behind_it() -> None:
    stage = Stage()
    stage.play()
    stage.queue.add(Prompt("Goodbye."))
    stage.queue.add(HANG_UP)

    assert stage.interrupt() == [commands.StopPlayback(1)]
    stage.done(1, interrupted=True)
    assert stage.queue.next() is HANG_UP
    assert stage.queue.idle


def test_a_prompt_is_stopped_once() -> None:
    stage = Stage()
    stage.play()
    stage.interrupt()

    assert stage.interrupt() == []
    assert stage.silence() == []


def test_the_caller_does_not_stop_an_uninterruptible_prompt() -> None:
    stage = Stage()
    stage.play(interruptible=False)
    stage.queue.add(Prompt("Goodbye."))

    assert stage.interrupt() == []
    stage.done(1)
    assert stage.queue.next() == Prompt("Goodbye.")


def test_with_no_prompt_there_is_nothing_to_interrupt() -> None:
    stage = Stage()
    stage.queue.add(Prompt("Goodbye."))

    assert stage.interrupt() == []
    assert stage.queue.next() == Prompt("Goodbye.")


def test_silence_stops_even_an_uninterruptible_prompt() -> None:
    stage = Stage()
    stage.play(interruptible=False)

    assert stage.silence() == [commands.StopPlayback(1)]


def test_silence_without_a_prompt_drops_those_that_wait() -> None:
    stage = Stage()
    stage.queue.add(Prompt("Goodbye."))

    assert stage.silence() == []
    assert stage.queue.idle


def test_a_prompt_is_shown_while_it_is_heard_and_then_recorded() -> None:
    stage = Stage()
    stage.play("<speak>We are <emphasis>open</emphasis></speak>")

    assert stage.started(1, 3.0) == [commands.ShowInterim("bot", "We are open")]
    assert stage.done(1) == (True, [commands.ShowInterim("bot", ""), heard("We are open", at=3.0)])
    assert stage.queue.playing is None


def test_a_prompt_that_was_cut_off_is_recorded_as_far_as_it_was_heard() -> None:
    stage = Stage()
    stage.play()
    stage.started(1, 3.0)

    assert stage.done(1, heard_ms=1100, interrupted=True) == (
        True,
        [commands.ShowInterim("bot", ""), heard("We are open", at=3.0, full_text=TEXT)],
    )


def test_a_prompt_of_which_nothing_was_heard_is_not_recorded() -> None:
    stage = Stage()
    stage.play()

    assert stage.done(1, heard_ms=0, interrupted=True) == (True, [])


def test_a_prompt_that_was_stopped_after_its_end_counts_as_heard_whole() -> None:
    stage = Stage()
    stage.play()

    assert stage.done(1, heard_ms=2900, interrupted=True) == (True, [heard(TEXT)])


@pytest.mark.parametrize("utterance", [0, 1, 3])
def test_reports_about_another_prompt_change_nothing(utterance: int) -> None:
    stage = Stage()
    stage.play("First")
    stage.done(1)
    stage.play("Second")

    assert stage.started(utterance, 3.0) == []
    assert stage.done(utterance) == (False, [])
    assert stage.queue.current(2) is not None


def test_the_delay_runs_from_the_end_of_the_callers_turn_to_the_first_sample() -> None:
    stage = Stage()
    stage.speaker.turn_ended_at = 2.0
    stage.play()
    stage.started(1, 2.75)

    assert stage.done(1)[1][-1] == heard(TEXT, at=2.75, delay_ms=750)


def test_only_the_first_prompt_after_a_turn_has_a_delay() -> None:
    stage = Stage()
    stage.speaker.turn_ended_at = 2.0
    for utterance in (1, 2):
        stage.play()
        stage.started(utterance, 2.75)
        line = stage.done(utterance)[1][-1]

    assert line == heard(TEXT, at=2.75)


def test_a_prompt_that_is_started_again_keeps_its_first_delay() -> None:
    stage = Stage()
    stage.speaker.turn_ended_at = 2.0
    stage.play()
    stage.started(1, 2.75)
    stage.speaker.turn_ended_at = 3.0

    assert stage.started(1, 8.0) == []
    assert stage.done(1)[1][-1] == heard(TEXT, at=2.75, delay_ms=750)
    assert stage.speaker.turn_ended_at == 3.0


def test_a_delay_is_never_negative() -> None:
    stage = Stage()
    stage.speaker.turn_ended_at = 5.0
    stage.play()
    stage.started(1, 4.9)

    assert stage.done(1)[1][-1] == heard(TEXT, at=4.9, delay_ms=0)


def test_a_text_is_prepared_only_while_it_waits_behind_a_prompt_that_goes_on() -> None:
    stage = Stage()

    def prepare() -> list[commands.Command]:
        stage.speaker.prepare("Next.", language="en-US", voice="slt")
        return stage.out.take()

    assert prepare() == []
    stage.play()
    assert prepare() == [commands.Prepare(text="Next.", language="en-US", voice="slt")]
    stage.silence()
    assert prepare() == [], "what waits behind a stopped prompt was purged"
