"""Play streams of one call: audio of a bot that speaks itself, until it is heard or dropped.

The bot sends as fast as it likes, the player takes what is there; nothing here waits for either.
The conversation knows a stream by a number of the call's own, because one stream of the bot may
become several prompts: a bot that falls silent in mid-stream has said what it had to say as far as
the caller can tell, and what it says later under the same number is the next prompt.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import structlog

from bots.core.activities import Json
from bots.core.audio import AudioFormat
from bots.core.ports import StreamAudio, StreamEnded, StreamMark, StreamStarted, StreamText
from calls.core.events import AgentReported, BotStreamed, Event, StreamTextKnown

MAX_HELD_MS = 600_000
"""Audio of all streams of a call that was not heard yet; the newest beyond it is dropped."""
MAX_MARKS = 1_000
"""Marks of one stream that wait; one more counts as reached at once."""
PIECE_MS = 1_000
"""Most audio that the player is given at a time, so that other calls have their turn."""
STALL_S = 2.0
"""Silence in mid-stream, after everything was heard, after which a prompt is over."""
NEAR_MS = 20.0
"""A mark counts as reached this much early: resampling holds back the last samples."""
LOOK_S = 0.02
LOOK_AGAIN_S = 0.1
"""How soon to look for a mark again, when the caller hears on and when not."""

log = structlog.get_logger(__name__)


class Teller(Protocol):
    """Who tells the bot how far the caller is: the part of a session that streams need."""

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        """See `bots.core.ports.VoiceBotSession`."""
        ...

    def reached(self, mark: Json) -> None:
        """See `bots.core.ports.VoiceBotSession`."""
        ...


class PlayStream:
    """One prompt that comes as audio: number ``number`` in the call, ``theirs`` of the bot.

    ``source`` is the format of its audio; `pieces` is what a player plays.
    """

    def __init__(self, number: int, theirs: int, source: AudioFormat) -> None:
        self.number = number
        self.theirs = theirs
        self.source = source
        self.text = ""
        self.before_ms = 0.0
        self.before_text = ""
        """What was heard and said of the bot's stream in earlier prompts."""
        self.ended = False
        self.stalled = False
        self.received_ms = 0.0
        self.marks: deque[tuple[float, Json]] = deque()
        """Marks that were not reached, with the audio before each."""
        self.look: asyncio.TimerHandle | None = None
        self._heard_ms: Callable[[], float] = lambda: 0.0
        self._waiting = bytearray()
        self._progress = asyncio.Event()
        self._idle = False
        """Whether the player has taken all that came."""
        self._feed: Callable[[bytes], bool] = lambda _: False
        self._patient_until = math.inf

    @property
    def heard_ms(self) -> float:
        """How much of it the caller has heard."""
        return self._heard_ms()

    @property
    def held_ms(self) -> float:
        """Audio that came and was not heard."""
        return max(0.0, self.received_ms - self.heard_ms)

    def push(self, audio: bytes) -> None:
        """More of it; a player that waits for it gets it at once."""
        self.received_ms += self.source.ms_for_bytes(len(audio))
        if self._idle and self._feed(audio):
            self._be_patient()
        else:
            self._waiting += audio
            self._progress.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._progress.set()

    async def pieces(
        self, heard_ms: Callable[[], float], feed: Callable[[bytes], bool] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Its audio as it comes; ``heard_ms`` tells how far the caller is in it.

        ``feed`` takes a piece without a turn of the event loop, if the one before it was taken;
        False: it is to be a piece like the others.
        """
        self._heard_ms = heard_ms
        self._feed = feed or self._feed
        most = self.source.bytes_for_ms(PIECE_MS)
        self._watch()
        try:
            while not self.stalled:
                if self._waiting:
                    piece = bytes(self._waiting[:most])
                    del self._waiting[:most]
                    yield piece
                elif self.ended:
                    return
                else:
                    self._be_patient()
                    self._progress.clear()
                    self._idle = True
                    await self._progress.wait()
                    self._idle = False
        finally:
            self._idle = False
            self._watchdog.cancel()

    def _be_patient(self) -> None:
        # NB Of a stream without audio the conversation itself loses patience.
        if self.received_ms:
            now = asyncio.get_running_loop().time()
            self._patient_until = now + self.held_ms / 1000 + STALL_S

    def _watch(self) -> None:
        """Look whether it has fallen silent; one timer, because audio comes often."""
        loop = asyncio.get_running_loop()
        left_s = self._patient_until - loop.time()
        if left_s <= 0 and not self._waiting:
            self.stalled = True
            self._progress.set()
        else:
            self._watchdog = loop.call_later(min(max(left_s, LOOK_S), STALL_S), self._watch)


class PlayStreams:
    """All streams of one call; every method returns at once.

    ``report`` takes events of the conversation, ``teller`` is told what became of streams and
    marks. Audio, texts and marks of a stream that is over or was never started are dropped.
    """

    def __init__(self, report: Callable[[Event], None], teller: Teller) -> None:
        self._report = report
        self._teller = teller
        self._last = 0
        self._by_number: dict[int, PlayStream] = {}
        self._by_theirs: dict[int, PlayStream] = {}
        self._full = False
        self.dropped_ms = 0.0
        """Audio that came when too much was held."""

    # --- what the bot sends ---------------------------------------------------------------------

    def start(self, started: StreamStarted) -> None:
        """The bot begins to speak."""
        self.end(StreamEnded(started.stream))
        stream = self._add(started.stream, started.audio)
        stream.text = started.text
        self._report(
            BotStreamed(
                stream=stream.number, text=started.text, activity_params=started.activity_params
            )
        )

    def text(self, known: StreamText) -> None:
        """What a stream says is known better."""
        stream = self._by_theirs.get(known.stream)
        if stream is None or stream.stalled:
            return
        stream.text = known.text
        said = known.text.removeprefix(stream.before_text).strip()
        self._report(StreamTextKnown(stream.number, said))

    def audio(self, more: StreamAudio) -> None:
        """More audio; of too much the newest is dropped and the conversation told, once."""
        stream = self._by_theirs.get(more.stream)
        if stream is None or not more.audio:
            return
        if stream.stalled:
            stream = self._go_on(stream)
        room_ms = MAX_HELD_MS - sum(held.held_ms for held in self._by_number.values())
        length_ms = stream.source.ms_for_bytes(len(more.audio))
        if length_ms <= room_ms:
            stream.push(more.audio)
            return
        fits = stream.source.bytes_for_ms(max(0.0, room_ms))
        self.dropped_ms += length_ms - stream.source.ms_for_bytes(fits)
        self._tell_full()
        if fits:
            stream.push(more.audio[:fits])

    def mark(self, mark: StreamMark) -> None:
        """The bot wants to know when the caller has heard what came so far."""
        stream = self._by_theirs.get(mark.stream)
        if stream is None or stream.stalled or len(stream.marks) >= MAX_MARKS:
            self._teller.reached(mark.mark)
            return
        stream.marks.append((stream.received_ms, mark.mark))
        if stream.look is None:
            self._look(stream)

    def end(self, ended: StreamEnded) -> None:
        """A stream is complete; it plays on."""
        stream = self._by_theirs.get(ended.stream)
        if stream is None:
            return
        stream.end()
        if stream.stalled:
            self._forget(stream, heard_ms=stream.before_ms, interrupted=False)

    def end_all(self) -> None:
        """The bot is gone: what came is played, nothing more will come."""
        for stream in list(self._by_theirs.values()):
            self.end(StreamEnded(stream.theirs))

    # --- what the conversation does with it -----------------------------------------------------

    def get(self, number: int) -> PlayStream | None:
        """The stream that is to be played; None: it is over."""
        return self._by_number.get(number)

    def over(self, number: int, *, heard_ms: float, interrupted: bool) -> None:
        """A stream was played or will not be: the bot is told, what still comes is dropped.

        One that only fell silent goes on when the bot does.
        """
        stream = self._by_number.get(number)
        if stream is None:
            return
        if stream.stalled and not stream.ended and not interrupted:
            self._reach_all(stream)
            del self._by_number[number]
            stream.before_ms += heard_ms
        else:
            heard_ms += stream.before_ms
            self._forget(stream, heard_ms=heard_ms, interrupted=interrupted)

    def close(self) -> None:
        """The call is over; nobody is told."""
        for stream in self._by_number.values():
            if stream.look is not None:
                stream.look.cancel()
        self._by_number.clear()
        self._by_theirs.clear()

    def _add(self, theirs: int, source: AudioFormat) -> PlayStream:
        self._last += 1
        stream = PlayStream(self._last, theirs, source)
        self._by_number[stream.number] = self._by_theirs[theirs] = stream
        return stream

    def _go_on(self, stalled: PlayStream) -> PlayStream:
        """The bot speaks on after it had fallen silent: another prompt."""
        stream = self._add(stalled.theirs, stalled.source)
        stream.before_ms = stalled.before_ms
        stream.text = stream.before_text = stalled.text
        self._report(BotStreamed(stream=stream.number))
        return stream

    def _forget(self, stream: PlayStream, *, heard_ms: float, interrupted: bool) -> None:
        self._by_number.pop(stream.number, None)
        if self._by_theirs.get(stream.theirs) is stream:
            del self._by_theirs[stream.theirs]
        self._reach_all(stream)
        self._teller.played(stream.theirs, heard_ms=heard_ms, interrupted=interrupted)

    def _reach_all(self, stream: PlayStream) -> None:
        if stream.look is not None:
            stream.look.cancel()
            stream.look = None
        while stream.marks:
            self._teller.reached(stream.marks.popleft()[1])

    def _look(self, stream: PlayStream, before_ms: float = -1.0) -> None:
        """Tell of the marks that the caller has passed; look again when the next is due."""
        heard_ms = stream.heard_ms
        while stream.marks and 0 < heard_ms >= stream.marks[0][0] - NEAR_MS:
            self._teller.reached(stream.marks.popleft()[1])
        stream.look = None
        if stream.marks:
            left_s = (stream.marks[0][0] - NEAR_MS - heard_ms) / 1000
            soonest_s = LOOK_S if heard_ms > before_ms else LOOK_AGAIN_S
            loop = asyncio.get_running_loop()
            stream.look = loop.call_later(max(left_s, soonest_s), self._look, stream, heard_ms)

    def _tell_full(self) -> None:
        if self._full:
            return
        self._full = True
        log.warning("stream.full", held_ms=MAX_HELD_MS)
        told = f"The bot sent more than {MAX_HELD_MS // 60_000} minutes of audio ahead"
        self._report(
            AgentReported(
                name="warning",
                detail={"code": "TOO_MUCH_AUDIO", "description": told},
                note=f"{told}; what came beyond was dropped",
            )
        )
