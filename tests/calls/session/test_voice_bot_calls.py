"""Whole calls with a bot that hears and speaks itself, without a socket and without a database."""

import asyncio
from typing import Any

import pytest

from bots.core.activities import message
from bots.core.audio import LPCM16_16K, MULAW_8K, AudioFormat
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    EndpointedSpeech,
    Hypothesis,
    StreamAudio,
    StreamEnded,
    StreamMark,
    StreamStarted,
    StreamText,
    Transcript,
)
from bots.core.registry import NoParams
from calls.core.steering import ControlAgent, Outcome
from calls.media.pacer import LEAD_MS
from calls.media.streams import STALL_S
from tests.bots.voicebot import VoiceSession, voice_bot
from tests.calls.media.desk import turns
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg, Line
from tests.plugins import ToneStt, ToneTts, tone

MULAW_MS = 8
"""Bytes of mu-law in a millisecond."""
LOUD, QUIET = b"\x11", b"\x77"
"""Two codes of mu-law that tell pieces apart."""


class Handset(Leg):
    """A leg that keeps what it is played, in the format of this test."""

    def __init__(self, audio: AudioFormat = MULAW_8K, *, spoken: bool = True) -> None:
        super().__init__(audio=spoken)
        self.caller_audio = self.prompt_audio = audio
        self.audio = b""

    def play(self, utterance: int, audio: bytes) -> None:
        self.audio += audio

    async def until_told(self, *told: Any) -> None:
        """Wait until the voice side was told this, whatever else."""
        while tuple(told) not in self.told and told[0] not in self.told:
            self._more.clear()
            await self._more.wait()


class Talk:
    """A call to a voice bot, begun: the line, the leg and the bot's session."""

    def __init__(self, *, leg: Handset | None = None, bot: dict[str, bool] | None = None) -> None:
        self.leg = leg or Handset()
        self.bot = voice_bot(**{"voiceBotMulaw": True, **(bot or {})})
        self.params: dict[str, Any] = {"bargeIn": True}
        self.plugins: dict[str, Any] = {}

    async def begin(self) -> VoiceSession:
        self.line = Line(self.leg, bot=self.bot, **self.plugins, **self.params)
        await self.line.talk()
        self.line.session.open_ear()
        self.session = await self.bot.joined()
        await turns()
        return self.session

    def stream(self, stream: int, ms: int, code: bytes = LOUD, text: str = "") -> None:
        """The bot begins to speak."""
        self.session.tell(
            StreamStarted(stream=stream, audio=MULAW_8K, text=text),
            StreamAudio(stream, code * (ms * MULAW_MS)),
        )

    async def hang_up(self) -> None:
        self.session.tell(None)
        await self.line.task


def test_a_greeting_is_heard_as_it_was_sent_and_written_down() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        greeting = bytes(range(256)) * 20
        session.tell(StreamStarted(stream=4, audio=MULAW_8K, text="Hello."))
        for start in range(0, len(greeting), 99):
            session.tell(StreamAudio(4, greeting[start : start + 99]))
        session.tell(StreamText(4, "Hello there."), StreamMark(4, {"n": 1}), StreamEnded(4))
        heard_ms, interrupted = await session.until_played(4)
        await talk.hang_up()

        assert talk.leg.audio == greeting
        assert heard_ms == pytest.approx(640)
        assert not interrupted
        assert session.marks == [{"n": 1}]
        assert ("bot", "Hello there.") in talk.line.lines
        (asked,) = talk.bot.asked
        assert (asked.caller_audio, asked.prompt_audio) == (MULAW_8K, MULAW_8K)

    leap(scenario())


def test_the_caller_is_heard_bit_by_bit() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        assert session.listening[-1]
        for code in range(256):
            talk.line.session.hear(bytes([code]) * 160)
        assert session.heard == b"".join(bytes([code]) * 160 for code in range(256))
        await talk.hang_up()
        assert talk.line.session.frames.came == 256

    leap(scenario())


