"""A voice on stage: its leg, its synthesiser, its audio files, and what it reports."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any

from bots.core.activities import Activity
from bots.core.errors import Fault, ServiceError
from bots.core.ports import SynthesisRequest, TtsCapabilities
from bots.core.registry import NoParams
from calls.core.commands import Play, PlayUrl, Prepare
from calls.core.events import AudioReady, Event, PlaybackDone, PlaybackEnding, PlaybackStarted
from calls.media.decoding import AudioFileError
from calls.media.ttscache import CachedTts, TtsCache, speaker_of
from calls.media.ttsstore import TtsStore
from calls.session.voice import Voice
from tests.calls.session.calling import Leg
from tests.plugins import tone


class Studio:
    """A synthesiser that knows how many syntheses are open; ``!slow`` in a text never ends.

    ``!cling`` fails when it is closed, ``!dumb`` and an emoji give nothing.
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
            if "!dumb" in request.text or "🙂" in request.text:
                return
            yield tone(500)
            if "!slow" in request.text:
                await asyncio.Event().wait()
        finally:
            self.open -= 1
            if "!cling" in request.text:
                raise ServiceError("tts", Fault.CONNECTIVITY, "it failed at its close")


class Library:
    """Audio files: a second of tone under every address; ``!damaged`` breaks off after half of it.

    ``!gone`` is not there, ``!slow`` never comes.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []
        self.open = 0

    async def pieces(
        self, *, url: str, media_format: str, cache: bool, rate_hz: int
    ) -> AsyncGenerator[bytes, None]:
        self.asked.append((url, media_format, cache))
        self.open += 1
        try:
            if "!slow" in url:
                await asyncio.Event().wait()
            if "!gone" in url:
                raise AudioFileError("HTTP 404")
            yield tone(500, rate_hz)
            if "!damaged" in url:
                await asyncio.sleep(2)
                raise AudioFileError("damaged audio file")
            yield tone(500, rate_hz)
        finally:
            self.open -= 1


class TextLeg(Leg):
    """A voice side that plays prompts itself; ``handed`` is what it was given to play."""

    def __init__(self) -> None:
        super().__init__(audio=False)
        self.handed: list[Activity] = []

    def send(self, activity: Activity) -> None:
        self.handed.append(activity)


class Stage:
    """A voice, its leg, its reports and its tasks."""

    def __init__(
        self,
        studio: Studio | None,
        leg: Leg | None = None,
        *,
        cached: CachedTts | None = None,
        files: Library | None = None,
    ) -> None:
        self.leg = leg or Leg(audio=True)
        self.reports: list[Event] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()
        self.voice = Voice(
            studio,
            clock=asyncio.get_running_loop().time,
            report=self._report,
            spawn=self._spawn,
            cached=cached,
            files=files,
        )

    def _report(self, event: Event) -> None:
        self.reports.append(event)
        self._more.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def prepare(self, text: str, *, cache: bool = True) -> None:
        command = Prepare(text=text, language="en-US", voice="", cache=cache)
        self.voice.prepare(command, self.leg)

    def play(self, utterance: int, text: str, *, cache: bool = True) -> None:
        command = Play(
            utterance=utterance,
            text=text,
            language="en-US",
            voice="",
            interruptible=True,
            cache=cache,
        )
        self.voice.play(command, self.leg)

    def play_url(self, utterance: int, url: str, activity: Activity | None = None) -> None:
        command = PlayUrl(
            utterance=utterance,
            url=url,
            media_format="wav/lpcm16",
            cache=True,
            text="A jingle.",
            interruptible=True,
            activity=activity,
        )
        self.voice.play_url(command, self.leg)

    async def until(self, kind: type[Event], utterance: int) -> Any:
        """The first report of that kind about that prompt."""
        while True:
            for report in self.reports:
                if isinstance(report, kind) and getattr(report, "utterance", None) == utterance:
                    return report
            self._more.clear()
            await self._more.wait()


WHOLE = [AudioReady, PlaybackStarted, PlaybackEnding, PlaybackDone]


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def cached(studio: Studio, directory: Path) -> CachedTts:
    store = TtsStore(directory, life_s=3600, max_bytes=10**8)
    speaker = speaker_of(bot="demo", plugin="tones", provider="p", params=NoParams())
    return CachedTts(TtsCache(store), studio, speaker)
