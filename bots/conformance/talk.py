"""A conversation with a bot through its connector, with everything that crosses it in the trace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from bots.conformance.examination import Examination, Withdrawn
from bots.core.activities import Activity
from bots.core.audio import LPCM16_16K, AudioFormat
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    BotConnector,
    BotConversation,
    BotEvent,
    BotSession,
    EndpointedSpeech,
    Hypothesis,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    StreamText,
    Transcript,
)

CALLER = "conformance-check"
"""Who calls, as the bot sees it."""
SLOW_JOIN_S = 2.0
MAX_EVENTS = 2000
"""Events of one conversation that are looked at; a bot that tells more is cut off."""


class Stream(msgspec.Struct):
    """A play stream as far as it has come; times are the loop's."""

    audio: AudioFormat
    began_at: float
    text: str = ""
    bytes: int = 0
    first_audio_at: float | None = None
    last_audio_at: float = 0.0
    ended: bool = False

    @property
    def ms(self) -> float:
        """How long its audio lasts."""
        return self.audio.ms_for_bytes(self.bytes)


class Talk:
    """One conversation; what the bot tells is collected as it comes."""

    def __init__(self, exam: Examination, session: BotSession) -> None:
        self.session: Any = session
        """A `BotSession`, of bots with a voice a `VoiceBotSession`."""
        self.told: list[tuple[float, BotEvent]] = []
        """What the bot told but audio, with its times."""
        self.streams: dict[int, Stream] = {}
        self.failure: ServiceError | None = None
        self.over = False
        self._exam = exam
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    @property
    def activities(self) -> list[Activity]:
        """What the bot said and did by activities."""
        return [each for _, each in self.told if isinstance(each, Activity)]

    @property
    def farewell(self) -> str:
        """The event by which the bot ended its part; empty: it is still there."""
        ends = ("hangup", "transfer", "handover")
        return next((each.event for each in self.activities if each.event in ends), "")

    def heard_at(self, since: int) -> float | None:
        """When the bot told of the caller's speech after it had told ``since`` things, if so."""
        speech = (EndpointedSpeech, Hypothesis, Transcript)
        return next((at for at, each in self.told[since:] if isinstance(each, speech)), None)

    # --- to the bot -----------------------------------------------------------------------------

    async def send(self, activity: Activity) -> None:
        """Hand an activity over.

        Raises:
            ServiceError: the bot does not take it.
            Withdrawn: it has left before.
        """
        self.see_it_is_there()
        self._exam.recorder.record("to bot", msgspec.to_builtins(activity))
        limit_s = self._exam.timing.send_s
        try:
            async with asyncio.timeout(limit_s):
                await self.session.send(activity)
        except TimeoutError:
            detail = f"The bot did not take it within {limit_s:g} s"
            raise ServiceError("bot", Fault.TIMEOUT, detail) from None

    def see_it_is_there(self) -> None:
        """Go on only with a bot that has not left.

        Raises:
            ServiceError: it has failed.
            Withdrawn: it has ended the conversation.
        """
        if self.failure is not None:
            raise self.failure
        if self.farewell:
            raise Withdrawn(f"the bot had ended its part with {self.farewell}")
        if self.over:
            raise Withdrawn("the bot had left the conversation")

    # --- from the bot ---------------------------------------------------------------------------

    async def listen(self) -> None:
        """Collect what the bot tells, until it leaves."""
        try:
            async for event in self.session.events():
                self._take(event)
                self._news.set()
                if len(self.told) >= MAX_EVENTS:
                    break
        except ServiceError as error:
            self.failure = error
            self._exam.recorder.record("note", f"the bot failed: {error.detail or error.fault}")
        finally:
            self.over = True
            self._news.set()

    def _take(self, event: BotEvent) -> None:
        now = self._loop.time()
        match event:
            case StreamAudio(stream, audio):
                if (known := self.streams.get(stream)) is not None:
                    known.bytes += len(audio)
                    known.first_audio_at = known.first_audio_at or now
                    known.last_audio_at = now
                return
            case StreamStarted():
                self.streams[event.stream] = Stream(event.audio, now, event.text)
            case StreamText(stream, text) if stream in self.streams:
                self.streams[stream].text = text
            case StreamEnded(stream) if stream in self.streams:
                self.streams[stream].ended = True
        self.told.append((now, event))
        self._exam.recorder.record("from bot", self._shown(event))
        if isinstance(event, AgentReport) and event.name in ("warning", "error"):
            words = f"{event.detail.get('code')}: {event.detail.get('description')}"
            self._exam.recorder.record("note", words)

    def _shown(self, event: BotEvent) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(event)
        if isinstance(event, Activity):
            return plain
        if isinstance(event, StreamEnded) and event.stream in self.streams:
            plain["audio_ms"] = round(self.streams[event.stream].ms)
        return {"event": type(event).__name__, **plain}

    async def news(self, limit_s: float) -> bool:
        """Wait until the bot tells something more; False: nothing came, or it has left."""
        self._news.clear()
        if self.over:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._news.wait()
        return self._news.is_set() and not self.over

    async def answer(self, since: int, limit_s: float) -> float | None:
        """When the bot first spoke after it had told ``since`` things; waits until it is done.

        Times are the loop's; None: it did not speak within ``limit_s``.
        """
        until = self._loop.time() + limit_s
        while (at := self._spoke_at(since)) is None and (left := until - self._loop.time()) > 0:
            if not await self.news(left) and self.over:
                break
        at = self._spoke_at(since)
        while at is not None and await self.news(self._exam.timing.quiet_s):
            if self._loop.time() - at > limit_s:
                break
        return at

    def _spoke_at(self, since: int) -> float | None:
        spoken = (Activity, StreamStarted)
        return next((at for at, each in self.told[since:] if isinstance(each, spoken)), None)


