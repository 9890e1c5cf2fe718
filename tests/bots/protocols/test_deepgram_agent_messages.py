"""Messages of the Voice Agent: what is read, what is written, what is refused."""

import pytest

from bots.core.errors import ProtocolError
from bots.protocols.deepgram_agent import messages
from bots.protocols.deepgram_agent.messages import UnknownMessageError, decode, encode

pytestmark = pytest.mark.pure


def test_fields_that_are_not_known_are_ignored() -> None:
    text = '{"type":"ConversationText","role":"user","content":"hi","languages":["en"]}'
    assert decode(text) == messages.ConversationText(role="user", content="hi")


def test_latencies_may_be_whole_numbers() -> None:
    found = decode('{"type":"AgentStartedSpeaking","total_latency":1}')
    assert found == messages.AgentStartedSpeaking(total_latency=1.0)


def test_a_type_that_is_not_known_is_told_from_a_broken_message() -> None:
    with pytest.raises(UnknownMessageError) as unknown:
        decode('{"type":"MoonPhase"}')
    assert "MoonPhase" in unknown.value.problem


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "[]",
        "{",
        '{"type":7}',
        "{}",
        '{"type":"Warning","code":{}}',
        '{"type":"History","content":"\\ud800"}',
        '{"type":"History","function_calls":' + "[" * 5000,
        '{"type":"History","function_calls":[' + "{}," * 100_000,
    ],
)
def test_what_is_no_message_is_refused_without_its_content(frame: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode(frame)
    assert not isinstance(refused.value, UnknownMessageError)
    assert len(refused.value.problem) <= 200


def test_an_injected_line_of_the_agent_is_in_the_field_message() -> None:
    injected = messages.InjectAgentMessage(message="One moment.", behavior="queue")
    wire = '{"type":"InjectAgentMessage","message":"One moment.","behavior":"queue"}'
    assert encode(injected) == wire


def test_what_is_not_set_is_not_sent() -> None:
    first = messages.Settings(audio={}, agent={"greeting": "Hi"})
    assert encode(first) == '{"type":"Settings","audio":{},"agent":{"greeting":"Hi"}}'
    result = messages.FunctionResult(id="1", name="f", content="done")
    assert encode(result) == '{"type":"FunctionCallResponse","id":"1","name":"f","content":"done"}'
    assert encode(messages.KeepAlive()) == '{"type":"KeepAlive"}'
