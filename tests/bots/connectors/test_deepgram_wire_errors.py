"""What a published bridge between AudioCodes and Deepgram writes wrongly, and the gateway rightly.

The letters are those of the comparison with the documents of AudioCodes. M, the field of an
injected line, is among the tests of the controls; N does not arise, for the gateway applies a
change of parameters itself.
"""

import json
from typing import Any

import pytest

from bots.connectors.deepgram_agent.call_functions import CallFunctions
from bots.connectors.deepgram_agent.params import DeepgramAgentParams
from bots.core.activities import event
from bots.protocols.ac_bot_api import StreamServer
from bots.protocols.ac_bot_api.media import parse_format
from calls.core import recording, vocabulary

pytestmark = pytest.mark.pure


def in_call() -> StreamServer:
    server = StreamServer()
    initiate = {
        "type": "session.initiate",
        "conversationId": "c",
        "expectAudioMessages": True,
        "supportedMediaFormats": ["raw/mulaw"],
    }
    server.receive(json.dumps(initiate))
    server.accept(parse_format("raw/mulaw"))
    return server


def written(frame: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(frame)
    return found


def test_o_digits_are_pressed_under_their_documented_name() -> None:
    params = DeepgramAgentParams.model_validate({"deepgramGatewayFunctions": ["sendDtmf"]})
    deed = CallFunctions(params).done("sendDtmf", {"digits": "12#"})
    assert deed is not None
    assert deed.activity == event("sendDtmf", activity_params={"dtmfDigits": "12#"})


def test_p_metadata_is_the_value_of_its_event() -> None:
    assert vocabulary.metadata(event("sendMetaData", value={"a": 1})) == {"a": 1}


def test_q_recognised_text_is_among_alternatives() -> None:
    found = written(in_call().recognition("a taxi", 0.9))
    assert found["alternatives"] == [{"text": "a taxi", "confidence": 0.9}]


def test_r_a_participant_is_echoed() -> None:
    server = in_call()
    server.receive('{"type":"userStream.start","conversationId":"c","participant":"caller"}')
    assert written(server.user_stream_started("caller"))["participant"] == "caller"


def test_s_a_recording_has_its_documented_events() -> None:
    assert "startcallrecording" in recording.EVENTS
