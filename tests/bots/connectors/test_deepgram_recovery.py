"""What becomes of a call when Deepgram fails, and the defects of others that ours must not have.

The letters are those of the defects found in Deepgram's own bridge to AudioCodes.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from bots.connectors.deepgram_agent import accounts
from bots.connectors.deepgram_agent.accounts import account
from bots.core.activities import event
from bots.core.audio import MULAW_8K
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    EndpointedSpeech,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    Transcript,
)
from tests.bots.connectors.deepgram_talk import CALL, QUICK, VOICE, connector, talking
from tests.fakes.deepgram_agent import KEY, Call, FakeAgent, Script, Turn, serving, tone
from tests.fakes.deepgram_script import Fault as Slip

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

GREETING: dict[str, Any] = {"deepgramGreeting": "Hello."}
STEADY = msgspec.structs.replace(QUICK, steady_s=0.0)
"""Every session is worth another one."""


@pytest.fixture
async def agent() -> AsyncIterator[FakeAgent]:
    async with serving() as found:
        yield found
        assert found.violations == []


def faulty(*slips: Slip, **script: Any) -> Script:
    return Script(faults=frozenset(slips), **script)


# --- the call is not taken ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slip", "fault", "said"),
    [
        ("wrong key", Fault.AUTHENTICATION, "Deepgram does not accept the API key (HTTP 401)"),
        ("no credit", Fault.QUOTA, "Deepgram wants to be paid"),
        ("no access", Fault.AUTHORIZATION, "Deepgram does not let this API key"),
        ("too many requests", Fault.RATE_LIMIT, "Deepgram has no session left"),
        ("refuse settings", Fault.INVALID_REQUEST, "Deepgram refused the settings: agent.think"),
    ],
)
async def test_defect_h_a_refusal_is_known_before_the_call_is_taken(
    slip: Slip, fault: Fault, said: str
) -> None:
    async with serving(faulty(slip)) as agent:
        with pytest.raises(ServiceError) as refused:
            await connector(agent).open(CALL)
        assert refused.value.fault is fault
        assert refused.value.detail.startswith(said)
        assert KEY not in str(refused.value)
        assert account(agent.url, KEY).in_use == 0


@pytest.mark.parametrize(
    ("slip", "awaited"), [("never welcome", "Welcome"), ("never applied", "SettingsApplied")]
)
async def test_defect_k_a_server_that_says_nothing_is_given_up(slip: Slip, awaited: str) -> None:
    async with serving(faulty(slip)) as agent:
        with pytest.raises(ServiceError) as refused:
            await connector(agent, deepgramConnectTimeoutMS=200).open(CALL)
        assert refused.value.fault is Fault.TIMEOUT
        assert refused.value.detail == f"Deepgram sent no {awaited} within 0.2 s"
        session = await agent.session()
        async with asyncio.timeout(5):
            await session.closed.wait()


async def test_defect_a_a_call_that_is_given_up_while_it_joins_leaves_nothing_behind() -> None:
    async with serving(faulty("never welcome")) as agent:
        joining = asyncio.ensure_future(connector(agent).open(CALL))
        session = await agent.session()
        joining.cancel()
        await asyncio.wait([joining])
        async with asyncio.timeout(5):
            await session.closed.wait()
        assert account(agent.url, KEY).in_use == 0


async def test_where_nobody_is_the_reason_says_so(agent: FakeAgent) -> None:
    nowhere = connector(agent, deepgramUrl="ws://127.0.0.1:9/v1/agent/converse")
    with pytest.raises(ServiceError) as refused:
        await nowhere.open(CALL)
    assert refused.value.fault is Fault.CONNECTIVITY
    assert refused.value.detail == "Deepgram cannot be reached: no connection"


async def test_a_secret_that_is_missing_is_named_without_asking(agent: FakeAgent) -> None:
    think = [{"provider": {"type": "groq", "model": "m"}, "endpoint": "groq"}]
    with pytest.raises(ServiceError, match="no secret named groq"):
        await connector(agent, deepgramThink=think).open(CALL)
    assert agent.sessions == []
    assert account(agent.url, KEY).in_use == 0


async def test_after_a_429_the_next_calls_do_not_ask_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounts, "PAUSE_S", 1000.0)
    async with serving(faulty("too many requests"), Script()) as agent:
        for _ in range(3):
            with pytest.raises(ServiceError) as refused:
                await connector(agent).open(CALL)
            assert refused.value.fault is Fault.RATE_LIMIT
        assert agent.refused == ["TOO_MANY_REQUESTS"]


# --- the call goes on -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012])
async def test_defects_c_and_d_a_close_in_mid_call_is_mended(code: int) -> None:
    broken = faulty("close in mid-call", close_code=code)
    async with serving(broken, Script()) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            talk.say()
            again = await talk.report("reconnected")
            await talk.answered()
            assert again.detail == {"request_id": agent.sessions[1].request_id}
            assert f"Deepgram closed the connection ({code})" in talk.notes()
        settings = agent.sessions[1].received[0]["agent"]
        assert "greeting" not in settings
        assert [m["content"] for m in settings["context"]["messages"]] == ["Hello."]
        unanswered = {"type": "InjectUserMessage", "content": "some words"}
        assert agent.sessions[1].received[1] == unanswered
        assert agent.violations == []


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "FAILED_TO_THINK", "NEVER_HEARD_OF"])
async def test_an_error_of_the_moment_is_mended(code: str) -> None:
    async with serving(faulty("error in mid-call", error_code=code), Script()) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            talk.say()
            error = await talk.report("error")
            assert error.detail["code"] == code
            await talk.report("reconnected")
            await talk.answered()
        assert agent.violations == []


async def test_a_cut_in_mid_utterance_ends_the_stream_and_is_mended() -> None:
    async with serving(faulty("cut in mid-utterance"), Script()) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            talk.say()
            begun = await talk.until(StreamStarted)
            ended = await talk.until(StreamEnded)
            assert ended.stream == begun.stream
            await talk.report("reconnected")
            await talk.answered()
            assert [each.stream for each in talk.of(StreamStarted)] == [1, 2, 3]
        assert agent.violations == []


async def test_an_agent_that_has_not_spoken_yet_greets_in_the_new_session() -> None:
    async with serving(faulty("close in mid-call", fault_turn=0), Script()) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            assert agent.sessions[1].received[0]["agent"]["greeting"] == "Hello."
        assert agent.violations == []


async def test_one_new_session_is_tried_and_no_more() -> None:
    async with serving(faulty("close in mid-call", fault_turn=0)) as agent:
        async with talking(agent, **GREETING) as talk:
            talk.session.listen(on=True)
            with pytest.raises(ServiceError) as failed:
                await talk.end()
        assert failed.value.detail == "Deepgram closed the connection (1000)"
        assert len(agent.sessions) == 2
        assert account(agent.url, KEY).in_use == 0


async def test_a_new_session_that_is_refused_fails_the_call_with_both_reasons() -> None:
    async with serving(faulty("close in mid-call", fault_turn=0), faulty("no credit")) as agent:
        async with talking(agent, **GREETING) as talk:
            talk.session.listen(on=True)
            with pytest.raises(ServiceError) as failed:
                await talk.end()
        assert failed.value.fault is Fault.QUOTA
        first, _, then = failed.value.detail.partition("; then: ")
        assert first == "Deepgram closed the connection (1000)"
        assert then.startswith("Deepgram wants to be paid")


@pytest.mark.parametrize("code", ["INVALID_SETTINGS", "USER_AUDIO_FORMAT", "INVALID_AGENT_ID"])
async def test_an_error_that_would_come_again_fails_the_call_at_once(code: str) -> None:
    script = faulty("error in mid-call", error_code=code, fault_turn=0)
    async with serving(script) as agent:
        async with talking(agent, **GREETING) as talk:
            talk.session.listen(on=True)
            with pytest.raises(ServiceError):
                await talk.end()
        assert len(agent.sessions) == 1


async def test_a_failure_before_the_call_takes_part_is_not_kept_back() -> None:
    script = faulty("error in mid-call", error_code="INVALID_SETTINGS", fault_turn=0)
    async with serving(script) as agent, talking(agent, **GREETING) as talk:
        with pytest.raises(ServiceError):
            await talk.end()


# --- two hours ------------------------------------------------------------------------------------


async def test_a_session_that_grows_old_is_followed_by_another_in_a_pause() -> None:
    old = Script(session_warning_s=0.05)
    async with serving(old, Script()) as agent, talking(agent, **GREETING) as talk:
        ended = await talk.greeted()
        warned = asyncio.ensure_future(talk.report("reconnected"))
        talk.session.played(ended.stream, heard_ms=600, interrupted=False)
        again = await warned
        assert again.detail["request_id"] == agent.sessions[1].request_id
        assert agent.sessions[0].close_code == 1000
        await talk.answered()
        assert not [each for each in talk.of(AgentReport) if each.name == "error"]


async def test_our_own_clock_counts_when_no_warning_comes(agent: FakeAgent) -> None:
    async with talking(agent, timing=msgspec.structs.replace(QUICK, age_s=0.05)) as talk:
        talk.session.listen(on=True)
        await talk.report("reconnected")


async def test_nobody_is_cut_off_for_the_age_of_a_session(agent: FakeAgent) -> None:
    ageing = msgspec.structs.replace(QUICK, age_s=0.0)
    async with talking(agent, timing=ageing, **GREETING) as talk:
        ended = await talk.greeted()
        await talk.report("audio_done")
        await asyncio.sleep(QUICK.tick_s * 5)
        assert len(agent.sessions) == 1  # the caller is still hearing the greeting
        talk.session.played(ended.stream, heard_ms=600, interrupted=False)
        await talk.report("reconnected")


async def test_a_session_that_reached_its_limit_is_followed_as_often_as_it_takes() -> None:
    async with serving(Script(session_limit_s=0.05, session_warning_s=9.0)) as agent:
        async with talking(agent) as talk:
            talk.session.listen(on=True)
            for _ in range(3):
                await talk.report("reconnected")
        assert agent.violations == []


# --- in the talk ----------------------------------------------------------------------------------


async def test_defect_e_barge_in_after_the_last_byte_is_told(agent: FakeAgent) -> None:
    async with talking(agent, **GREETING) as talk:
        await talk.greeted()
        await talk.report("audio_done")
        talk.session.hear(VOICE)
        assert await talk.until(EndpointedSpeech) == EndpointedSpeech(speaking=True)


async def test_audio_that_the_caller_interrupts_does_not_stand_before_the_news(
    agent: FakeAgent,
) -> None:
    async with talking(agent) as talk:
        session = await agent.session()
        await session.send_audio(b"unread")
        await session.send({"type": "UserStartedSpeaking"})
        await talk.session.control({"type": "UpdatePrompt", "prompt": "x"})
        talk.session.listen(on=True)
        await talk.until(EndpointedSpeech)
        assert talk.audio(1) == b""


async def test_defect_f_late_audio_is_not_heard() -> None:
    async with serving(faulty("late audio"), Script()) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            await talk.answered()
            talk.say()
            await talk.until(Transcript)
            await talk.until(StreamEnded)
            late = tone(500, MULAW_8K, 1000)
            assert all(late[:400] not in talk.audio(n) for n in range(1, 5))
            assert len(talk.of(StreamStarted)) == 3
        assert agent.violations == []


async def test_defect_g_a_slow_function_holds_up_nothing() -> None:
    turn = Turn(calls=(Call("slow"),))
    slow = [{"name": "slow", "parameters": {"type": "object"}}]
    async with serving(Script(turns=(turn,))) as agent:
        async with talking(agent, deepgramFunctions=slow) as talk:
            talk.session.listen(on=True)
            talk.say()
            await talk.report("function_call")
            talk.session.hear(VOICE)
            assert await talk.until(EndpointedSpeech) == EndpointedSpeech(speaking=True)
            await talk.report("function_cancelled")
            wanted = {"type": "FunctionCallResponse", "id": "call_1", "name": "slow", "content": ""}
            with pytest.raises(ServiceError, match="waits for no function"):
                await talk.session.control(wanted)
        assert agent.violations == []


async def test_defects_b_and_l_the_end_of_the_call_is_the_end_of_the_session(
    agent: FakeAgent,
) -> None:
    session = await connector(agent, **GREETING).open(CALL)
    await session.send(event("start"))
    await session.close("client-disconnected", "the voice side is gone")
    found = await agent.session()
    async with asyncio.timeout(5):
        await found.closed.wait()
    assert account(agent.url, KEY).in_use == 0


async def test_defects_i_and_j_two_conversations_are_two_sessions(agent: FakeAgent) -> None:
    bot = connector(agent)
    first, second = await bot.open(CALL), await bot.open(CALL)
    await first.close("", "")
    assert (await second.control({"type": "UpdatePrompt", "prompt": "Be brief."})) != ""
    await second.close("", "")
    assert len(agent.sessions) == 2
    assert account(agent.url, KEY).in_use == 0


async def test_a_session_is_kept_alive_while_no_audio_comes(agent: FakeAgent) -> None:
    async with talking(agent, timing=msgspec.structs.replace(QUICK, keep_alive_s=0.02)):
        session = await agent.session()
        await session.message("KeepAlive", 3)


async def test_an_answer_that_is_never_said_to_be_done_ends_all_the_same() -> None:
    stalls = msgspec.structs.replace(QUICK, stall_s=0.05)
    async with serving(faulty("no audio done")) as agent:
        async with talking(agent, timing=stalls, **GREETING) as talk:
            await talk.greeted()
            await talk.answered()
        assert agent.violations == []


async def test_garbage_and_news_are_no_reason_to_stop_talking() -> None:
    async with serving(faulty("garbage", "unknown messages")) as agent:
        async with talking(agent, **GREETING) as talk:
            await talk.greeted()
            await talk.answered()
        assert len(agent.sessions) == 1


async def test_what_the_call_stopped_is_not_told_any_more(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        session = await agent.session()
        talk.session.listen(on=True)
        await session.send_audio(b"first")
        begun = await talk.until(StreamStarted)
        await talk.until(StreamAudio)
        talk.session.played(begun.stream, heard_ms=0, interrupted=True)
        await session.send_audio(b"rest")
        await session.send({"type": "AgentAudioDone"})
        await session.send_audio(b"next")
        assert (await talk.until(StreamStarted)).stream == 2
        assert talk.audio(1) == b"first"


async def test_a_flood_of_events_fails_the_call_and_not_the_gateway(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        session = await agent.session()
        for _ in range(2050):
            await session.send({"type": "AgentThinking", "content": "x"})
        async with asyncio.timeout(5):
            await session.closed.wait()
        talk.session.listen(on=True)
        with pytest.raises(ServiceError, match="floods"):
            await talk.end()


async def test_secrets_that_deepgram_repeats_are_not_told_on(agent: FakeAgent) -> None:
    secrets = """{"groq": {"url": "https://g.example", "headers": {"k": "Bearer gsk-s3cret"}},
                  "aws": {"type": "iam", "secret_access_key": "aws-s3cret"}}"""
    async with talking(agent, secrets=secrets) as talk:
        session = await agent.session()
        talk.session.listen(on=True)
        said = f"bad gsk-s3cret aws-s3cret {KEY}"
        await session.send({"type": "Warning", "code": "W", "description": said})
        await session.send({"type": "InjectionRefused", "message": said})
        await session.send({"type": "Error", "code": "INVALID_SETTINGS", "description": said})
        with pytest.raises(ServiceError) as failed:
            await talk.end()
        told = f"{talk.told} {failed.value}"
    assert told.count("bad •") == 4
    assert "s3cret" not in told
    assert KEY not in told
