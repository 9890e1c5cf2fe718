"""Directing an agent while it talks, and the functions that others answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bots import functions
from bots.connectors.deepgram_agent.controls import CONTROLS
from bots.core.errors import Fault, ServiceError
from bots.core.ports import AgentReport, BotConversation, Controllable, StreamStarted, Transcript
from bots.functions import Function
from tests.bots.connectors.deepgram_talk import Talk, talking
from tests.fakes.deepgram_agent import Call, FakeAgent, Script, Turn, serving
from tests.fakes.web import serving as serving_web

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

MODEL = {"provider": {"type": "open_ai", "model": "gpt-4.1"}, "prompt": "Call ${caller} Sir."}
VOICE = {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}
HEARD = {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}}
GROQ = {"provider": {"type": "groq", "model": "m"}}
TOOLS = [{"name": name, "parameters": {"type": "object"}} for name in ("order", "other")]


@pytest.fixture
async def agent() -> AsyncIterator[FakeAgent]:
    async with serving() as found:
        yield found
        assert found.violations == []


async def refusal(talk: Talk, message: dict[str, Any]) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await talk.session.control(message)
    return refused.value


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "report"),
    [
        ({"type": "UpdatePrompt", "prompt": "Be brief."}, "prompt_updated"),
        ({"type": "UpdateSpeak", "speak": VOICE}, "speak_updated"),
        ({"type": "UpdateSpeak", "speak": [VOICE, VOICE]}, "speak_updated"),
        ({"type": "UpdateListen", "listen": HEARD}, "listen_updated"),
    ],
)
async def test_a_change_is_sent_as_it_is_and_waits_for_its_confirmation(
    agent: FakeAgent, message: dict[str, Any], report: str
) -> None:
    async with talking(agent) as talk:
        talk.session.listen(on=True)
        assert isinstance(talk.session, Controllable)
        assert await talk.session.control(message) == "Deepgram has confirmed it"
        assert agent.sessions[0].received[1] == message
        await talk.report(report)


async def test_a_new_language_model_keeps_what_it_may_do_with_the_call(agent: FakeAgent) -> None:
    async with talking(agent, deepgramGatewayFunctions=["hangup"]) as talk:
        await talk.session.control({"type": "UpdateThink", "think": MODEL})
        think = agent.sessions[0].received[1]["think"]
        assert think["prompt"] == "Call +15550123 Sir."
        assert [each["name"] for each in think["functions"]] == ["hangup"]


async def test_defect_m_the_agent_says_what_it_is_told_to(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.session.listen(on=True)
        said = {"type": "InjectAgentMessage", "message": "One moment.", "behavior": "interrupt"}
        assert await talk.session.control(said) == "sent to the agent"
        assert agent.sessions[0].received[1] == said
        assert (await talk.until(StreamStarted)).text == "One moment."


async def test_what_is_said_in_the_callers_name_is_not_the_callers(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.session.listen(on=True)
        said = {"type": "InjectUserMessage", "content": "I want a taxi."}
        assert await talk.session.control(said) == "sent to the agent"
        await talk.until(StreamStarted)
        assert talk.of(Transcript) == []


async def test_an_injection_at_a_bad_moment_is_refused(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.say()
        talk.session.listen(on=True)
        session = await agent.session()
        talk.say()
        await talk.report("thinking")
        asked = asyncio.ensure_future(
            refusal(talk, {"type": "InjectAgentMessage", "message": "Now."})
        )
        await session.message("InjectAgentMessage")
        await session.send({"type": "InjectionRefused", "message": "Somebody is speaking."})
        assert "Somebody is speaking." in (await asked).detail


async def test_the_end_of_a_turn_is_for_flux_only(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        assert (
            "Deepgram refuses: Only Flux" in (await refusal(talk, {"type": "ForceEndTurn"})).detail
        )
    async with talking(agent, deepgramListenModel="flux-general-en") as talk:
        assert await talk.session.control({"type": "ForceEndTurn"}) == "sent to the agent"


async def test_a_server_that_does_not_confirm_is_no_success(agent: FakeAgent) -> None:
    async def mute(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "Welcome"})
        await socket.receive()
        await socket.send_json({"type": "SettingsApplied"})
        async for _ in socket:
            pass
        return socket

    async with serving_web() as server:
        url = server.on("/mute", mute)
        async with talking(agent, deepgramUrl=url) as talk:
            failed = await refusal(talk, {"type": "UpdatePrompt", "prompt": "x"})
    assert (failed.fault, failed.detail) == (
        Fault.TIMEOUT,
        "Deepgram did not confirm UpdatePrompt",
    )


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({}, "type must be one of InjectAgentMessage"),
        ({"type": ["UpdatePrompt"]}, "type must be one of"),
        ({"type": "Settings", "audio": {}}, "type must be one of"),
        ({"type": "UpdatePrompt"}, "prompt: is missing"),
        ({"type": "UpdatePrompt", "prompt": ""}, "prompt: must not be empty"),
        ({"type": "UpdatePrompt", "prompt": "x", "more": 1}, "more: is not known here"),
        ({"type": "InjectAgentMessage", "content": "x"}, "message: is missing"),
        (
            {"type": "UpdateThink", "think": {"provider": {"type": "groq", "model": "m"}}},
            "needs an",
        ),
        ({"type": "UpdateSpeak", "speak": {**VOICE, "endpoint": "mine"}}, "no secret named mine"),
        ({"type": "FunctionCallResponse", "id": "9", "name": "f", "content": ""}, "waits for no"),
    ],
)
async def test_a_message_that_is_wrong_is_refused_in_words(
    agent: FakeAgent, message: dict[str, Any], said: str
) -> None:
    async with talking(agent) as talk:
        assert said in (await refusal(talk, message)).detail
        assert len(agent.sessions[0].received) == 1


async def test_an_agent_that_has_left_is_not_directed(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        await talk.session.close("", "")
        failed = await refusal(talk, {"type": "UpdatePrompt", "prompt": "x"})
        assert failed.detail == "The agent has left the call"


def test_every_control_is_explained() -> None:
    assert all(model.__doc__ for model in CONTROLS.values())


# --- changes outlive a session --------------------------------------------------------------------


async def test_a_session_that_takes_over_has_the_changes_too() -> None:
    first = Script(faults=frozenset({"close in mid-call"}))
    async with serving(first, Script()) as agent:
        async with talking(agent) as talk:
            talk.session.listen(on=True)
            for message in (
                {"type": "UpdatePrompt", "prompt": "Forgotten with the model."},
                {"type": "UpdateSpeak", "speak": VOICE},
                {"type": "UpdateThink", "think": MODEL},
                {"type": "UpdateSpeak", "speak": VOICE},
            ):
                await talk.session.control(message)
            talk.say()
            await talk.report("reconnected")
            session = await agent.session(1)
            await session.message("UpdateSpeak")
            changes = [each["type"] for each in session.received[1:]]
            assert changes[:2] == ["UpdateThink", "UpdateSpeak"]
        assert agent.violations == []


# --- functions ------------------------------------------------------------------------------------


@pytest.fixture
def hook() -> Any:
    """A hook that orders taxis and waits for nothing else."""
    asked: list[Function] = []

    async def answer(function: Function, conversation: BotConversation) -> str | None:
        asked.append(function)
        return "on its way" if function.name == "order" else None

    functions.set_hook(answer)
    yield asked
    functions.set_hook(None)


async def test_a_function_is_answered_and_the_agent_goes_on(hook: list[Function]) -> None:
    turn = Turn(calls=(Call("order", {"seats": 4}),), reply="It is {result}")
    async with serving(Script(turns=(turn,))) as agent:
        async with talking(agent, deepgramFunctions=TOOLS) as talk:
            talk.session.listen(on=True)
            await talk.answered()
            assert talk.of(StreamStarted)[0].text == "It is on its way"
            assert hook == [Function(id="call_1", name="order", arguments={"seats": 4})]
        assert agent.violations == []


async def test_a_session_that_takes_over_is_not_told_what_it_never_asked() -> None:
    asked, done = asyncio.Event(), asyncio.Event()

    async def answer(function: Function, conversation: BotConversation) -> str | None:
        asked.set()
        await done.wait()
        return "too late"

    functions.set_hook(answer)
    try:
        script = Script(turns=(Turn(calls=(Call("order"),)),))
        async with serving(script, Script()) as agent:
            async with talking(agent, deepgramFunctions=TOOLS) as talk:
                talk.session.listen(on=True)
                talk.say()
                await talk.report("function_call")
                await asked.wait()
                agent.sessions[0].cut()
                await talk.report("reconnected")
                done.set()
                await talk.session.control({"type": "UpdatePrompt", "prompt": "x"})
            kinds = [each["type"] for each in agent.sessions[1].received]
            assert kinds == ["Settings", "InjectUserMessage", "UpdatePrompt"]
            assert agent.violations == []
    finally:
        functions.set_hook(None)


async def test_a_function_that_nobody_knows_is_answered_by_whoever_directs() -> None:
    turn = Turn(calls=(Call("other"),), reply="It is {result}")
    async with serving(Script(turns=(turn,))) as agent:
        async with talking(agent, deepgramFunctions=TOOLS) as talk:
            talk.session.listen(on=True)
            talk.say()
            call = await talk.report("function_call")
            answer = {
                "type": "FunctionCallResponse",
                "id": call.detail["id"],
                "name": "other",
                "content": "fine",
            }
            assert await talk.session.control(answer) == "the function was answered"
            assert (await talk.until(StreamStarted)).text == "It is fine"
        assert agent.violations == []


async def test_a_function_that_nobody_answers_does_not_keep_the_agent_waiting() -> None:
    turn = Turn(calls=(Call("other"),), reply="{result}")
    async with serving(Script(turns=(turn,))) as agent:
        configured: dict[str, Any] = {"deepgramFunctions": TOOLS, "agentToolsTimeoutMS": 500}
        async with talking(agent, **configured) as talk:
            talk.session.listen(on=True)
            talk.say()
            warning = await talk.report("warning")
            assert warning.note == "Nobody answered the function other within 0.5 s."
            answer = (await talk.until(StreamStarted)).text
            assert answer == "The function did not work: nobody answered within 0.5 s."
        assert agent.violations == []


async def test_more_functions_at_once_than_a_call_may_have_are_not_called(agent: FakeAgent) -> None:
    async with talking(agent) as talk:
        talk.session.listen(on=True)
        session = await agent.session()
        calls = [
            {"id": str(n), "name": "other", "arguments": "{}", "client_side": True}
            for n in range(9)
        ]
        await session.send({"type": "FunctionCallRequest", "functions": calls})
        bad = {"id": "bad", "name": "other", "arguments": "[]", "client_side": True}
        await session.send({"type": "FunctionCallRequest", "functions": [bad]})
        await session.message("FunctionCallResponse", 2)
        answers = [m for m in session.received if m["type"] == "FunctionCallResponse"]
        assert [each["id"] for each in answers] == ["8", "bad"]
        assert "too many" in answers[0]["content"]
        assert "no JSON object" in answers[1]["content"]
        session.violations.clear()  # the fake did not make these calls itself
        assert len([r for r in talk.of(AgentReport) if r.name == "warning"]) == 0
