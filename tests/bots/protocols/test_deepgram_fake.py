"""The fake voice agent holds clients to the documents, and misbehaves as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bots.core.audio import MULAW_8K
from tests.fakes.deepgram_agent import KEY, Call, FakeAgent, Fault, Script, Turn, serving, tone

pytestmark = pytest.mark.wire

SILENCE = b"\xff" * 8000
VOICE = tone(200, MULAW_8K, 300)
AUDIO = {
    "input": {"encoding": "mulaw", "sample_rate": 8000},
    "output": {"encoding": "mulaw", "sample_rate": 8000, "container": "none"},
}
THINK = {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "prompt": "Be kind."}
SETTINGS: dict[str, Any] = {
    "type": "Settings",
    "audio": AUDIO,
    "agent": {
        "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}},
        "think": THINK,
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    },
}


def settings(**agent: Any) -> dict[str, Any]:
    return {**SETTINGS, "agent": {**SETTINGS["agent"], **agent}}


class Client:
    """A client of the agent that keeps what it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.audio = b""
        self.got: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def until(self, kind: str) -> dict[str, Any]:
        """Read on to the next message of type ``kind``; ``close``: to the end."""
        async with asyncio.timeout(10):
            while True:
                frame = await self.socket.receive()
                if frame.type is aiohttp.WSMsgType.BINARY:
                    self.audio += frame.data
                elif frame.type is not aiohttp.WSMsgType.TEXT:
                    assert kind == "close", f"closed with {self.got[-1:]}"
                    return {"type": "close", "code": self.socket.close_code}
                else:
                    self.got.append(json.loads(frame.data))
                    if self.got[-1]["type"] == kind:
                        return self.got[-1]

    async def ready(self, message: dict[str, Any]) -> None:
        await self.until("Welcome")
        await self.send(message)
        await self.until("SettingsApplied")

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.got]


@asynccontextmanager
async def connected(agent: FakeAgent, key: str = KEY) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Token {key}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.ws_connect(agent.url) as socket:
        yield Client(socket)


async def error_for(message: dict[str, Any], *, ready: bool = True) -> str:
    """The code of the error that ends the session after ``message``."""
    async with serving() as agent, connected(agent) as client:
        if ready:
            await client.ready(SETTINGS)
        else:
            await client.until("Welcome")
        await client.send(message)
        error = await client.until("Error")
        await client.until("close")
        assert agent.violations
        return str(error["code"])


@pytest.mark.parametrize(
    "agent",
    [
        {"temperature": 0.5},
        {"think": {**THINK, "promt": "a slip"}},
        {"think": {"provider": {"type": "groq", "model": "openai/gpt-oss-20b"}}},
        {"think": {"provider": {"type": "open_ai"}}},
        {"think": [THINK, {**THINK, "context_length": 4000}]},
        {"listen": {"provider": {"type": "deepgram", "model": "flux-general-en"}}},
        {"listen": {"provider": {"type": "deepgram", "model": "nova-3", "eot_threshold": 0.7}}},
        {"speak": {"provider": {"type": "eleven_labs", "model_id": "eleven_turbo_v2_5"}}},
        {"speak": {"provider": {"type": "deepgram", "model": "aura", "speed": 3}}},
        {"context": {"messages": [{"type": "History", "role": "user"}]}},
    ],
)
async def test_settings_that_are_not_as_documented_are_refused(agent: dict[str, Any]) -> None:
    assert await error_for(settings(**agent), ready=False) == "INVALID_SETTINGS"


@pytest.mark.parametrize(
    "audio",
    [
        {"input": {"encoding": "linear16", "sample_rate": 16000.5}},
        {"input": {"encoding": "linear16"}},
        {"input": {"encoding": "linear16", "sample_rate": 16000}, "output": {"container": "ogg"}},
        {"input": {"encoding": "linear16", "sample_rate": 16000}, "output": {"bitrate": 48000}},
    ],
)
async def test_audio_that_does_not_fit_together_is_refused(audio: dict[str, Any]) -> None:
    assert await error_for({**SETTINGS, "audio": audio}, ready=False) == "INVALID_SETTINGS"


async def test_a_float_is_no_integer() -> None:
    frame = json.dumps(SETTINGS).replace('"sample_rate": 8000', '"sample_rate": 8000.0')
    async with serving() as agent, connected(agent) as client:
        await client.until("Welcome")
        await client.socket.send_str(frame)
        assert (await client.until("Error"))["code"] == "INVALID_SETTINGS"


async def test_settings_come_first_and_once() -> None:
    early = "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"
    assert await error_for({"type": "KeepAlive"}, ready=False) == early
    assert await error_for(SETTINGS) == "SETTINGS_ALREADY_APPLIED"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "InjectAgentMessage", "content": "the wrong field"},
        {"type": "FunctionCallResponse", "name": "no id", "content": "x"},
        {"type": "Hangup"},
        {"no": "type"},
    ],
)
async def test_a_message_that_is_not_documented_ends_the_session(message: dict[str, Any]) -> None:
    assert await error_for(message) == "UNPARSABLE_CLIENT_MESSAGE"