def test_a_caller_who_interrupts_silences_the_stream_at_once_and_for_good() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        talk.stream(1, 5000, text="It is a long story that began a long time ago.")
        talk.stream(2, 3000, QUIET)
        await talk.leg.until_told("start", "It is a long story that began a long time ago.")
        await asyncio.sleep(1)
        session.tell(EndpointedSpeech(True))
        await turns()
        assert talk.leg.told[-1] == ("stop", "cut")
        sent_ms = len(talk.leg.audio) / MULAW_MS
        assert sent_ms <= 1000 + LEAD_MS + 1
        session.tell(StreamAudio(1, LOUD * 8000), StreamEnded(1), StreamAudio(2, QUIET * 800))
        session.tell(StreamEnded(2))
        session.tell(Transcript("stop it", 0.9), EndpointedSpeech(False))
        await asyncio.sleep(5)

        assert len(talk.leg.audio) / MULAW_MS == sent_ms
        assert [(number, cut) for number, _, cut in session.plays] == [(1, True), (2, True)]
        assert session.plays[0][1] == pytest.approx(1000, abs=1)
        session.speak(3, QUIET * 800, audio=MULAW_8K, text="As you wish.")
        await session.until_played(3)
        await talk.hang_up()

        assert talk.leg.audio[-800:] == QUIET * 800
        assert talk.line.lines[-2:] == [("caller", "stop it"), ("bot", "As you wish.")]
        (first,) = (text for side, text in talk.line.lines if text.startswith("It is"))
        assert len(first) < len("It is a long story that began")
        assert session.sent[0].name == "start"
        assert [activity.text for activity in session.sent if activity.text] == []

    leap(scenario())


def test_what_the_bot_recognises_is_shown_to_the_voice_side() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        session.tell(EndpointedSpeech(True), Hypothesis("my"), Transcript("my bill", 0.9))
        session.tell(EndpointedSpeech(False))
        await talk.leg.until(
            ("voice", True), ("speech", "my"), ("speech", "my bill"), ("voice", False)
        )
        await talk.hang_up()
        assert ("caller", "my bill") in talk.line.lines

    leap(scenario())


def test_what_the_voice_side_would_take_for_an_interruption_is_kept_back() -> None:
    async def scenario() -> None:
        talk = Talk()
        talk.params["bargeInMinWordCount"] = 2
        session = await talk.begin()
        talk.stream(1, 3000)
        await talk.leg.until_told("start", "")
        session.tell(EndpointedSpeech(True), Hypothesis("well"))
        await turns()
        assert ("voice", True) not in talk.leg.told
        session.tell(Hypothesis("well then"))
        await turns()
        assert talk.leg.told[-3:] == [("stop", "cut"), ("voice", True), ("speech", "well then")]
        await talk.hang_up()

    leap(scenario())


def test_a_giant_piece_is_paced_like_any_other() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        loop = asyncio.get_running_loop()
        began = loop.time()
        session.speak(1, LOUD * (20_000 * MULAW_MS), audio=MULAW_8K)
        await session.until_played(1)
        assert loop.time() - began == pytest.approx(20, abs=0.1)
        assert len(talk.leg.audio) == 20_000 * MULAW_MS
        await talk.hang_up()

    leap(scenario())


@pytest.mark.parametrize("barge_in", [True, False])
def test_a_stream_without_an_end_does_not_keep_the_caller_from_speaking(barge_in: bool) -> None:
    async def scenario() -> None:
        talk = Talk()
        talk.params["bargeIn"] = barge_in
        session = await talk.begin()
        talk.stream(1, 1000, text="Yes?")
        await talk.leg.until_told("start", "Yes?")
        await asyncio.sleep(1 + STALL_S + 0.1)
        assert session.listening[-1]
        session.tell(StreamAudio(1, QUIET * 800))
        await asyncio.sleep(0.2)
        assert talk.leg.audio == LOUD * 8000 + QUIET * 800
        assert session.plays == []  # it may still go on
        await talk.hang_up()

    leap(scenario())


def test_a_bot_slower_than_real_time_is_heard_with_gaps_and_the_position_stays_right() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        talk.stream(1, 20)
        for _ in range(49):
            await asyncio.sleep(0.04)
            session.tell(StreamAudio(1, LOUD * 160))
        await turns()
        session.tell(EndpointedSpeech(True))
        heard_ms, interrupted = await session.until_played(1)
        await talk.hang_up()

        assert interrupted
        assert heard_ms == pytest.approx(49 * 20, abs=1)
        assert len(talk.leg.audio) == 50 * 160

    leap(scenario())


def test_a_stream_goes_on_where_the_caller_lost_the_connection() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        talk.stream(1, 1000)
        await talk.leg.until_told("start", "")
        await asyncio.sleep(0.4)
        talk.line.session.detach(talk.leg)
        session.tell(StreamAudio(1, QUIET * 1600), StreamEnded(1))
        await asyncio.sleep(5)
        second = Handset()
        second.session = talk.line.session
        talk.line.session.attach(second)
        heard_ms, interrupted = await session.until_played(1)
        await talk.hang_up()

        assert heard_ms == pytest.approx(1200, abs=1)
        assert not interrupted
        assert second.audio.strip(LOUD) == QUIET * 1600
        assert second.audio.count(LOUD) / MULAW_MS == pytest.approx(600, abs=1)

    leap(scenario())


