"""Whole calls with a voice agent: a caller in front, a strict Deepgram behind, and its faults."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bots.core.audio import LPCM16_16K, level_dbfs
from bots.models import Bot
from bots.net import Outbound
from bots.protocols.ac_bot_api import (
    Accepted,
    Errored,
    MediaFormat,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    UserStreamOpen,
)
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.database import db
from calls.media import streams
from calls.media.pacer import LEAD_MS
from calls.models import Call
from tests.calls.channels.conftest import VoiceSide
from tests.fakes.deepgram_agent import KEY, FakeAgent, Fault, Script, Turn, serving
from tests.fakes.deepgram_agent import Call as Calling
from tests.fakes.receiver import Reply, receiving
from tests.plugins import silence, tone

pytestmark = pytest.mark.db

QUICK: dict[str, Any] = {"greeting_ms": 200, "silence_ms": 100}
TURN = Turn(said="my question", reply="The answer.", reply_ms=200)
SPOKEN = silence(LEAD_MS) + tone(100) + silence(160)
"""Something the caller says behind the prompt, with the silence that ends it."""
SORRY = {"type": "message", "text": "Sorry."}

Line = Callable[..., Any]


def quick(*faults: Fault, **changes: Any) -> Script:
    """A fast agent with ``faults`` in its first turn."""
    return Script(faults=frozenset(faults), **{**QUICK, "turns": (TURN,), **changes})


@asynccontextmanager
async def answering(*scripts: Script, **params: Any) -> AsyncIterator[FakeAgent]:
    """An agent that follows ``scripts``, one a connection, and a bot that is set up with it."""

    def make(url: str) -> Bot:
        agent = provider_create(
            name="deepgram",
            kind="bot",
            plugin="deepgram-agent",
            params={"deepgramUrl": url},
            credentials={"deepgramKey": KEY},
        )
        voice = provider_create(name="tones", kind="tts", plugin="tones")
        settings = {"deepgramGreeting": "Good day.", **params}
        return bot_create(
            name="table", author="test", params=settings, provider=agent, tts_provider=voice
        )

    async with serving(*scripts) as agent:
        await db(make, agent.url)
        yield agent


@pytest.fixture
def line(
    transactional_db: None, loopback: Outbound, call: Any, records: Any, lines: Any
) -> Callable[[], Awaitable[VoiceSide]]:
    """A call to the agent, taken by the gateway, with the caller's stream open."""

    async def placed() -> VoiceSide:
        side: VoiceSide = await call()
        await side.until(Accepted)
        await side.start()
        await side.send(side.client.user_stream_start())
        await side.until(UserStreamOpen)
        return side

    return placed


async def prompt(side: VoiceSide) -> str:
    """What is said in the next prompt, when it has been heard to its end."""
    started: PlayStarted = await side.until(PlayStarted)
    while (await side.until(PlayStopped)).stream_id != started.stream_id:
        pass
    return started.alt_text or ""


async def heard(side: VoiceSide, text: str) -> None:
    """Wait until ``text`` has been said, whatever is said before."""
    while await prompt(side) != text:
        pass


def heard_ms(side: VoiceSide) -> float:
    """How much sound arrived, of all prompts."""
    audio = b"".join(event.audio for event in side.seen if isinstance(event, PlayAudio))
    size = LPCM16_16K.bytes_for_ms(20)
    frames = [audio[at : at + size] for at in range(0, len(audio), size)]
    return 20.0 * sum(level_dbfs(frame) > -45 for frame in frames)


async def ended(side: VoiceSide, records: Any) -> Call:
    """The record of the call after the caller has heard all and hung up."""
    await side.speak(silence(LEAD_MS))
    await side.send(side.client.end("client-disconnected", ""))
    await side.closed()
    (record,) = await records()
    found: Call = record
    return found


async def test_a_caller_talks_with_an_agent(line: Line, records: Any, lines: Any) -> None:
    async with answering(quick()) as agent:
        side = await line()
        assert await prompt(side) == "Good day."
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        record = await ended(side, records)
        assert [text for _, text, _ in await lines(record)][:3] == [
            "Good day.",
            "my question",
            "The answer.",
        ]
        assert heard_ms(side) == pytest.approx(400, abs=60)
        session = agent.sessions[0]
        await session.closed.wait()
        assert agent.violations == []
        assert record.cause == ""
        assert session.settings is not None
        assert session.settings.audio.input.sample_rate == 16000


