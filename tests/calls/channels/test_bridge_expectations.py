"""What deepgram-audiocodes-bridge's own tests expect of a bot's side holds for ours, on the wire.

The bridge's documented deviations are left out: recognised text outside of ``alternatives``, and
digits to send as ``dtmf``. Nor do we drop the ``participant`` of a user stream, which AudioCodes'
SDK gives back.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bots.core.activities import Json
from tests.calls.channels.conftest import PATIENCE_S, VoiceSide
from tests.plugins import CHAR_MS, silence, tone

pytestmark = pytest.mark.db

Asked = Callable[..., Awaitable["Wire"]]

INITIATE: Json = {
    "type": "session.initiate",
    "conversationId": "conv-123",
    "caller": "+15551234567",
    "botName": "table",
    "supportedMediaFormats": ["raw/mulaw", "raw/lpcm16"],
    "expectAudioMessages": True,
}
START: Json = {
    "type": "event",
    "name": "start",
    "activityParams": {"foo": "bar"},
    "sessionParams": {},
    "parameters": {"p": 2},
    "value": "v",
    "delay": 100,
    "id": "act-1",
    "timestamp": "2024-01-01T00:00:00Z",
    "participant": "p1",
}


class Wire:
    """A socket to our bot's side, frame by frame."""

    def __init__(self, side: VoiceSide) -> None:
        self._side = side
        self.seen: list[Json] = []

    async def send(self, frame: Json | str) -> None:
        """A frame of VoiceAI Connect."""
        await self._side.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def act(self, *activities: Json) -> None:
        """Activities in one frame."""
        await self.send({"type": "activities", "activities": list(activities)})

    async def read(self, kind: str) -> Json:
        """The next frame of type ``kind``; all are kept in ``seen``."""
        while True:
            output = await self._side._socket.receive_output(PATIENCE_S)
            frame: Json = {"type": "closed"}
            if "text" in output:
                frame = json.loads(output["text"])
            self.seen.append(frame)
            if frame["type"] == kind:
                return frame

    async def told(self, name: str) -> Json:
        """The next event activity called ``name``."""
        while True:
            for activity in (await self.read("activities"))["activities"]:
                if activity.get("name") == name:
                    return dict(activity)


@pytest.fixture
def asked(make_bot: Any, host: Any) -> Asked:
    """``await asked(answers, **fields)``: a socket on which a session was asked for."""

    async def ask(answers: dict[str, list[Any]], **fields: Any) -> Wire:
        settings = {"bargeIn": True, "speechDetectionSilencePeriodMS": 200, "sendDTMF": True}
        await make_bot({"start": ["Hello."], **answers}, **settings)
        side = VoiceSide("table")
        assert (await side.connect())["type"] == "websocket.accept"
        wire = Wire(side)
        await wire.send({name: v for name, v in (INITIATE | fields).items() if v is not None})
        return wire

    return ask


async def test_the_first_format_of_our_preference_is_chosen(asked: Asked) -> None:
    wire = await asked({})
    assert (await wire.read("session.accepted"))["mediaFormat"] == "raw/lpcm16"


async def test_without_a_common_format_the_session_is_refused_and_closed(asked: Asked) -> None:
    wire = await asked({}, supportedMediaFormats=["raw/opus"])
    assert (await wire.read("session.error"))["reason"] == "No common media format"
    await wire.read("closed")


async def test_audio_need_not_be_asked_for(asked: Asked) -> None:
    wire = await asked({}, expectAudioMessages=None)
    await wire.read("session.accepted")


async def test_user_streams_are_answered_at_both_ends(asked: Asked) -> None:
    wire = await asked({})
    await wire.read("session.accepted")
    await wire.send({"type": "userStream.stop"})
    assert await wire.read("userStream.stopped") == {"type": "userStream.stopped"}
    await wire.send({"type": "userStream.start"})
    assert await wire.read("userStream.started") == {"type": "userStream.started"}


