"""What is configured of a Deepgram voice agent: what is sent of it and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from bots.connectors.deepgram_agent.params import (
    CONVERSE,
    DeepgramAgentCredentials,
    DeepgramAgentParams,
    named_secrets,
)
from bots.core import catalogue, registry
from bots.core.params.declare import BESIDE_CREDENTIALS, Level
from bots.core.params.presentation import control
from bots.core.params.problems import by_wire_name
from bots.core.params.resolve import Layer, resolve

pytestmark = pytest.mark.pure

MODEL = {"provider": {"type": "open_ai", "model": "m"}}
AGENT_ID = "5f9c2a1e-0000-4000-8000-000000000001"


def sent(**params: Any) -> dict[str, Any]:
    return DeepgramAgentParams.model_validate(params).settings().sent()


def problems(**params: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        DeepgramAgentParams.model_validate(params)
    return by_wire_name(DeepgramAgentParams, refused.value)


# --- settings -------------------------------------------------------------------------------------


def test_a_key_is_all_that_is_needed() -> None:
    assert DeepgramAgentParams().url == CONVERSE
    assert sent() == {
        "agent": {
            "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}},
            "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}},
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
        }
    }


def test_models_without_a_prompt_or_functions_have_the_common_ones() -> None:
    own = {**MODEL, "prompt": "Mine.", "functions": []}
    agent = sent(
        deepgramPrompt="Ours.", deepgramFunctions=[{"name": "f"}], deepgramThink=[MODEL, own]
    )["agent"]
    assert agent["think"] == [
        {**MODEL, "prompt": "Ours.", "functions": [{"name": "f"}]},
        {**MODEL, "prompt": "Mine.", "functions": []},
    ]


@pytest.mark.parametrize(
    ("version", "model", "found"),
    [("auto", "flux-general-en", "v2"), ("auto", "nova-3", "v1"), ("v2", "custom", "v2")],
)
def test_the_version_of_the_recogniser_is_always_sent(version: str, model: str, found: str) -> None:
    settings = sent(deepgramListenVersion=version, deepgramListenModel=model)
    assert settings["agent"]["listen"]["provider"]["version"] == found


def test_a_whole_stands_in_place_of_the_rest() -> None:
    whole = {"agent": {"greeting": "Hi."}, "mip_opt_out": False}
    assert sent(deepgramSettings=whole, deepgramPrompt="unused", deepgramTags=["unused"]) == whole


def test_a_stored_agent_stands_in_place_of_listening_thinking_and_speaking() -> None:
    assert sent(deepgramAgentId=AGENT_ID, deepgramTags=["a"]) == {"agent": AGENT_ID, "tags": ["a"]}


def test_values_survive_being_stored_and_inherited() -> None:
    plugin = registry.plugin("bot", "deepgram-agent")
    stored = {"deepgramThink": [MODEL], "deepgramSettings": {"agent": {"think": [MODEL]}}}
    layer = Layer(Level.PROVIDER, "provider deepgram", stored)
    params = resolve(catalogue.of([plugin]), [layer])[DeepgramAgentParams]
    assert params.settings().sent() == stored["deepgramSettings"]
    assert DeepgramAgentParams.model_validate_json(params.model_dump_json(by_alias=True)) == params


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("deepgramUrl", "ftp://a.b", "must be a wss or https URL"),
        ("deepgramUrl", "wss://user:pass@a.b/c", "must be a wss or https URL"),
        ("deepgramUrl", "wss://a.b/c d", "must be a wss or https URL"),
        ("deepgramConcurrency", 0, "must be between 1 and 10000"),
        ("deepgramPrompt", "Hi ${calller}", "knows no ${calller}"),
        ("deepgramDtmfMessage", "${keys}", "knows no ${keys}"),
        ("deepgramEotThreshold", 0.2, "must be 0 or between 0.5 and 1"),
        ("deepgramEagerEotThreshold", 0.95, "must be 0 or between 0.3 and 0.9"),
        ("deepgramEotTimeoutMS", 100, "must be 0 or between 500 and 60000"),
        ("deepgramThink", [], "must have 1 or more entries"),
        ("deepgramThink", [{}], "0.provider: is missing"),
        ("deepgramSpeak", [], "must have 1 or more entries"),
        ("deepgramFunctions", [{"name": "a b"}], "0.name: must be 1 to 64 letters, digits"),
        ("deepgramAgentId", "agent-1", "must be the id (UUID)"),
        ("deepgramGatewayFunctions", ["reboot"], "must be 'hangup', 'transfer' or 'sendDtmf'"),
        ("deepgramTransferTargets", {"a b": "1"}, "must be a name"),
        ("deepgramTransferTargets", {"a": "1\r\nVia: x"}, "must be a number"),
        ("deepgramSettings", {"agent": {"foo": 1}}, "agent.foo: is not known here"),
        ("deepgramSettings", {"agent": {}, "audio": {}}, "leave audio out"),
    ],
)
def test_what_cannot_work_is_refused_in_words(name: str, value: Any, said: str) -> None:
    assert said in problems(**{name: value})[name]


def test_what_does_not_fit_together_is_refused() -> None:
    section = DeepgramAgentParams.SECTION
    both = problems(deepgramAgentId=AGENT_ID, deepgramSettings={"agent": {}})
    assert both == {section: "deepgramSettings and deepgramAgentId exclude each other"}
    foreign = problems(deepgramEotThreshold=0.7)
    assert foreign == {section: "eot_threshold is not for models of version v1"}


def test_who_edits_a_bot_cannot_send_the_key_elsewhere() -> None:
    known = catalogue.of([registry.plugin("bot", "deepgram-agent")])
    assert known["deepgramUrl"].param.levels == BESIDE_CREDENTIALS
    assert known["deepgramConcurrency"].param.levels == BESIDE_CREDENTIALS


def test_long_texts_and_objects_have_fitting_controls() -> None:
    known = catalogue.of([registry.plugin("bot", "deepgram-agent")])
    kinds = {name: control(known[name]).kind for name in known.names(DeepgramAgentParams)}
    assert kinds["deepgramPrompt"] == "text"
    assert kinds["deepgramGatewayFunctions"] == "picks"
    assert kinds["deepgramSettings"] == kinds["deepgramThink"] == "json"


# --- credentials ----------------------------------------------------------------------------------


def test_secrets_have_names() -> None:
    text = (
        '{"groq": {"url": "https://g", "headers": {"authorization": "k"}}, "aws": {"type": "iam"}}'
    )
    found = DeepgramAgentCredentials.model_validate({"deepgramSecrets": text})
    assert named_secrets(found.secrets) == {
        "groq": {"url": "https://g", "headers": {"authorization": "k"}},
        "aws": {"type": "iam"},
    }
    assert named_secrets(DeepgramAgentCredentials().secrets) == {}


@pytest.mark.parametrize(
    "text",
    ["s3cret", "[]", '{"a": "s3cret"}', '{"a": {"s3cret": 1}}', '{"a": {"url": ["s3cret"]}}'],
)
def test_secrets_that_cannot_be_read_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DeepgramAgentCredentials.model_validate({"deepgramSecrets": text})
    said = by_wire_name(DeepgramAgentCredentials, refused.value)["deepgramSecrets"]
    assert said.startswith("must be JSON: names")
    assert "s3cret" not in said


@pytest.mark.parametrize("key", ["a b", "a\r\nX: y", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="visible ASCII"):
        DeepgramAgentCredentials.model_validate({"deepgramKey": key})
