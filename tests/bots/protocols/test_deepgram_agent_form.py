"""Settings as they may be written down: as strict as the server is."""

from typing import Any

import pytest
from pydantic import ValidationError

from bots.core.params.problems import place, sentence
from bots.protocols.deepgram_agent.form import WholeSettings, unknown_variables

pytestmark = pytest.mark.pure

MODEL = {"type": "open_ai", "model": "gpt-4o-mini"}
VOICE = {"type": "deepgram", "model": "aura-2-thalia-en"}
POLLY = {"type": "aws_polly", "voice": "Joanna", "engine": "neural", "credentials": "aws"}


def problem(agent: Any, **beside: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        WholeSettings.model_validate({"agent": agent, **beside})
    (error,) = refused.value.errors(include_url=False, include_input=False)
    return f"{place(error['loc'])}: {sentence(error)}"


def listen(**provider: Any) -> dict[str, Any]:
    return {"listen": {"provider": {"type": "deepgram", **provider}}}


def speak(provider: Any, **more: Any) -> dict[str, Any]:
    return {"speak": {"provider": provider, **more}}


@pytest.mark.parametrize(
    "agent",
    [
        {},
        "5f9c2a1e-0000-4000-8000-00000000000a",
        {"language": "en", "greeting": "Hi ${caller}", "think": {"provider": MODEL}},
        {"think": [{"provider": MODEL, "prompt": "${bot}"}, {"provider": MODEL}]},
        {"think": {"provider": MODEL, "endpoint": "mine", "context_length": "max"}},
        {"think": {"provider": MODEL, "endpoint": {"url": "https://a.b"}, "context_length": 9}},
        {"think": {"provider": {**MODEL, "temperature": 1, "reasoning_mode": "low"}}},
        listen(model="nova-3", language="multi", smart_format=True, keyterms=["a"]),
        listen(model="flux-general-multi", language_hints=["de"], eot_threshold=1),
        listen(version="v2", model="new", eager_eot_threshold=0.4, eot_timeout_ms=5000),
        speak({**VOICE, "speed": 1.2}),
        {"speak": [{"provider": VOICE}, {"provider": POLLY, "endpoint": "polly"}]},
        speak({"type": "eleven_labs", "model_id": "m"}, endpoint={"url": "wss://a.b/c"}),
        speak(
            {"type": "cartesia", "model_id": "m", "voice": {"mode": "id", "id": "x"}},
            endpoint="cartesia",
        ),
        {"context": {"messages": [{"type": "History", "role": "user", "content": "Hi"}]}},
    ],
)
def test_what_is_documented_is_taken_and_comes_out_as_it_was(agent: Any) -> None:
    assert WholeSettings.model_validate({"agent": agent}).sent() == {"agent": agent}


def test_a_field_that_is_not_known_is_refused() -> None:
    assert problem({"greetings": "Hi"}) == "agent.greetings: is not known here"
    assert problem({}, audio={"input": {}}).endswith(
        "leave audio out: the gateway adds it, as the voice side needs it"
    )


def test_only_what_is_wrong_with_the_form_that_was_chosen_is_told() -> None:
    assert problem("my-agent").startswith("agent: must be an object, or the id (UUID)")
    assert problem(7) == "agent: must be an object"
    assert problem({"think": {}}) == "agent.think.provider: is missing"
    assert problem({"think": [{}]}) == "agent.think.0.provider: is missing"


def test_a_number_with_a_fraction_is_no_whole_number() -> None:
    assert problem(listen(model="flux-x", eot_timeout_ms=5000.0)).endswith("a whole number")


def test_numbers_are_not_written_as_text() -> None:
    assert problem(listen(model="flux-x", eot_threshold="0.7")).endswith("must be a number")


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ({"model": "nova-3", "eot_threshold": 0.7}, "eot_threshold"),
        ({"model": "nova-3", "language_hints": ["de"]}, "language_hints"),
        ({"model": "flux-general-en", "language": "en"}, "language"),
        ({"version": "v2", "model": "m", "smart_format": True}, "smart_format"),
    ],
)
def test_fields_of_one_version_are_not_for_the_other(provider: dict[str, Any], field: str) -> None:
    assert f"{field} is not for models of version" in problem(listen(**provider))


def test_a_model_that_deepgram_does_not_host_needs_an_endpoint() -> None:
    assert "groq needs an endpoint" in problem({"think": {"provider": {**MODEL, "type": "groq"}}})
    assert "open_ai needs an endpoint" in problem(
        speak({"type": "open_ai", "model": "tts-1", "voice": "nova"})
    )


def test_a_context_length_is_for_an_endpoint_of_ones_own() -> None:
    assert "context_length" in problem({"think": {"provider": MODEL, "context_length": 9}})


def test_keys_of_other_services_never_stand_in_settings() -> None:
    headers = {"url": "https://a.b", "headers": {"authorization": "Bearer k"}}
    assert "endpoint: headers may hold keys" in problem(
        {"think": {"provider": MODEL, "endpoint": headers}}
    )
    function = {"name": "f", "endpoint": headers}
    assert "endpoint: headers may hold keys" in problem(
        {"think": {"provider": MODEL, "functions": [function]}}
    )
    credentials = {"type": "iam", "secret_access_key": "k"}
    assert "credentials: must be text" in problem(
        speak({**POLLY, "credentials": credentials}, endpoint="polly")
    )


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 65])
def test_the_name_of_a_secret_is_a_name(name: str) -> None:
    assert "one of the provider's secrets" in problem(
        {"think": {"provider": MODEL, "endpoint": name}}
    )


@pytest.mark.parametrize("url", ["http://a.b", "https://u:p@a.b", "ftp://a", "https://a b"])
def test_an_endpoint_is_reached_by_https_without_a_password(url: str) -> None:
    assert "url" in problem({"think": {"provider": MODEL, "endpoint": {"url": url}}})


def test_a_function_may_have_an_address_without_keys() -> None:
    function = {"name": "f", "endpoint": {"url": "https://a.b", "method": "POST"}}
    agent = {"think": {"provider": MODEL, "functions": [function]}}
    assert WholeSettings.model_validate({"agent": agent}).sent() == {"agent": agent}


def test_a_variable_that_nothing_is_filled_in_for_is_refused() -> None:
    assert "knows no ${callre}; there are ${caller}" in problem({"greeting": "Hi ${callre}"})
    assert unknown_variables("${a} ${b} ${a}", ("b",)) == ["a"]
