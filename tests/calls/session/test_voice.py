"""The bot's voice: prompts made ready, played, stopped, and what is left of them afterwards."""

import asyncio
from pathlib import Path

import pytest

from bots.core.activities import event
from bots.core.catalogue import of
from bots.core.errors import Fault
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer, resolve
from calls.core.events import (
    AudioReady,
    PlaybackDone,
    PlaybackStarted,
    PlayUrlFailed,
    ServiceFailed,
)
from calls.session.voice import MAX_AHEAD
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg
from tests.calls.session.stage import WHOLE, Library, Stage, Studio, TextLeg, cached, turns


def test_a_prompt_is_spoken_to_its_end() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.play(1, "Hello.")
        done = await stage.until(PlaybackDone, 1)
        assert (done.interrupted, done.heard_ms, done.total_ms) == (False, 500, 500)
        assert [type(report) for report in stage.reports] == WHOLE
        assert stage.leg.told == [("start", "Hello."), ("stop", "whole")]

    leap(scenario())


def test_a_voice_side_that_speaks_itself_is_handed_the_prompt() -> None:
    async def scenario() -> None:
        stage = Stage(Studio(), Leg(audio=False))
        stage.prepare("Hello.")
        stage.play(1, "Hello.")
        assert stage.leg.told == [("send", "Hello.")]
        assert [type(report) for report in stage.reports] == [PlaybackStarted, PlaybackDone]
        assert not stage.tasks

    leap(scenario())


def test_a_prepared_prompt_is_synthesised_once() -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio)
        stage.play(1, "One.")
        stage.prepare("Two.")
        stage.prepare("Two.")
        await stage.until(PlaybackDone, 1)
        stage.play(2, "Two.")
        await stage.until(PlaybackDone, 2)
        assert sorted(studio.asked) == ["One.", "Two."]

    leap(scenario())


def test_no_more_prompts_are_prepared_than_are_likely_to_be_heard() -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio)
        for number in range(MAX_AHEAD + 3):
            stage.prepare(f"Prompt {number}")
        await turns()
        assert len(studio.asked) == MAX_AHEAD

    leap(scenario())


def test_a_prepared_prompt_that_fails_fails_when_it_is_played() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.prepare("!fail")
        await turns()
        assert stage.reports == []
        stage.play(1, "!fail")
        failed = await stage.until(ServiceFailed, 1)
        assert (failed.service, failed.fault) == ("tts", Fault.SERVER)

    leap(scenario())


@pytest.mark.parametrize("heard", [False, True])
def test_a_prompt_that_is_stopped_leaves_no_synthesis_behind(*, heard: bool) -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio)
        stage.prepare("A !slow prompt")
        stage.prepare("Another !slow prompt")
        await turns()
        assert studio.open == 2
        stage.play(1, "A !slow prompt")
        if heard:
            await stage.until(PlaybackStarted, 1)
        stage.voice.stop()
        assert isinstance(stage.reports[-1], PlaybackDone)
        await turns()
        assert studio.open == 0
        assert not stage.tasks

    leap(scenario())


def test_a_prompt_that_fails_at_its_close_does_not_silence_the_next() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.play(1, "A !slow !cling")
        await stage.until(PlaybackStarted, 1)
        stage.voice.stop()
        stage.play(2, "Next.")
        done = await stage.until(PlaybackDone, 2)
        assert not done.interrupted
        assert stage.leg.told == [
            ("start", "A !slow !cling"),
            ("stop", "cut"),
            ("start", "Next."),
            ("stop", "whole"),
        ]

    leap(scenario())


def test_a_held_prompt_goes_on_at_the_next_connection() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.play(1, "Hello.")
        await stage.until(PlaybackStarted, 1)
        stage.voice.detach()
        again = Leg(audio=True)
        stage.voice.attach(again)
        await stage.until(PlaybackDone, 1)
        assert again.told == [("start", "Hello."), ("stop", "whole")]

    leap(scenario())


def test_without_a_prompt_there_is_nothing_to_stop_hold_or_go_on_with() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.voice.stop()
        stage.voice.detach()
        stage.voice.attach(stage.leg)
        assert stage.reports == stage.leg.told == []

    leap(scenario())


def test_a_prompt_that_begins_without_a_connection_waits_for_the_next() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.voice.detach()
        stage.play(1, "Hello.")
        await asyncio.sleep(5)
        assert [type(report) for report in stage.reports] == [AudioReady]
        stage.leg = Leg(audio=True)
        stage.voice.attach(stage.leg)
        done = await stage.until(PlaybackDone, 1)
        assert done.heard_ms == 500
        stage.play(2, "More.")
        await stage.until(PlaybackDone, 2)
        assert stage.leg.told == [
            ("start", "Hello."),
            ("stop", "whole"),
            ("start", "More."),
            ("stop", "whole"),
        ]

    leap(scenario())


# --- texts that are no prompts, synthesisers that do not speak ------------------------------------


@pytest.mark.parametrize(
    "text", ["", "  ", "<speak/>", "<speak></speak>", '<speak><break time="1s"/></speak>']
)
def test_a_text_without_sound_has_been_heard_at_once(text: str) -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio)
        stage.prepare(text)
        stage.play(1, text)
        assert stage.reports == [PlaybackDone(utterance=1, heard_ms=0, total_ms=0)]
        assert (studio.asked, stage.leg.told) == ([], [])
        assert not stage.tasks

    leap(scenario())