def stamp() -> dict[str, str]:
    """What a bot may ask of every activity."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": str(uuid4()), "timestamp": at}


def conversation(exam: Examination, *, voice: bool) -> BotConversation:
    """A call from nobody, with audio if ``voice``."""
    audio = LPCM16_16K if voice else None
    return BotConversation(
        conversation_id=str(uuid4()),
        bot=exam.subject.bot,
        language=exam.subject.language,
        caller=CALLER,
        callee=exam.subject.bot,
        caller_audio=audio,
        prompt_audio=audio,
    )


@asynccontextmanager
async def talking(
    exam: Examination, connector: BotConnector, about: BotConversation
) -> AsyncIterator[Talk]:
    """A conversation that is left at the end, which grades ``join`` and ``leave``.

    Raises:
        ServiceError: the bot could not be joined.
    """
    loop = asyncio.get_running_loop()
    exam.begin("join")
    began = loop.time()
    exam.recorder.record("note", f"joining the conversation {about.conversation_id}")
    session = await connector.open(about)
    grade_delay(exam, "join", loop.time() - began, SLOW_JOIN_S, "it took {} to join")
    talk = Talk(exam, session)
    listening = loop.create_task(talk.listen())
    try:
        yield talk
    finally:
        await _left(exam, talk)
        listening.cancel()
        await asyncio.wait([listening])
        if not listening.cancelled():
            listening.result()  # an error of ours is not hidden


async def _left(exam: Examination, talk: Talk) -> None:
    before = exam.recorder.at
    exam.begin("leave")
    exam.recorder.record("note", "leaving the conversation")
    try:
        async with asyncio.timeout(exam.timing.leave_s):
            await talk.session.close("client-disconnected", "The check of the bot is over")
        exam.ok("leave")
    except TimeoutError:
        exam.fail("leave", f"the conversation did not end within {exam.timing.leave_s:g} s")
    except ServiceError as error:
        exam.fail("leave", error.detail)
    exam.recorder.at = before


def grade_delay(exam: Examination, check: str, took_s: float, slow_s: float, words: str) -> None:
    """Grade ``check`` by a delay; ``words`` tell of one that is longer than ``slow_s``."""
    delay = f"{took_s * 1000:.0f} ms"
    if took_s > slow_s:
        exam.warn(check, words.format(delay), delay=delay)
    else:
        exam.ok(check, delay=delay)