async def test_a_stored_agent_is_known_by_its_id() -> None:
    async with serving(Script(agents=frozenset({"a-1"}))) as agent, connected(agent) as client:
        await client.ready({**SETTINGS, "agent": "a-1"})
    assert await error_for({**SETTINGS, "agent": "a-2"}, ready=False) == "INVALID_AGENT_ID"


async def test_it_greets_hears_answers_and_tells_its_times() -> None:
    script = Script(turns=(Turn(said="my words", reply="First this. Then that."),))
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(settings(greeting="Hello."))
        await client.until("AgentAudioDone")
        assert len(client.audio) == MULAW_8K.bytes_for_ms(600)
        await client.socket.send_bytes(VOICE + SILENCE)
        await client.until("AgentAudioDone")
        assert len(client.audio) == 2 * MULAW_8K.bytes_for_ms(600)
        lines = [each["content"] for each in client.got if each["type"] == "ConversationText"]
        assert lines == ["Hello.", "my words", "First this.", "Then that."]
        assert {"UserStartedSpeaking", "AgentThinking", "AgentStartedSpeaking"} < {*client.kinds()}
        assert agent.violations == []


async def test_a_caller_who_speaks_silences_it() -> None:
    script = Script(greeting_ms=5000, speed=1.0)
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(settings(greeting="A long story."))
        await client.until("AgentStartedSpeaking")
        await client.socket.send_bytes(VOICE)
        await client.until("UserStartedSpeaking")
        assert "AgentAudioDone" not in client.kinds()
        assert len(client.audio) < MULAW_8K.bytes_for_ms(5000)


CALLING = Turn(reply="It is {result}.", calls=(Call("weather", {"town": "Lod"}),))
WEATHER = {**THINK, "functions": [{"name": "weather"}]}


async def test_a_function_is_called_and_its_answer_is_told() -> None:
    async with serving(Script(turns=(CALLING,))) as agent, connected(agent) as client:
        await client.ready(settings(think=WEATHER))
        await client.socket.send_bytes(VOICE + SILENCE)
        (call,) = (await client.until("FunctionCallRequest"))["functions"]
        assert (call["name"], call["client_side"]) == ("weather", True)
        assert json.loads(call["arguments"]) == {"town": "Lod"}
        answer = {"type": "FunctionCallResponse", "id": call["id"], "name": "weather"}
        await client.send({**answer, "content": "warm"})
        await client.until("AgentAudioDone")
        assert "It is warm." in [each.get("content") for each in client.got]
        await client.send({**answer, "id": "another", "content": "cold"})
        await agent.sessions[0].until(lambda: agent.violations)


async def test_a_function_that_is_not_answered_is_given_up() -> None:
    script = Script(turns=(CALLING,), function_s=0.01)
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(settings(think=WEATHER))
        await client.socket.send_bytes(VOICE + SILENCE)
        assert (await client.until("Warning"))["code"] == "FUNCTION_CALL_FAILED"
        await client.until("AgentAudioDone")


async def test_a_function_on_a_server_is_called_by_the_service_itself() -> None:
    served = {"name": "weather", "endpoint": {"url": "https://example.com"}}
    async with serving(Script(turns=(CALLING,))) as agent, connected(agent) as client:
        await client.ready(settings(think={**THINK, "functions": [served]}))
        await client.socket.send_bytes(VOICE + SILENCE)
        (call,) = (await client.until("FunctionCallRequest"))["functions"]
        assert not call["client_side"]
        await client.until("FunctionCallResponse")
        await client.until("AgentAudioDone")


async def test_a_caller_who_goes_on_cancels_what_was_begun_too_early() -> None:
    eager = Turn(reply="{result}", calls=(Call("weather"), Call("leave")), eager=True)
    functions = [{"name": "weather"}, {"name": "leave", "defer_until_eot": True}]
    async with serving(Script(turns=(eager,))) as agent, connected(agent) as client:
        await client.ready(settings(think={**THINK, "functions": functions}))
        await client.socket.send_bytes(VOICE + SILENCE[:1200])
        (call,) = (await client.until("FunctionCallRequest"))["functions"]
        assert call["name"] == "weather"
        await client.socket.send_bytes(VOICE)
        await client.until("UserStartedSpeaking")
        (gone,) = (await client.until("FunctionCallCancelled"))["functions"]
        assert gone == {"id": call["id"], "name": "weather"}
        await client.socket.send_bytes(SILENCE)
        names = [(await client.until("FunctionCallRequest"))["functions"] for _ in range(2)]
        assert [each["name"] for (each,) in names] == ["weather", "leave"]


