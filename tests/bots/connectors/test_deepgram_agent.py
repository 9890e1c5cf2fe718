"""A call's session with the Deepgram Voice Agent, as far as nothing goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from bots.connectors.deepgram_agent import DeepgramAgentConnector
from bots.connectors.deepgram_agent.accounts import account
from bots.core import registry
from bots.core.activities import Activity, event, message
from bots.core.audio import LPCM16_8K, LPCM16_16K, LPCM16_24K, MULAW_8K, AudioFormat
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    EndpointedSpeech,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    StreamText,
    Transcript,
)
from tests.bots.connectors.deepgram_talk import CALL, QUICK, VOICE, connector, talking
from tests.fakes.deepgram_agent import KEY, Call, FakeAgent, Script, Turn, serving

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

GREETING: dict[str, Any] = {"deepgramGreeting": "Hello. This is ${bot}."}


@pytest.fixture
async def agent() -> AsyncIterator[FakeAgent]:
    async with serving() as found:
        yield found
        assert found.violations == []


def test_the_plug_in_says_what_it_is() -> None:
    plugin = registry.plugin("bot", "deepgram-agent")
    assert plugin.factory is DeepgramAgentConnector
    assert plugin.defaults["bargeIn"] is True
    assert plugin.defaults["bargeInOnDTMF"] is True
    assert DeepgramAgentConnector.capabilities.hears
    assert DeepgramAgentConnector.capabilities.speaks
    assert {"UpdatePrompt", "InjectAgentMessage", "ForceEndTurn"} <= set(plugin.controls)


async def test_a_call_is_greeted_heard_and_answered(agent: FakeAgent) -> None:
    async with talking(agent, **GREETING) as talk:
        await talk.greeted()
        await talk.answered()
    (greeting, answer) = talk.of(StreamStarted)
    assert (greeting.text, greeting.audio) == ("Hello.", MULAW_8K)
    assert talk.of(StreamText)[0] == StreamText(1, "Hello. This is retail.")
    assert [each.text for each in talk.of(Transcript)] == ["some words"]
    assert talk.of(EndpointedSpeech) == [
        EndpointedSpeech(speaking=True),
        EndpointedSpeech(speaking=False),
    ]
    session = agent.sessions[0]
    assert [talk.audio(1), talk.audio(answer.stream)] == session.spoken
    assert talk.of(AgentReport)[0].detail == {"request_id": session.request_id}


async def test_the_caller_is_heard_without_a_change_to_a_byte(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.session.listen(on=True)
        talk.session.hear(VOICE)
        talk.session.hear(b"")
        session = await agent.session()
        await session.until(lambda: len(session.audio) >= len(VOICE))
        assert bytes(session.audio) == VOICE


async def test_who_is_not_listened_to_is_silent_for_the_agent(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.session.hear(VOICE)
        session = await agent.session()
        await session.until(lambda: len(session.audio) >= len(VOICE))
        assert bytes(session.audio) == b"\xff" * len(VOICE)


@pytest.mark.parametrize("leg", [MULAW_8K, LPCM16_8K, LPCM16_16K, LPCM16_24K])
async def test_the_agent_talks_in_the_formats_of_the_voice_side(
    agent: FakeAgent, leg: AudioFormat
) -> None:
    call = msgspec.structs.replace(CALL, caller_audio=leg, prompt_audio=MULAW_8K)
    async with talking(agent, call, **GREETING) as talk:
        await talk.greeted()
        assert talk.session.caller_audio == leg
        assert talk.of(StreamStarted)[0].audio == MULAW_8K


async def test_audio_that_is_no_telephony_is_converted_by_the_call(agent: FakeAgent) -> None:
    odd = AudioFormat("lpcm16", 11025)
    call = msgspec.structs.replace(CALL, caller_audio=odd, prompt_audio=odd)
    async with talking(agent, call) as talk:
        assert talk.session.caller_audio == LPCM16_16K


async def test_a_greeting_waits_until_the_call_takes_part(agent: FakeAgent) -> None:
    async with talking(agent, **GREETING) as talk:
        session = await agent.session()
        await session.until(lambda: session.spoken)
        reader = asyncio.ensure_future(talk.until(StreamEnded))
        await asyncio.sleep(0)
        assert not reader.done()
        await talk.session.send(event("start"))
        await reader
        assert talk.audio(1) == session.spoken[0]


async def test_settings_are_made_of_the_parameters_and_the_call(agent: FakeAgent) -> None:
    secrets = '{"groq": {"url": "https://g.example", "headers": {"authorization": "k"}}}'
    configured: dict[str, Any] = {
        "deepgramPrompt": "You talk to ${caller}.",
        "deepgramListenModel": "flux-general-en",
        "deepgramEotTimeoutMS": 3000,
        "deepgramKeyterms": ["AudioCodes"],
        "deepgramThink": [{"provider": {"type": "groq", "model": "m"}, "endpoint": "groq"}],
        "deepgramFunctions": [{"name": "order", "parameters": {"type": "object"}}],
        "deepgramTags": ["${conversationId}"],
        "deepgramMipOptOut": True,
    }
    async with talking(agent, secrets=secrets, **configured):
        first = (await agent.session()).received[0]
    assert (first["tags"], first["mip_opt_out"]) == (["c-1"], True)
    assert first["agent"]["listen"]["provider"] == {
        "type": "deepgram",
        "version": "v2",
        "model": "flux-general-en",
        "keyterms": ["AudioCodes"],
        "eot_timeout_ms": 3000,
    }
    think = first["agent"]["think"]
    assert think["prompt"] == "You talk to +15550123."
    assert think["endpoint"] == {"url": "https://g.example", "headers": {"authorization": "k"}}
    assert think["functions"] == [{"name": "order", "parameters": {"type": "object"}}]


async def test_settings_may_be_written_down_as_a_whole(agent: FakeAgent) -> None:
    whole = {"agent": {"greeting": "Hi ${caller}."}, "flags": {"history": False}}
    async with talking(agent, deepgramSettings=whole):
        first = (await agent.session()).received[0]
    assert first["agent"] == {"greeting": "Hi +15550123."}
    assert first["flags"] == {"history": False}
    assert first["audio"]["output"]["container"] == "none"


async def test_an_agent_may_be_stored_at_deepgram() -> None:
    stored = "5f9c2a1e-0000-4000-8000-000000000001"
    async with serving(Script(agents=frozenset({stored}))) as agent:
        async with talking(agent, deepgramAgentId=stored):
            assert (await agent.session()).received[0]["agent"] == stored
        assert agent.violations == []


# --- what the caller does beside speaking ---------------------------------------------------------


async def test_keys_silence_and_the_beginning_are_told_in_the_callers_name(
    agent: FakeAgent,
) -> None:
    configured: dict[str, Any] = {
        "deepgramStartMessage": "I call from ${caller}.",
        "deepgramNoInputMessage": "(silence)",
    }
    async with talking(agent, **configured) as talk:
        await talk.session.send(event("start"))
        await talk.session.send(event("DTMF", value="12#"))
        await talk.session.send(event("noUserInput", value=1))
        await talk.session.send(message("a line \ud800 of text"))
        await talk.session.send(event("silenceDetected"))
        await talk.session.send(message("  "))
        session = await agent.session()
        await session.message("InjectUserMessage", 4)
        said = [m["content"] for m in session.received if m["type"] == "InjectUserMessage"]
    assert said == [
        "I call from +15550123.",
        "I pressed 12# on the keypad.",
        "(silence)",
        "a line ? of text",
    ]


async def test_what_is_not_configured_is_not_said(agent: FakeAgent) -> None:
    async with talking(agent, deepgramDtmfMessage="") as talk:
        await talk.session.send(event("start"))
        await talk.session.send(event("DTMF", value="1"))
        await talk.session.send(event("noUserInput", value=1))
        await talk.session.send(message("the only one"))
        session = await agent.session()
        assert (await session.message("InjectUserMessage"))["content"] == "the only one"


async def test_keys_that_the_agent_is_not_told_of_leave_it_owing_no_answer(
    agent: FakeAgent,
) -> None:
    async with talking(agent, deepgramDtmfMessage="") as talk:
        await talk.session.send(event("DTMF", value="1"))
        assert (await talk.until(Activity, lambda _: True)).text == ""


# --- functions ------------------------------------------------------------------------------------


async def test_the_agent_may_hang_up_once_it_has_spoken() -> None:
    turn = Turn(calls=(Call("hangup", {"reason": "all\r\ndone"}),), reply="Goodbye.")
    async with serving(Script(turns=(turn,))) as agent:
        async with talking(agent, deepgramGatewayFunctions=["hangup"]) as talk:
            talk.session.listen(on=True)
            await talk.answered()
            left = await talk.until(Activity)
            assert left == event("hangup", activity_params={"hangupReason": "all done"})
            (offered,) = agent.sessions[0].received[0]["agent"]["think"]["functions"]
            assert (offered["name"], offered["defer_until_eot"]) == ("hangup", True)
        assert agent.violations == []


async def test_an_agent_that_has_nothing_more_to_say_hangs_up_soon() -> None:
    turn = Turn(calls=(Call("hangup"),), reply_ms=600)
    async with serving(Script(turns=(turn,), faults=frozenset({"no audio done"}))) as agent:
        stalls = msgspec.structs.replace(QUICK, stall_s=0.05, farewell_s=0.02)
        configured: dict[str, Any] = {"deepgramGatewayFunctions": ["hangup"], "timing": stalls}
        async with talking(agent, **configured) as talk:
            talk.session.listen(on=True)
            await talk.answered()
            assert await talk.until(Activity) == event("hangup")


async def test_the_agent_transfers_to_names_and_never_learns_the_numbers() -> None:
    turns = (
        Turn(calls=(Call("transfer", {"target": "+1900555"}),), reply="Result: {result}"),
        Turn(calls=(Call("transfer", {"target": "billing", "reason": "asked"}),)),
    )
    targets = {"billing": "tel:+15550100", "sales": "sip:sales@example.com"}
    configured: dict[str, Any] = {
        "deepgramGatewayFunctions": ["transfer"],
        "deepgramTransferTargets": targets,
    }
    async with serving(Script(turns=turns)) as agent:
        async with talking(agent, **configured) as talk:
            talk.session.listen(on=True)
            await talk.answered()
            assert "no such target" in talk.of(StreamStarted)[0].text
            await talk.answered()
            moved = await talk.until(Activity)
            assert moved.activity_params == {
                "transferTarget": "tel:+15550100",
                "handoverReason": "asked",
            }
            assert "5550100" not in str(agent.sessions[0].received[0])
        assert agent.violations == []


async def test_keys_are_pressed_at_once() -> None:
    turns = (
        Turn(calls=(Call("sendDtmf", {"digits": "12x"}),), reply="Result: {result}"),
        Turn(calls=(Call("sendDtmf", {"digits": "12#"}),)),
    )
    async with serving(Script(turns=turns)) as agent:
        configured: dict[str, Any] = {"deepgramGatewayFunctions": ["sendDtmf"]}
        async with talking(agent, **configured) as talk:
            talk.session.listen(on=True)
            await talk.answered()
            assert "1 to 20" in talk.of(StreamStarted)[0].text
            await talk.answered()
            pressed = event("sendDtmf", activity_params={"dtmfDigits": "12#"})
            assert pressed in talk.told


async def test_functions_that_were_not_allowed_are_not_the_gateways(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        session = await agent.session()
        assert "functions" not in session.received[0]["agent"]["think"]
        call = {"id": "1", "name": "hangup", "arguments": "{}", "client_side": True}
        talk.session.listen(on=True)
        await session.send({"type": "FunctionCallRequest", "functions": [call]})
        await talk.report("function_call")
        assert await talk.session.control(
            {"type": "FunctionCallResponse", "id": "1", "name": "hangup", "content": "no"}
        )
        assert talk.of(Activity) == []
    agent.sessions[0].violations.clear()  # the fake never made that call


# --- the account ----------------------------------------------------------------------------------


async def test_sessions_of_a_key_are_counted_and_given_back(agent: FakeAgent) -> None:
    count = account(agent.url, KEY)
    async with talking(agent, deepgramConcurrency=1):
        assert count.in_use == 1
        with pytest.raises(ServiceError) as refused:
            await connector(agent, deepgramConcurrency=1).open(CALL)
        assert refused.value.fault is Fault.RATE_LIMIT
        assert "all 1 sessions" in refused.value.detail
    assert count.in_use == 0
    async with talking(agent, deepgramConcurrency=1):
        assert count.in_use == 1


async def test_the_provider_test_has_the_settings_applied_and_leaves(agent: FakeAgent) -> None:
    facts = await connector(agent, **GREETING).check()
    session = await agent.session()
    assert facts == {"request": session.request_id}
    assert "greeting" not in session.received[0]["agent"]
    async with asyncio.timeout(5):
        await session.closed.wait()


@pytest.mark.parametrize("text", ["caller_audio", "prompt_audio"])
async def test_a_text_session_is_refused(agent: FakeAgent, text: str) -> None:
    with pytest.raises(ServiceError, match="needs a call with audio"):
        await connector(agent).open(msgspec.structs.replace(CALL, **{text: None}))
    assert agent.sessions == []


async def test_without_a_key_nothing_is_asked(agent: FakeAgent) -> None:
    with pytest.raises(ServiceError) as refused:
        await connector(agent, key="").check()
    assert refused.value.fault is Fault.AUTHENTICATION
    assert agent.refused == []


async def test_a_call_that_ends_leaves_in_order_and_at_once(agent: FakeAgent) -> None:
    async with talking(agent, **GREETING) as talk:
        await talk.greeted()
        await talk.session.close("client-disconnected", "")
        await talk.session.close("client-disconnected", "")
        assert [e for e in await talk.end() if isinstance(e, StreamAudio)] == talk.of(StreamAudio)
    session = agent.sessions[0]
    async with asyncio.timeout(5):
        await session.closed.wait()
    assert session.close_code == 1000
    await talk.session.send(message("too late"))
    talk.session.hear(VOICE)
