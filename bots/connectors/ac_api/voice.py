"""A bot's voice over the Bot API in streaming mode: the caller's audio out, play streams in.

No I/O here: `CallerStream` puts frames in an `Outbox`, `PlayStreams` and `heard_by_bot` turn what
the bot sent into the events of `bots.core.ports`. Source: Bot API, streaming mode, user audio,
speech events and play streams.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable

from bots.core.audio import FRAME_MS, AudioFormat, lpcm16_to_mulaw, wav_header
from bots.core.ports import (
    BotEvent,
    EndpointedSpeech,
    Hypothesis,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamMark,
    StreamStarted,
    Transcript,
)
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat, StreamClient

MAX_AUDIO_FRAMES = 50
"""Frames of the caller's audio that wait for the bot, one second; one more drops the oldest."""
MAX_CONTROL_FRAMES = 100
"""Other frames that wait for a bot; one more is a failure of the bot."""
KNOWN_NAMES = 64
"""Play streams that a mark can name; one of an older stream counts for the latest."""
GAP_MS = 100
"""A pause of the voice side this long is filled with silence, as some bots stall without audio."""

_USUAL_OFFERS = (
    MediaFormat.RAW_LPCM16,
    MediaFormat.RAW_LPCM16_8,
    MediaFormat.RAW_MULAW,
    MediaFormat.RAW_LPCM16_24,
)


def offers(leg: AudioFormat | None) -> tuple[MediaFormat, ...]:
    """The formats to offer for a voice side with ``leg``, its own first: no conversion then."""
    own = [media for media in _USUAL_OFFERS if media.audio == leg]
    return (*own, *(media for media in _USUAL_OFFERS if media not in own))