@pytest.mark.parametrize("fault", ["no audio done", "unknown messages", "garbage", "late audio"])
async def test_an_agent_may_be_careless(
    line: Line, records: Any, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_S", 0.3)
    async with answering(quick(fault)) as agent:
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        record = await ended(side, records)
        assert (record.cause, record.faults) == ("", 0)
        assert agent.violations == []


@pytest.mark.parametrize("speed", [0.0, 1.0])
async def test_what_is_interrupted_is_not_heard_on(
    line: Line, records: Any, lines: Any, speed: float
) -> None:
    """Be it that all of it has been sent (speed 0) or that more of it is on its way."""
    story = "Once upon a time there was a story that went on and on."
    script = quick("late audio", fault_turn=9, greeting_ms=4000, speed=speed)
    async with answering(script, deepgramGreeting=story) as agent:
        side = await line()
        started: PlayStarted = await side.until(PlayStarted)
        while heard_ms(side) < 600:
            await side.until(PlayAudio)
        await side.speak(SPOKEN[LPCM16_16K.bytes_for_ms(LEAD_MS) :])
        while (await side.until(PlayStopped)).stream_id != started.stream_id:
            pass
        assert heard_ms(side) < 1500
        assert await prompt(side) == "The answer."
        assert heard_ms(side) < 1900
        record = await ended(side, records)
        (_, cut, whole), *_ = await lines(record)
        assert whole == story
        assert story.startswith(cut)
        assert 0 < len(cut) < len(story) / 2
        assert agent.violations == []


REFUSALS: list[tuple[Script, str, str]] = [
    (quick("wrong key"), "authentication", "Deepgram does not accept the API key"),
    (quick("no credit"), "quota", "Deepgram wants to be paid"),
    (quick("no access"), "authorization", "Deepgram does not let this API key"),
    (quick("too many requests"), "rate-limit", "Deepgram has no session left"),
    (quick("refuse settings"), "invalid-request", "Deepgram refused the settings"),
    (quick("never welcome"), "timeout", "Deepgram sent no Welcome within 1 s"),
    (quick("never applied"), "timeout", "Deepgram sent no SettingsApplied within 1 s"),
]


@pytest.mark.parametrize(
    ("script", "fault", "reason"), REFUSALS, ids=["+".join(r[0].faults) for r in REFUSALS]
)
async def test_a_call_that_the_agent_does_not_take_is_refused_with_its_reason(
    line: Line, call: Any, records: Any, script: Script, fault: str, reason: str
) -> None:
    async with answering(script, deepgramConnectTimeoutMS=1000) as agent:
        side: VoiceSide = await call()
        refused: Errored = await side.until(Errored)
        assert reason in refused.reason
        await side.closed()
        (record,) = await records()
        assert record.cause == f"bot:{fault}"
        assert reason in record.reason
        assert len(agent.sessions) + len(agent.refused) == 1


async def test_a_slow_welcome_is_waited_for(line: Line, records: Any) -> None:
    async with answering(quick(welcome_s=0.1)):
        side = await line()
        assert await prompt(side) == "Good day."
        assert (await ended(side, records)).faults == 0


LOST: list[tuple[Fault, int]] = [
    ("cut in mid-utterance", 1006),
    ("close in mid-call", 1000),
    ("close in mid-call", 1011),
    ("error in mid-call", 1000),
]


@pytest.mark.parametrize(("fault", "code"), LOST)
async def test_a_talk_that_is_lost_is_taken_up_again(
    line: Line, records: Any, lines: Any, fault: Fault, code: int
) -> None:
    again = quick(turns=(Turn(said="once more", reply="Here I am.", reply_ms=200),))
    async with answering(quick(fault, close_code=code), again) as agent:
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        second = await agent.session(1)
        settings = await second.message("Settings")
        past = [each["content"] for each in settings["agent"]["context"]["messages"]]
        assert "greeting" not in settings["agent"]
        if fault == "cut in mid-utterance":
            assert past == ["Good day.", "my question", "The answer."]
            await side.speak(SPOKEN)
        else:
            assert past == ["Good day."]
            unanswered = await second.message("InjectUserMessage")
            assert unanswered["content"] == "my question"
        await heard(side, "Here I am.")
        record = await ended(side, records)
        assert record.cause == ""
        texts = [text for _, text, _ in await lines(record)]
        assert "A new session of the agent took the talk over" in texts
        assert any(text.startswith("Deepgram ") for text in texts)
        assert agent.violations == []


@pytest.mark.parametrize(
    ("second", "cause"),
    [("too many requests", "bot:rate-limit"), ("wrong key", "bot:authentication")],
)
async def test_a_talk_that_cannot_be_taken_up_has_the_failover(
    line: Line, records: Any, second: Fault, cause: str
) -> None:
    lost = quick("close in mid-call")
    async with answering(lost, quick(second), failoverActivities={"bot": [SORRY]}):
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "Sorry."
        await side.told("hangup")
        record = await ended(side, records)
        assert record.cause == cause
        assert "Deepgram closed the connection (1000); then: Deepgram" in record.reason


async def test_an_agent_that_falls_silent_for_long_is_given_up(line: Line, records: Any) -> None:
    patience = {"botNoInputGiveUpTimeoutMS": 300, "failoverActivities": {"general": [SORRY]}}
    async with answering(quick("silent"), **patience):
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "Sorry."
        await side.told("hangup")
        record = await ended(side, records)
        assert (record.cause, record.reason) == ("bot-no-input", "The bot did not answer")


async def test_an_agent_that_falls_silent_for_a_while_is_waited_for(
    line: Line, records: Any
) -> None:
    filler = {"botNoInputTimeoutMS": 200, "botNoInputSpeech": "One moment."}
    async with answering(quick("silent", silent_s=1.2), **filler) as agent:
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "One moment."
        assert await prompt(side) == "The answer."
        assert (await ended(side, records)).cause == ""
        assert agent.violations == []


ASKING = Turn(
    said="my order", reply="It is {result}", reply_ms=200, calls=(Calling("order", {"no": "7"}),)
)
TOOLS: dict[str, Any] = {"deepgramFunctions": [{"name": "order", "description": "An order."}]}


async def test_a_function_is_answered_by_the_bots_server(
    line: Line, records: Any, lines: Any
) -> None:
    with receiving() as server:
        url = server.always("/tools", Reply(body=b"on its way."))
        async with answering(quick(turns=(ASKING,)), agentToolsUrl=url, **TOOLS) as agent:
            side = await line()
            await prompt(side)
            await side.speak(SPOKEN)
            assert await prompt(side) == "It is on its way."
            record = await ended(side, records)
            assert str(record.pk).encode() in server.bodies("/tools")[0]
            assert agent.violations == []


async def test_a_function_that_never_answers_blocks_nobody(
    line: Line, records: Any, lines: Any
) -> None:
    with receiving() as server:
        url = server.always("/tools", Reply(fault="silent"))
        slow = {"agentToolsUrl": url, "agentToolsTimeoutMS": 500, **TOOLS}
        async with answering(quick(turns=(ASKING, TURN)), **slow) as agent:
            side = await line()
            await prompt(side)
            await side.speak(SPOKEN)
            text = "It is The function did not work: no answer within 0.5 s."
            assert await prompt(side) == text
            await side.speak(SPOKEN)
            assert await prompt(side) == "The answer."
            server.released.set()
            record = await ended(side, records)
            assert record.cause == ""
            note = "The function order did not work: no answer within 0.5 s."
            assert note in [text for _, text, _ in await lines(record)]
            assert agent.violations == []


async def test_a_caller_who_goes_on_withdraws_the_function(line: Line, records: Any) -> None:
    with receiving() as server:
        url = server.always("/tools", Reply(fault="silent"))
        async with answering(quick(turns=(ASKING, TURN)), agentToolsUrl=url, **TOOLS) as agent:
            side = await line()
            await prompt(side)
            await side.speak(SPOKEN)
            await asyncio.to_thread(server.wait_for, 1)
            await side.speak(SPOKEN)
            assert await prompt(side) == "The answer."
            server.released.set()
            await ended(side, records)
            sent = [each["type"] for each in agent.sessions[0].received]
            assert "FunctionCallResponse" not in sent
            assert agent.violations == []


async def test_before_a_session_is_too_long_another_takes_over_in_a_pause(
    line: Line, records: Any
) -> None:
    old = quick(session_warning_s=0.2, session_limit_s=30.0)
    async with answering(old, quick()) as agent:
        side = await line()
        await prompt(side)
        await side.speak(silence(100))
        second = await agent.session(1)
        await second.message("Settings")
        await agent.sessions[0].closed.wait()
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        record = await ended(side, records)
        assert (record.cause, record.faults) == ("", 0)
        assert agent.violations == []


async def test_a_session_that_reached_its_limit_is_followed_by_another(
    line: Line, records: Any
) -> None:
    old = quick(session_warning_s=60.0, session_limit_s=0.4)
    async with answering(old, quick()) as agent:
        side = await line()
        await prompt(side)
        await agent.session(1)
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        assert (await ended(side, records)).cause == ""
        assert agent.violations == []


async def test_audio_is_not_recoded_for_a_telephone(line: Line, call: Any, records: Any) -> None:
    async with answering(quick()) as agent:
        side: VoiceSide = await call(formats=(MediaFormat.RAW_MULAW,))
        await side.until(Accepted)
        await side.start()
        assert await prompt(side) == "Good day."
        settings = agent.sessions[0].settings
        assert settings is not None
        formats = (settings.audio.input, settings.audio.output)
        assert [(each.encoding, each.sample_rate) for each in formats] == [("mulaw", 8000)] * 2
        sent = agent.sessions[0].spoken[0]
        played = b"".join(e.audio for e in side.seen if isinstance(e, PlayAudio))
        assert played.startswith(bytes(sent))