def test_a_text_session_cannot_have_a_bot_with_a_voice() -> None:
    async def scenario() -> Line:
        leg = Handset(spoken=False)
        line = Line(leg, bot=voice_bot())
        await line.task
        assert leg.told[:1] == [("hang up", "error")]
        return line

    (end,) = leap(scenario()).ends
    assert end.cause == "bot:invalid-request"
    assert end.reason == ("The bot failed: it hears and speaks itself, and this call has no audio")


def test_a_bot_that_fails_in_mid_stream_is_heard_to_where_it_failed_or_not_at_all() -> None:
    async def scenario() -> Line:
        talk = Talk()
        session = await talk.begin()
        talk.stream(1, 500)
        session.tell(ServiceError("bot", Fault.CONNECTIVITY, "Somebody cut the line"))
        await talk.line.task
        return talk.line

    (end,) = leap(scenario()).ends
    assert end.cause == "bot:connectivity"
    assert end.reason == "The bot failed: Somebody cut the line"


def test_a_bot_that_only_speaks_is_sent_what_our_recogniser_hears() -> None:
    async def scenario() -> None:
        talk = Talk(leg=Handset(LPCM16_16K), bot={"voiceBotHears": False})
        talk.plugins["stt"] = ToneStt(NoParams(), NoParams())
        session = await talk.begin()
        silence = bytes(640)
        for frame in [tone(20)] * 25 + [silence] * 60:
            talk.line.session.hear(frame)
            await asyncio.sleep(0.02)
        while not session.sent or session.sent[-1].text != "my bill":
            await session.changed()
        session.speak(1, tone(300), audio=LPCM16_16K, text="17 euro.")
        await session.until_played(1)
        assert talk.leg.audio == tone(300)
        assert session.heard == b""
        await talk.hang_up()

    leap(scenario())


def test_a_bot_that_hears_needs_no_recogniser_even_if_there_is_one() -> None:
    async def scenario() -> None:
        talk = Talk(leg=Handset(LPCM16_16K), bot={"voiceBotMulaw": False})
        talk.plugins["stt"] = ToneStt(NoParams(), NoParams())
        session = await talk.begin()
        said = tone(500) + bytes(640 * 60)
        for start in range(0, len(said), 640):
            talk.line.session.hear(said[start : start + 640])
            await asyncio.sleep(0.02)
        assert session.heard == said
        assert ("caller", "my bill") not in talk.line.lines
        await talk.hang_up()

    leap(scenario())


def test_messages_of_a_bot_with_a_voice_wait_for_their_turn_among_its_streams() -> None:
    async def scenario() -> None:
        talk = Talk(leg=Handset(LPCM16_16K))
        talk.plugins["tts"] = ToneTts(NoParams(), NoParams())
        session = await talk.begin()
        session.speak(1, tone(300), audio=LPCM16_16K, text="First.")
        session.tell(message("Second."))
        session.speak(2, tone(300), audio=LPCM16_16K, text="Third.")
        await session.until_played(2)
        await talk.hang_up()
        assert [text for side, text in talk.line.lines if side == "bot"] == [
            "First.",
            "Second.",
            "Third.",
        ]

    leap(scenario())


@pytest.mark.parametrize(
    ("kind", "ended"), [("prompt", "done"), ("refuse", "failed"), ("never", "failed")]
)
def test_a_supervisor_directs_the_bot_and_is_told_what_came_of_it(kind: str, ended: str) -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        outcomes: list[Outcome] = []
        talk.line.session.steer(ControlAgent(message={"type": kind}), "alice", outcomes.append)
        await asyncio.sleep(11)
        await talk.hang_up()

        assert session.controls == [{"type": kind}]
        assert [outcome.status for outcome in outcomes] == ["accepted", ended]

    leap(scenario())


def test_what_an_agent_reports_is_in_the_transcript_only_if_it_says_so() -> None:
    async def scenario() -> None:
        talk = Talk()
        session = await talk.begin()
        session.tell(
            AgentReport(name="warning", detail={"code": "X"}, note="The agent is slow"),
            AgentReport(name="thinking", detail={"content": "Hm."}),
        )
        await turns()
        await talk.hang_up()
        told = [text for side, text in talk.line.lines if side == "system"]
        assert "The agent is slow" in told
        assert not [text for text in told if "Hm." in text]

    leap(scenario())