async def test_the_callers_audio_is_heard_and_speech_is_told(asked: Asked) -> None:
    wire = await asked({"my bill": [{"name": "hangup"}]})
    await wire.read("session.accepted")
    await wire.act(START)
    await wire.send({"type": "userStream.start", "participant": "caller"})
    await wire.read("userStream.started")
    speech = silence(300) + tone(500) + silence(400)
    for begin in range(0, len(speech), 640):
        chunk = base64.b64encode(speech[begin : begin + 640]).decode()
        await wire.send({"type": "userStream.chunk", "audioChunk": chunk, "participant": "caller"})
    assert await wire.read("userStream.speech.started") == {"type": "userStream.speech.started"}
    await wire.read("userStream.speech.recognition")
    assert (await wire.told("hangup"))["type"] == "event"


async def test_activities_are_taken_one_by_one(asked: Asked) -> None:
    wire = await asked({"DTMF": [{"name": "hangup"}]})
    await wire.read("session.accepted")
    await wire.act(START, {"type": "event", "name": "dtmf", "value": "5"})
    await wire.told("hangup")


async def test_a_connection_is_validated_in_a_call_too(asked: Asked) -> None:
    wire = await asked({})
    await wire.read("session.accepted")
    await wire.send({"type": "connection.validate"})
    assert (await wire.read("connection.validated"))["success"] is True


async def test_the_own_conversation_is_resumed_and_no_other(asked: Asked) -> None:
    wire = await asked({})
    await wire.read("session.accepted")
    await wire.send({"type": "session.resume", "conversationId": "conv-123"})
    await wire.read("session.accepted")
    await wire.act(START)
    await wire.read("playStream.start")
    await wire.send({"type": "session.resume", "conversationId": "conv-WRONG"})
    assert "conversation not found" in (await wire.read("session.error"))["reason"]
    await wire.read("closed")


async def test_a_prompt_is_a_stream_of_chunks_with_its_text(asked: Asked) -> None:
    wire = await asked({"DTMF": ["Again."]})
    await wire.read("session.accepted")
    await wire.act(START)
    start = await wire.read("playStream.start")
    assert (start["altText"], start["mediaFormat"]) == ("Hello.", "raw/lpcm16")
    await wire.read("playStream.stop")
    chunks = [frame for frame in wire.seen if frame["type"] == "playStream.chunk"]
    assert {chunk["streamId"] for chunk in chunks} == {start["streamId"]}
    audio = b"".join(base64.b64decode(chunk["audioChunk"]) for chunk in chunks)
    assert len(audio) == len("Hello.") * CHAR_MS * 32
    await wire.act({"type": "event", "name": "DTMF", "value": "1"})
    assert (await wire.read("playStream.start"))["streamId"] != start["streamId"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("hangup", {"hangupReason": "done"}),
        ("transfer", {"transferTarget": "sip:queue@company.com", "handoverReason": "userRequest"}),
        ("sendDtmf", {"dtmfDigits": "1234#"}),
        ("startCallRecording", {}),
        ("stopCallRecording", {}),
        ("pauseCallRecording", {}),
    ],
)
async def test_what_the_bot_wants_of_the_voice_side_goes_out_by_its_name(
    asked: Asked, name: str, params: Json
) -> None:
    recording = [{"name": "startCallRecording"}] if name[:4] in ("stop", "paus") else []
    wire = await asked({"DTMF": [*recording, {"name": name, "activityParams": params}]})
    await wire.read("session.accepted")
    await wire.act(START, {"type": "event", "name": "DTMF", "value": "1"})
    told = await wire.told(name)
    assert told["type"] == "event"
    assert params.items() <= told.get("activityParams", {}).items()


async def test_the_end_closes_the_socket(asked: Asked) -> None:
    wire = await asked({})
    await wire.read("session.accepted")
    await wire.send({"type": "session.end", "conversationId": "conv-123", "reason": "hangup"})
    await wire.read("closed")


async def test_what_is_no_json_disturbs_nobody(asked: Asked) -> None:
    wire = await asked({})
    await wire.read("session.accepted")
    await wire.send("NOT VALID JSON")
    await wire.act(START)
    await wire.read("playStream.start")