def test_a_synthesiser_that_has_no_sound_for_an_emoji_has_not_failed() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.play(1, "🙂")
        assert (await stage.until(PlaybackDone, 1)).total_ms == 0
        stage.play(2, "!dumb")
        assert (await stage.until(ServiceFailed, 2)).fault is Fault.PROTOCOL

    leap(scenario())


@pytest.mark.parametrize(
    "text", ["<speak><p>Hello", "<speak>Hello & goodbye</speak>", "<speak>Hello</p></speak>"]
)
def test_of_markup_that_is_not_well_formed_the_words_are_spoken(text: str) -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio)
        stage.play(1, text)
        await stage.until(PlaybackDone, 1)
        assert "Hello" in studio.asked[0]
        assert "<" not in studio.asked[0]

    leap(scenario())


def test_how_long_a_synthesiser_may_take_is_a_parameter() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        stage = Stage(Studio())
        values = {"ttsResponseTimeoutMS": 2500}
        stage.voice.use(resolve(of(()), [Layer(Level.BOT, "bot test", values)]))
        began = loop.time()
        stage.play(1, "A !slow prompt")
        failed = await stage.until(ServiceFailed, 1)
        assert failed.fault is Fault.TIMEOUT
        assert loop.time() - began == pytest.approx(2.5, abs=0.01)
        assert failed.heard_ms == 500

    leap(scenario())


# --- the cache ------------------------------------------------------------------------------------


def test_a_prompt_that_is_kept_is_not_synthesised_whether_prepared_or_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio, cached=cached(studio, tmp_path))
        for utterance in range(3):
            if utterance == 2:
                stage.prepare("Hello.")
                await turns()
            stage.play(utterance, "Hello.")
            done = await stage.until(PlaybackDone, utterance)
            assert done.heard_ms == pytest.approx(500)
        assert studio.asked == ["Hello."]

    leap(scenario())


def test_a_prompt_that_must_not_be_kept_is_neither_read_nor_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        studio = Studio()
        stage = Stage(studio, cached=cached(studio, tmp_path))
        stage.play(1, "Hello.")
        await stage.until(PlaybackDone, 1)
        stage.prepare("Hello.", cache=False)
        stage.play(2, "Hello.", cache=False)
        await stage.until(PlaybackDone, 2)
        stage.prepare("Secret.", cache=False)
        await turns()
        stage.play(3, "Secret.")  # what was prepared as not to be kept is not what is asked for
        await stage.until(PlaybackDone, 3)
        stage.play(4, "Other secret.", cache=False)
        await stage.until(PlaybackDone, 4)
        stage.play(5, "Other secret.")
        await stage.until(PlaybackDone, 5)
        assert studio.asked == [
            *["Hello."] * 2,
            *["Secret."] * 2,
            *["Other secret."] * 2,
        ]

    leap(scenario())


# --- audio files ----------------------------------------------------------------------------------


def test_an_audio_file_is_played_to_its_end() -> None:
    async def scenario() -> None:
        library = Library()
        stage = Stage(None, files=library)
        stage.play_url(1, "https://example.com/a.wav")
        done = await stage.until(PlaybackDone, 1)
        assert (done.heard_ms, done.total_ms) == (pytest.approx(1000), 1000)
        assert [type(report) for report in stage.reports] == WHOLE
        assert stage.leg.told == [("start", "A jingle."), ("stop", "whole")]
        assert library.asked == [("https://example.com/a.wav", "wav/lpcm16", True)]

    leap(scenario())


@pytest.mark.parametrize(
    ("url", "reason", "heard_ms"), [("!gone", "HTTP 404", 0), ("!damaged", "damaged", 500)]
)
def test_an_audio_file_that_fails_is_reported_with_what_was_heard(
    url: str, reason: str, heard_ms: int
) -> None:
    async def scenario() -> None:
        stage = Stage(Studio(), files=Library())
        stage.play_url(1, url)
        failed = await stage.until(PlayUrlFailed, 1)
        assert failed.reason.startswith(reason)
        assert failed.heard_ms == pytest.approx(heard_ms)
        assert not [report for report in stage.reports if isinstance(report, PlaybackDone)]
        assert stage.leg.told[-1:] == ([("stop", "cut")] if heard_ms else [])

    leap(scenario())


def test_an_audio_file_that_is_stopped_is_given_up() -> None:
    async def scenario() -> None:
        library = Library()
        stage = Stage(Studio(), files=library)
        stage.play_url(1, "!slow")
        await turns()
        assert library.open == 1
        stage.voice.stop()
        assert stage.reports == [
            PlaybackDone(utterance=1, heard_ms=0, total_ms=0, interrupted=True)
        ]
        await turns()
        assert library.open == 0

    leap(scenario())


@pytest.mark.parametrize("by_bot", [True, False])
def test_a_voice_side_that_plays_files_itself_is_handed_the_address(by_bot: bool) -> None:
    async def scenario() -> None:
        leg = TextLeg()
        stage = Stage(Studio(), leg, files=Library())
        arguments = {
            "playUrlUrl": "https://example.com/a.wav",
            "playUrlMediaFormat": "wav/lpcm16",
            "playUrlAltText": "A jingle.",
        }
        own = event("playUrl", activity_params={"playUrlUrl": "x"}) if by_bot else None
        stage.play_url(1, "https://example.com/a.wav", own)
        expected = own or event("playUrl", activity_params=arguments)
        assert leg.handed == [expected]
        assert [type(report) for report in stage.reports] == [PlaybackStarted, PlaybackDone]

    leap(scenario())