async def test_injections_and_updates() -> None:
    async with serving(Script(speed=1.0)) as agent, connected(agent) as client:
        await client.ready(settings(greeting="Hello."))
        await client.until("AgentStartedSpeaking")
        await client.send({"type": "InjectAgentMessage", "message": "Me too."})
        await client.until("InjectionRefused")
        queued = {"type": "InjectAgentMessage", "message": "Then me.", "behavior": "queue"}
        await client.send(queued)
        await client.until("AgentAudioDone")
        await client.until("AgentAudioDone")
        await client.send({**queued, "behavior": "interrupt"})
        await client.until("AgentStartedSpeaking")
        await client.send({"type": "InjectUserMessage", "content": "typed"})
        assert (await client.until("ConversationText"))["content"] == "typed"
        for kind, fields in (
            ("Prompt", {"prompt": "Be rude."}),
            ("Think", {"think": THINK}),
            ("Speak", {"speak": SETTINGS["agent"]["speak"]}),
            ("Listen", {"listen": SETTINGS["agent"]["listen"]}),
        ):
            await client.send({"type": f"Update{kind}", **fields})
            await client.until(f"{kind}Updated")
        await client.send({"type": "ForceEndTurn"})
        assert (await client.until("Warning"))["code"] == "FORCE_END_TURN_UNSUPPORTED"
        assert agent.violations == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [("wrong key", 401), ("no credit", 402), ("no access", 403), ("too many requests", 429)],
)
async def test_connections_are_refused_with_a_reason(fault: Fault, status: int) -> None:
    async with serving(Script(faults=frozenset({fault})), Script()) as agent:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(agent):
                pass
        assert refused.value.status == status
        assert refused.value.headers is not None
        assert {"dg-error", "dg-request-id"} < {name.lower() for name in refused.value.headers}
        async with connected(agent) as client:
            await client.until("Welcome")


async def test_a_key_it_does_not_know_is_refused() -> None:
    async with serving() as agent:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with connected(agent, "other"):
                pass


async def test_a_client_that_says_nothing_is_sent_away() -> None:
    script = Script(client_timeout_s=0.05)
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(SETTINGS)
        assert (await client.until("Error"))["code"] == "CLIENT_MESSAGE_TIMEOUT"


async def test_a_session_has_a_limit_that_is_announced() -> None:
    script = Script(session_warning_s=0.02, session_limit_s=0.04)
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(SETTINGS)
        warning = await client.until("Warning")
        assert warning["code"] == "MAXIMUM_SESSION_LENGTH_APPROACHING"
        assert (await client.until("Error"))["code"] == "MAXIMUM_SESSION_LENGTH_REACHED"


async def spoken_to(client: Client) -> None:
    await client.ready(SETTINGS)
    await client.socket.send_bytes(VOICE + SILENCE)


FAULTS: list[tuple[Fault, Callable[[Client], bool]]] = [
    ("cut in mid-utterance", lambda client: client.socket.close_code == 1006),
    ("close in mid-call", lambda client: client.socket.close_code == 1011),
    ("error in mid-call", lambda client: client.kinds()[-1] == "Error"),
]


@pytest.mark.parametrize(("fault", "seen"), FAULTS)
async def test_faults_in_mid_call(fault: Fault, seen: Callable[[Client], bool]) -> None:
    script = Script(faults=frozenset({fault}), close_code=1011)
    async with serving(script) as agent, connected(agent) as client:
        await spoken_to(client)
        await client.until("close")
        assert seen(client)
        await agent.sessions[0].closed.wait()


async def test_late_audio_comes_behind_the_interruption() -> None:
    script = Script(faults=frozenset({"late audio"}), speed=1.0)
    async with serving(script) as agent, connected(agent) as client:
        await client.ready(settings(greeting="Hello."))
        await client.until("AgentStartedSpeaking")
        await client.socket.send_bytes(VOICE)
        await client.until("UserStartedSpeaking")
        before = len(client.audio)
        await client.socket.send_bytes(SILENCE)
        await client.until("ConversationText")
        assert len(client.audio) == before + MULAW_8K.bytes_for_ms(500)


async def test_it_may_be_silent_forget_the_end_and_say_strange_things() -> None:
    faults: frozenset[Fault] = frozenset({"silent", "no audio done", "unknown messages"})
    async with serving(Script(faults=faults, silent_s=0.01)) as agent, connected(agent) as client:
        await spoken_to(client)
        await client.until("MoonPhase")
        await client.until("AgentStartedSpeaking")
        await client.until("MoonPhase")
        assert "AgentAudioDone" not in client.kinds()
        assert agent.violations == []


@pytest.mark.parametrize(("faults", "kind"), [("never welcome", 0), ("never applied", 1)])
async def test_it_may_never_begin(faults: Fault, kind: int) -> None:
    script = Script(faults=frozenset({faults}), client_timeout_s=0.05)
    async with serving(script) as agent, connected(agent) as client:
        if kind:
            await client.until("Welcome")
            await client.send(SETTINGS)
        await client.until("close")
        assert client.kinds() == ["Welcome", "Error"][1 - kind :]
