"""The bot's voice: prompts made ready, played, stopped, and what is left of them afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

import pytest

from bots.core.errors import Fault, ServiceError
from bots.core.ports import SynthesisRequest, TtsCapabilities
from calls.core.commands import Play, Prepare
from calls.core.events import Event, PlaybackDone, PlaybackStarted, ServiceFailed
from calls.session.voice import MAX_AHEAD, Voice
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg
from tests.plugins import tone


class Studio:
    """A synthesiser that knows how many syntheses are open; ``!slow`` in a text never ends.

    ``!cling`` fails when it is closed.
    """

    capabilities = TtsCapabilities(rates_hz=(16000,))

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = 0

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        self.asked.append(request.text)
        self.open += 1
        try:
            if "!fail" in request.text:
                raise ServiceError("tts", Fault.SERVER, "the text says so")
            yield tone(500)
            if "!slow" in request.text:
                await asyncio.Event().wait()
        finally:
            self.open -= 1
            if "!cling" in request.text:
                raise ServiceError("tts", Fault.CONNECTIVITY, "it failed at its close")


class Stage:
    """A voice, its leg, its reports and its tasks."""

    def __init__(self, studio: Studio | None, leg: Leg | None = None) -> None:
        self.leg = leg or Leg(audio=True)
        self.reports: list[Event] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()
        self.voice = Voice(
            studio,
            clock=asyncio.get_running_loop().time,
            report=self._report,
            spawn=self._spawn,
        )

    def _report(self, event: Event) -> None:
        self.reports.append(event)
        self._more.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def prepare(self, text: str) -> None:
        self.voice.prepare(Prepare(text=text, language="en-US", voice=""), self.leg)

    def play(self, utterance: int, text: str) -> None:
        command = Play(
            utterance=utterance, text=text, language="en-US", voice="", interruptible=True
        )
        self.voice.play(command, self.leg)

    async def until(self, kind: type[Event], utterance: int) -> Any:
        """The first report of that kind about that prompt."""
        while True:
            for event in self.reports:
                if isinstance(event, kind) and getattr(event, "utterance", None) == utterance:
                    return event
            self._more.clear()
            await self._more.wait()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_prompt_is_spoken_to_its_end() -> None:
    async def scenario() -> None:
        stage = Stage(Studio())
        stage.play(1, "Hello.")
        done = await stage.until(PlaybackDone, 1)
        assert (done.interrupted, done.heard_ms, done.total_ms) == (False, 500, 500)
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