class Outbox:
    """Frames on their way to the bot, in order; what belongs to no stream is sent past it.

    ``overflow`` is called when the bot does not take what it must get.
    """

    def __init__(self, overflow: Callable[[], None]) -> None:
        self.dropped = 0
        self._overflow = overflow
        self._frames: deque[tuple[bool, str]] = deque()
        self._audio = 0
        self._filled = asyncio.Event()

    def audio(self, frame: str) -> None:
        """A frame that may be lost."""
        if self._audio >= MAX_AUDIO_FRAMES:
            oldest = next(n for n, (is_audio, _) in enumerate(self._frames) if is_audio)
            del self._frames[oldest]
            self._audio -= 1
            self.dropped += 1
        self._audio += 1
        self._put((True, frame))

    def control(self, frame: str) -> None:
        """A frame that must not be lost."""
        if len(self._frames) - self._audio >= MAX_CONTROL_FRAMES:
            self._overflow()
        else:
            self._put((False, frame))

    def clear(self) -> None:
        """The socket is gone, and with it what was meant for it."""
        self._frames.clear()
        self._audio = 0

    async def take(self) -> str:
        """The next frame, once there is one."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        is_audio, frame = self._frames.popleft()
        self._audio -= is_audio
        return frame

    def _put(self, item: tuple[bool, str]) -> None:
        self._frames.append(item)
        self._filled.set()


class CallerStream:
    """The caller's audio in frames of 20 ms, sent while the call listens and the bot takes it."""

    def __init__(self, media: MediaFormat, outbox: Outbox) -> None:
        self.wanted = False
        self._media = media
        self._outbox = outbox
        self._frame_bytes = media.audio.bytes_for_ms(FRAME_MS)
        self._rest = b""
        self._held: deque[bytes] = deque(maxlen=MAX_AUDIO_FRAMES)
        self._heard_at = 0.0

    def start(self, client: StreamClient, now: float) -> None:
        """Ask the bot to take audio; what comes until it does is kept, one second of it."""
        self._heard_at = now
        self._outbox.control(client.user_stream_start())

    def stop(self, client: StreamClient) -> None:
        """Send what is left and tell the bot that no more comes."""
        if client.hears() and self._rest:
            self._outbox.audio(client.user_stream_chunk(self._rest))
        self.lost()
        self._outbox.control(client.user_stream_stop())

    def lost(self) -> None:
        """What was to be sent is not."""
        self._rest = b""
        self._held.clear()

    def opened(self, client: StreamClient) -> None:
        """The bot takes audio."""
        if self._media.is_wav:
            self._outbox.audio(client.user_stream_chunk(wav_header(self._media.audio)))
        for frame in self._held:
            self._outbox.audio(client.user_stream_chunk(frame))
        self._held.clear()

    def hear(self, audio: bytes, client: StreamClient, now: float) -> None:
        """Audio of the voice side, any length."""
        self._heard_at = now
        audio = self._rest + audio
        whole = len(audio) - len(audio) % self._frame_bytes
        self._rest = audio[whole:]
        for begin in range(0, whole, self._frame_bytes):
            self._frame(audio[begin : begin + self._frame_bytes], client)

    def fill(self, client: StreamClient, now: float) -> None:
        """Send silence for a time in which the voice side sent nothing."""
        gap_ms = (now - self._heard_at) * 1000
        if gap_ms < GAP_MS or not client.hears():
            return
        silence = bytes(2 * self._media.audio.rate_hz * GAP_MS // 1000)
        if self._media.audio.encoding == "mulaw":
            silence = lpcm16_to_mulaw(silence)
        self.hear(silence, client, max(self._heard_at + GAP_MS / 1000, now - GAP_MS / 1000))

    def _frame(self, frame: bytes, client: StreamClient) -> None:
        if client.hears():
            self._outbox.audio(client.user_stream_chunk(frame))
            return
        self._outbox.dropped += len(self._held) == self._held.maxlen
        self._held.append(frame)


class PlayStreams:
    """Numbers the bot's play streams, whose names may repeat, and leaves out what nobody hears."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._names: dict[str, int] = {}
        """The numbers of the last streams, by name."""
        self._latest = 0
        self._open = False
        self._over = 0
        """Streams up to this number are over for the caller, as they are played in order."""

    def read(self, what: wire.ClientEvent) -> list[BotEvent]:
        """What an event of the wire means for the call; a `wire.MarkSet` see `mark`."""
        match what:
            case wire.PlayStarted():
                self._begin(what.stream_id)
                started = StreamStarted(
                    stream=self._latest,
                    audio=what.media_format.audio,
                    text=what.alt_text or "",
                    activity_params=what.activity_params,
                )
                return [started]
            case wire.PlayAudio(_, audio) if self._latest > self._over:
                return [StreamAudio(self._latest, audio)]
            case wire.PlayStopped():
                return self.ended()
            case _:
                return []

    def ended(self) -> list[BotEvent]:
        """The open stream gets no more audio."""
        if not self._open:
            return []
        self._open = False
        return [StreamEnded(self._latest)]

    def mark(self, what: wire.MarkSet) -> StreamMark | None:
        """The mark, or None: there is nothing more to be heard before it is reached."""
        stream = self._names.get(what.stream_id or "", self._latest)
        return StreamMark(stream, what.mark) if stream > self._over else None

    def played(self, stream: int, *, interrupted: bool) -> None:
        """A stream is over for the caller; one that is only slow may go on later."""
        if interrupted or stream != self._latest or not self._open:
            self._over = max(self._over, stream)

    def _begin(self, name: str) -> None:
        self._latest, self._open = next(self._numbers), True
        self._names.pop(name, None)
        self._names[name] = self._latest
        if len(self._names) > KNOWN_NAMES:
            del self._names[next(iter(self._names))]


def heard_by_bot(what: wire.ClientEvent) -> BotEvent | None:
    """What the bot made of the caller's audio; None when ``what`` is about something else."""
    match what:
        case wire.SpeechStarted():
            return EndpointedSpeech(speaking=True)
        case wire.SpeechStopped():
            return EndpointedSpeech(speaking=False)
        case wire.SpeechCommitted():
            return SpeechCommitted()
        case wire.SpeechHypothesis(text):
            return Hypothesis(text)
        case wire.SpeechRecognition(text, confidence):
            return Transcript(text, confidence)
        case _:
            return None
