"""The bot's voice: what is played, silenced and recorded as heard."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.outbox import Outbox
from calls.core.prompts import Action, Playing, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import STOP_TIMEOUT_S, Speaker
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import Timer, Timers
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

TEXT = "We are open from nine to five"
URL = "https://example.com/jingle.wav?key=secret"
HANG_UP = Action(activities.event("hangup"))
TURN = commands.RecordTurn(
    turn=1,
    kind="speech",
    caller_stopped_at=2.0,
    end_decided_at=2.1,
    final_text_at=2.2,
    sent_to_bot_at=2.2,
)


class Stage:
    """A speaker with its queue, its timers and what it emitted."""

    def __init__(self, *, audio: bool = True, **values: Any) -> None:
        self.queue = PromptQueue()
        self.timers = Timers()
        self.params = Scopes(configured(**values))
        self.out = Outbox()
        self.stopwatch = Stopwatch(self.out)
        self.speaker = Speaker(
            self.queue,
            self.out,
            params=self.params,
            timers=self.timers,
            stopwatch=self.stopwatch,
            audio=audio,
        )

    def play(self, prompt: Prompt | None = None, now: float = 1.0) -> list[Command]:
        self.speaker.play(prompt or says(TEXT), now)
        return self.out.take()

    def play_file(self, **params: Any) -> list[Command]:
        """The bot plays a file, with these parameters."""
        asked = activities.event("playUrl", activity_params=params)
        self.params.enter(asked)
        return self.play(Prompt(activity=asked))

    def started(self, utterance: int, now: float) -> list[Command]:
        self.speaker.started(events.PlaybackStarted(utterance), now)
        return self.out.take()

    def done(
        self, utterance: int, *, heard_ms: float = 2900, interrupted: bool = False, now: float = 9.0
    ) -> tuple[Playing | None, list[Command]]:
        report = events.PlaybackDone(
            utterance=utterance, heard_ms=heard_ms, total_ms=2900, interrupted=interrupted
        )
        return self.speaker.done(report, now), self.out.take()

    def prepare(self, prompt: Prompt) -> list[Command]:
        self.speaker.prepare(prompt)
        return self.out.take()


def says(text: str, **fields: Any) -> Prompt:
    """A message of the bot."""
    return Prompt(text=text, activity=activities.message(text, **fields))


def heard(
    text: str, *, at: float = 9.0, full_text: str = "", delay_ms: int | None = None
) -> commands.RecordLine:
    return commands.RecordLine(
        at=at, side="bot", kind="speech", text=text, full_text=full_text, delay_ms=delay_ms
    )


# --- texts ----------------------------------------------------------------------------------------


def test_a_message_is_spoken_as_the_parameters_in_force_say() -> None:
    stage = Stage(language="de-DE", voiceName="anna", bargeIn=True)

    assert stage.play() == [
        commands.Play(
            utterance=1,
            text=TEXT,
            language="de-DE",
            voice="anna",
            interruptible=True,
            activity=activities.message(TEXT),
        )
    ]


def test_a_language_of_its_own_and_a_forbidden_cache_count() -> None:
    (play,) = Stage(language="de-DE", ttsLanguage="fr-FR", disableTtsCache=True).play()

    assert isinstance(play, commands.Play)
    assert (play.language, play.cache, play.interruptible) == ("fr-FR", False, False)


@pytest.mark.parametrize("text", ["", "  ", "<speak><break/></speak>"])
def test_a_message_without_words_plays_nothing(text: str) -> None:
    stage = Stage()

    assert stage.play(says(text)) == []
    assert stage.queue.idle
    assert stage.timers.deadline is None


def test_a_prompt_that_is_configured_for_a_failure_is_not_interrupted() -> None:
    stage = Stage(bargeIn=True)
    failover = Prompt(text="Sorry.", activity=activities.message("Sorry."), configured=True)
    (play,) = stage.play(failover)

    assert isinstance(play, commands.Play)
    assert not play.interruptible


# --- files ----------------------------------------------------------------------------------------


def test_a_file_is_played_as_its_parameters_say() -> None:
    stage = Stage()
    params = {
        "playUrlUrl": URL,
        "playUrlMediaFormat": "raw/lpcm16",
        "playUrlCaching": True,
        "playUrlAltText": "Our jingle.",
    }

    assert stage.play_file(**params) == [
        commands.PlayUrl(
            utterance=1,
            url=URL,
            media_format="raw/lpcm16",
            cache=True,
            text="Our jingle.",
            interruptible=False,
            activity=activities.event("playUrl", activity_params=params),
        )
    ]
    assert stage.queue.playing is not None
    assert stage.queue.playing.file is not None
    assert stage.queue.playing.file.failure_handling == "disconnect"


def test_a_file_of_the_bot_is_not_kept_unasked_but_one_of_ours_is() -> None:
    (by_bot,) = Stage().play_file(playUrlUrl=URL)
    (ours,) = Stage(playUrlAltText="not of this file").play(Prompt(url=URL))

    assert isinstance(by_bot, commands.PlayUrl)
    assert isinstance(ours, commands.PlayUrl)
    assert (by_bot.cache, ours.cache) == (False, True)
    assert by_bot.text == ours.text == "(audio jingle.wav)"


def test_a_file_that_a_client_sent_is_kept_no_more_than_one_of_the_bot() -> None:
    stage = Stage(playUrlUrl=URL)
    (sent,) = stage.play(Prompt(activity=activities.event("playUrl"), act=1))

    assert isinstance(sent, commands.PlayUrl)
    assert not sent.cache
    assert stage.queue.playing is not None
    assert (stage.queue.playing.act, stage.queue.playing.by_bot) == (1, False)


def test_an_audio_activity_without_a_file_is_noted() -> None:
    stage = Stage()
    (note,) = stage.play_file()

    assert isinstance(note, commands.RecordLine)
    assert note.text == "The bot asked for playUrl without playUrlUrl; ignored"
    assert stage.queue.idle


# --- silence --------------------------------------------------------------------------------------


def test_the_caller_stops_an_interruptible_prompt_and_drops_those_behind_it() -> None:
    stage = Stage(bargeIn=True)
    stage.play()
    stage.queue.add(says("Goodbye."))
    stage.queue.add(HANG_UP)
    stage.speaker.interrupt(2.0)

    assert stage.out.take() == [commands.StopPlayback(1)]
    assert stage.timers.deadline == 2.0 + STOP_TIMEOUT_S
    stage.done(1, interrupted=True)
    assert not stage.timers.running(Timer.STOPPING)
    assert stage.queue.next() is HANG_UP
    assert stage.queue.idle


def test_a_prompt_is_stopped_once_and_awaited_from_the_first_time() -> None:
    stage = Stage(bargeIn=True)
    stage.play()
    stage.speaker.silence(2.0)
    stage.out.take()
    stage.speaker.interrupt(2.5)
    stage.speaker.silence(2.6)

    assert stage.out.take() == []
    assert stage.timers.deadline == 2.0 + STOP_TIMEOUT_S


def test_the_caller_does_not_stop_an_uninterruptible_prompt_but_we_do() -> None:
    stage = Stage()
    stage.play()
    stage.queue.add(says("Goodbye."))
    stage.speaker.interrupt(2.0)
    assert stage.out.take() == []
    waiting_before = stage.queue.prompts_wait
    stage.speaker.silence(2.0)

    assert stage.out.take() == [commands.StopPlayback(1)]
    assert (waiting_before, stage.queue.prompts_wait) == (True, False)


def test_with_no_prompt_there_is_nothing_to_interrupt_or_to_wait_for() -> None:
    stage = Stage(bargeIn=True)
    stage.queue.add(says("Goodbye."))
    stage.speaker.interrupt(2.0)
    assert stage.queue.prompts_wait

    stage.speaker.silence(2.0)
    assert stage.queue.idle
    assert (stage.out.take(), stage.timers.deadline) == ([], None)


def test_stopping_one_prompt_leaves_those_that_wait() -> None:
    stage = Stage()
    stage.play()
    stage.queue.add(says("Goodbye."))
    stage.speaker.stop(2.0)

    assert stage.out.take() == [commands.StopPlayback(1)]
    assert stage.queue.prompts_wait


# --- what is heard --------------------------------------------------------------------------------


def test_a_prompt_is_shown_while_it_is_heard_and_then_recorded() -> None:
    stage = Stage()
    stage.play(says("<speak>We are <emphasis>open</emphasis></speak>"))

    assert stage.started(1, 3.0) == [commands.ShowInterim("bot", "We are open")]
    assert stage.started(1, 4.0) == []
    playing, told = stage.done(1)
    assert playing is not None
    assert told == [commands.ShowInterim("bot", ""), heard("We are open", at=3.0)]
    assert stage.queue.playing is None


def test_a_prompt_that_was_cut_off_is_recorded_as_far_as_it_was_heard() -> None:
    stage = Stage()
    stage.play()
    stage.started(1, 3.0)

    assert stage.done(1, heard_ms=1100, interrupted=True)[1] == [
        commands.ShowInterim("bot", ""),
        heard("We are open", at=3.0, full_text=TEXT),
    ]


@pytest.mark.parametrize(("heard_ms", "lines"), [(0, []), (2900, [heard(TEXT)])])
def test_all_or_nothing_of_a_stopped_prompt_may_have_been_heard(
    heard_ms: float, lines: list[Command]
) -> None:
    stage = Stage()
    stage.play()

    assert stage.done(1, heard_ms=heard_ms, interrupted=True)[1] == lines


@pytest.mark.parametrize(("heard_ms", "lines"), [(0, []), (100, [heard("(audio jingle.wav)")])])
def test_a_file_that_was_begun_counts_as_heard(heard_ms: float, lines: list[Command]) -> None:
    stage = Stage()
    stage.play_file(playUrlUrl=URL)

    assert stage.done(1, heard_ms=heard_ms, interrupted=True)[1] == lines


@pytest.mark.parametrize("utterance", [0, 1, 3])
def test_reports_about_another_prompt_change_nothing(utterance: int) -> None:
    stage = Stage()
    stage.play(says("First"))
    stage.done(1)
    stage.play(says("Second"))
    due = stage.timers.deadline
    stage.speaker.ready(events.AudioReady(utterance), 2.0)
    stage.speaker.ending(events.PlaybackEnding(utterance), 2.0)

    assert stage.started(utterance, 3.0) == []
    assert stage.done(utterance) == (None, [])
    assert stage.queue.playing is not None
    assert not stage.queue.playing.ending
    assert stage.timers.deadline == due


@pytest.mark.parametrize("stopped", [True, False])
def test_only_a_prompt_that_goes_on_is_about_to_end(*, stopped: bool) -> None:
    stage = Stage()
    stage.play()
    if stopped:
        stage.speaker.stop(2.0)
    stage.speaker.ending(events.PlaybackEnding(1), 2.0)

    assert stage.queue.playing is not None
    assert stage.queue.playing.ending is not stopped


# --- times ----------------------------------------------------------------------------------------


def test_the_first_audio_is_awaited_until_it_is_there() -> None:
    stage = Stage(ttsResponseTimeoutMS=3000)
    stage.play(now=1.0)
    assert stage.timers.deadline == 4.0

    stage.speaker.ready(events.AudioReady(1), 2.0)
    assert stage.timers.deadline is None


def test_a_prompt_that_is_heard_or_over_needs_no_first_audio() -> None:
    audible, over = Stage(), Stage()
    audible.play()
    audible.started(1, 2.0)
    over.play()
    over.done(1)

    assert not audible.timers.running(Timer.FIRST_AUDIO)
    assert not over.timers.running(Timer.FIRST_AUDIO)


def test_a_text_session_awaits_no_audio() -> None:
    stage = Stage(audio=False)
    stage.play()

    assert stage.timers.deadline is None


def test_the_delay_and_the_times_of_the_turn_are_those_of_the_bots_answer() -> None:
    stage = Stage()
    stage.stopwatch.begin(TURN)
    stage.play(Prompt(text="One moment."))  # a reminder of ours is no answer
    stage.speaker.ready(events.AudioReady(1), 2.3)
    stage.started(1, 2.4)
    assert stage.done(1, now=2.8)[1][-1] == heard("One moment.", at=2.4)

    stage.stopwatch.bot_answered(2.5)
    stage.play()
    stage.speaker.ready(events.AudioReady(2), 3.0)
    stage.started(2, 3.25)
    assert stage.done(2, now=6.0)[1][-1] == heard(TEXT, at=3.25, delay_ms=1250)

    stage.stopwatch.close()
    (turn,) = stage.out.take()
    assert isinstance(turn, commands.RecordTurn)
    assert (turn.audio_ready_at, turn.audio_sent_at, turn.playback_ended_at) == (3.0, 3.25, 6.0)


# --- making ready ---------------------------------------------------------------------------------


def test_a_text_is_prepared_only_while_it_waits_behind_a_prompt_that_goes_on() -> None:
    stage = Stage(voiceName="anna")
    assert stage.prepare(says("Next.")) == []

    stage.play()
    made_ready = commands.Prepare(text="Next.", language="en-US", voice="anna")
    assert stage.prepare(says("Next.")) == [made_ready]
    assert stage.prepare(Prompt(text="Next.")) == [made_ready]
    assert stage.prepare(Prompt(url=URL)) == []

    stage.speaker.silence(2.0)
    stage.out.take()
    assert stage.prepare(says("Next.")) == [], "what waits behind a stopped prompt was purged"


@pytest.mark.parametrize(
    "waits",
    [
        says("Next.", activity_params={"voiceName": "bob"}),
        says("Next."),
    ],
    ids=["its own voice", "a voice that is set before"],
)
def test_a_text_that_will_be_spoken_in_another_way_is_not_prepared(waits: Prompt) -> None:
    stage = Stage()
    stage.play()
    if waits.activity == activities.message("Next."):
        changed: Activity = activities.event("config", session_params={"voiceName": "bob"})
        stage.queue.add(Action(changed))

    assert stage.prepare(waits) == []


def test_a_text_session_prepares_nothing() -> None:
    stage = Stage(audio=False)
    stage.play()

    assert stage.prepare(says("Next.")) == []


# --- the bot's own voice --------------------------------------------------------------------------


def stream(text: str = "", number: int = 7) -> Prompt:
    """A play stream of the bot."""
    return Prompt(text=text, stream=number, activity=activities.message(text))


def test_a_stream_is_played_whether_its_words_are_known_or_not() -> None:
    stage = Stage(bargeIn=True, ttsResponseTimeoutMS=4000)

    assert stage.play(stream(TEXT)) == [
        commands.PlayStream(utterance=1, stream=7, text=TEXT, interruptible=True)
    ]
    assert stage.timers.deadline == 5.0
    stage.done(1)
    (play,) = stage.play(stream(number=8))
    assert isinstance(play, commands.PlayStream)
    assert (play.utterance, play.text) == (2, "")


def test_words_that_become_known_are_shown_while_they_are_heard() -> None:
    stage = Stage()
    stage.play(stream("We"))
    stage.speaker.text_known(events.StreamTextKnown(7, "We are"), 1.1)
    assert stage.out.take() == [], "nothing of it is heard yet"
    stage.started(1, 1.2)
    stage.speaker.text_known(events.StreamTextKnown(8, "Another"), 1.3)
    assert stage.out.take() == []
    stage.speaker.text_known(events.StreamTextKnown(7, "<speak>We are open</speak>"), 1.4)
    assert stage.out.take() == [commands.ShowInterim("bot", "We are open")]


@pytest.mark.parametrize(
    ("text", "report", "line"),
    [
        (TEXT, {"heard_ms": 2900, "total_ms": 2900}, (TEXT, "")),
        (TEXT, {"heard_ms": 900, "total_ms": 0, "interrupted": True}, ("We are open", TEXT)),
        (TEXT, {"heard_ms": 100, "total_ms": 0, "interrupted": True}, None),
        (TEXT, {"heard_ms": 0, "total_ms": 0, "interrupted": True}, None),
        (TEXT, {"heard_ms": 0, "total_ms": 0}, None),
        ("", {"heard_ms": 2900, "total_ms": 2900}, ("(audio)", "")),
        (" ", {"heard_ms": 20, "total_ms": 0, "interrupted": True}, ("(audio)", "")),
        ("", {"heard_ms": 0, "total_ms": 0, "interrupted": True}, None),
        ("", {"heard_ms": 0, "total_ms": 0}, None),
    ],
)
def test_of_a_stream_is_recorded_what_was_heard(
    text: str, report: dict[str, Any], line: tuple[str, str] | None
) -> None:
    stage = Stage()
    stage.play(stream(text))
    stage.speaker.done(events.PlaybackDone(utterance=1, **report), 9.0)

    lines = [each for each in stage.out.take() if isinstance(each, commands.RecordLine)]
    assert [(each.text, each.full_text) for each in lines] == ([line] if line else [])
