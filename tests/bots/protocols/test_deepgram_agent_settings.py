"""The first message of a session: what was written down, and what is known of the call."""

from typing import Any

import pytest

from bots.core.activities import Json
from bots.core.audio import LPCM16_8K, LPCM16_16K, LPCM16_24K, MULAW_8K, AudioFormat
from bots.protocols.deepgram_agent.form import WholeSettings
from bots.protocols.deepgram_agent.messages import Settings
from bots.protocols.deepgram_agent.settings import filled, opened, settings, silence, taken

pytestmark = pytest.mark.pure

AGENT_ID = "5f9c2a1e-0000-4000-8000-000000000001"
GROQ = {"url": "https://api.groq.example", "headers": {"authorization": "Bearer s3cret"}}
AWS = {"type": "iam", "region": "eu-west-1", "access_key_id": "a", "secret_access_key": "b"}
VALUES = {"caller": "+15550123", "bot": "retail"}


def first(agent: Any, **more: Any) -> Settings:
    whole = WholeSettings.model_validate({"agent": agent, **more.pop("whole", {})})
    options: dict[str, Any] = {"heard": MULAW_8K, "spoken": LPCM16_16K, "values": VALUES}
    return settings(whole, **{"secrets": {}, **options, **more})


def agent_of(message: Settings) -> Json:
    assert isinstance(message.agent, dict)
    return message.agent


def test_audio_is_that_of_the_voice_side_and_never_in_a_container() -> None:
    assert first({}).audio == {
        "input": {"encoding": "mulaw", "sample_rate": 8000},
        "output": {"encoding": "linear16", "sample_rate": 16000, "container": "none"},
    }


def test_what_was_not_set_is_not_sent() -> None:
    message = first({"think": {"provider": {"type": "open_ai", "model": "m"}}})
    assert agent_of(message) == {"think": {"provider": {"type": "open_ai", "model": "m"}}}
    assert (message.tags, message.experimental, message.flags) == ((), None, None)


def test_all_that_is_set_beside_the_agent_is_sent() -> None:
    beside = {
        "type": "Settings",
        "tags": ["bot ${bot}"],
        "experimental": True,
        "flags": {"history": False},
        "mip_opt_out": True,
    }
    message = first({}, whole=beside)
    assert (message.tags, message.flags) == (("bot retail",), {"history": False})
    assert (message.experimental, message.mip_opt_out) == (True, True)


def test_prompt_and_greeting_are_filled_in() -> None:
    think = {"provider": {"type": "open_ai", "model": "m"}, "prompt": "You serve ${ caller }."}
    message = first({"greeting": "Welcome to ${bot}.", "think": [think, think]})
    agent = agent_of(message)
    assert agent["greeting"] == "Welcome to retail."
    assert [each["prompt"] for each in agent["think"]] == ["You serve +15550123."] * 2


def test_a_value_is_one_line_and_no_template() -> None:
    values = {"caller": "a\r\nb\x00 ${bot}" + "x" * 1000, "bot": "retail"}
    text = filled("${caller}", values)
    assert text.startswith("a b\x00 ${bot}x")
    assert len(text) == 500
    assert filled("<${callee}> $ {caller} ${}", values) == "<> $ {caller} ${}"


def test_secrets_come_in_by_their_names() -> None:
    think = {
        "provider": {"type": "aws_bedrock", "model": "m", "credentials": "aws"},
        "endpoint": "groq",
        "functions": [{"name": "own"}, {"name": "theirs", "endpoint": "groq"}],
    }
    speak = {"provider": {"type": "deepgram", "model": "v"}, "endpoint": {"url": "https://a.b"}}
    secrets = {"groq": GROQ, "aws": AWS}
    agent = agent_of(first({"think": think, "speak": speak}, secrets=secrets))
    assert agent["think"] == {
        "provider": {"type": "aws_bedrock", "model": "m", "credentials": AWS},
        "endpoint": GROQ,
        "functions": [{"name": "own"}, {"name": "theirs", "endpoint": GROQ}],
    }
    assert agent["speak"]["endpoint"] == {"url": "https://a.b"}


def test_a_secret_that_there_is_not_is_named() -> None:
    think = {"provider": {"type": "groq", "model": "m"}, "endpoint": "grok"}
    with pytest.raises(LookupError, match="no secret named grok"):
        first({"think": think}, secrets={"groq": GROQ})


def test_functions_are_offered_to_every_language_model_but_not_to_voices() -> None:
    model = {"provider": {"type": "open_ai", "model": "m"}}
    voice = {"provider": {"type": "deepgram", "model": "v"}}
    own = {**model, "functions": [{"name": "own"}]}
    agent = agent_of(first({"think": [model, own], "speak": voice}, functions=[{"name": "hangup"}]))
    assert [each["functions"] for each in agent["think"]] == [
        [{"name": "hangup"}],
        [{"name": "own"}, {"name": "hangup"}],
    ]
    assert agent["speak"] == voice


def test_a_talk_that_goes_on_has_its_history_and_no_second_greeting() -> None:
    history = [{"type": "History", "role": "user", "content": "Hi"}]
    written = {"greeting": "Hello.", "context": {"messages": []}}
    agent = agent_of(first(written, history=history, greet=False))
    assert agent == {"context": {"messages": history}}
    assert agent_of(first(written)) == written


def test_a_stored_agent_is_named_and_nothing_else() -> None:
    history = [{"type": "History", "role": "user", "content": "Hi"}]
    assert first(AGENT_ID, history=history, functions=[{"name": "f"}]).agent == AGENT_ID


def test_parts_are_opened_one_by_one_or_together() -> None:
    part = {"provider": {"type": "deepgram", "model": "v"}}
    assert opened(part, {}, {}) == part
    assert opened([part, part], {}, {}) == [part, part]


@pytest.mark.parametrize("offered", [MULAW_8K, LPCM16_8K, LPCM16_16K, LPCM16_24K])
def test_formats_of_telephony_are_taken_as_they_are(offered: AudioFormat) -> None:
    assert taken(offered) == offered


@pytest.mark.parametrize("offered", [AudioFormat("lpcm16", 11025), AudioFormat("mulaw", 16000)])
def test_other_formats_become_one_that_is(offered: AudioFormat) -> None:
    assert taken(offered) == LPCM16_16K


def test_silence_is_silent_in_each_encoding() -> None:
    assert silence(MULAW_8K, 3) == b"\xff\xff\xff"
    assert silence(LPCM16_8K, 4) == b"\0\0\0\0"
