"""The bot's end of a socket: what it makes of the gateway's frames, and what it writes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.activities import Activity, event, message
from bots.protocols.ac_bot_api import (
    ActivitiesReceived,
    InitiateRequested,
    MarkReached,
    MediaFormat,
    Rejected,
    ResumeRequested,
    ServerState,
    SessionEnded,
    StreamServer,
    UserAudio,
    UserStreamStarted,
    UserStreamStopped,
    ValidateRequested,
)
from bots.protocols.ac_bot_api.messages import MAX_MEDIA_FORMATS, MAX_NAME, MAX_PARTICIPANTS

pytestmark = pytest.mark.pure


def frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "conversationId": "c-1", **fields})


def chunk(audio: bytes, **fields: Any) -> str:
    return frame("userStream.chunk", audioChunk=base64.b64encode(audio).decode(), **fields)


INITIATE = frame(
    "session.initiate",
    botName="billing",
    caller="+15550100",
    expectAudioMessages=True,
    supportedMediaFormats=["raw/lpcm16", "raw/mulaw"],
)


def active(media_format: MediaFormat | None = MediaFormat.RAW_LPCM16) -> StreamServer:
    server = StreamServer()
    server.receive(INITIATE)
    server.accept(media_format)
    return server


def only_rejection(server: StreamServer, incoming: str | bytes) -> Rejected:
    state = server.state
    (rejected,) = server.receive(incoming)
    assert isinstance(rejected, Rejected)
    assert server.state is state
    return rejected


def test_a_call_begins_with_what_the_gateway_offers() -> None:
    server = StreamServer()
    assert server.receive(INITIATE) == [
        InitiateRequested(
            conversation_id="c-1",
            bot_name="billing",
            caller="+15550100",
            expect_audio_messages=True,
            media_formats=("raw/lpcm16", "raw/mulaw"),
        )
    ]
    assert server.state == "requested"
    assert json.loads(server.accept(MediaFormat.RAW_MULAW)) == {
        "type": "session.accepted",
        "mediaFormat": "raw/mulaw",
    }
    assert server.state == "active"
    assert server.media_format is MediaFormat.RAW_MULAW


def test_a_bare_initiate_is_a_text_session_without_a_name() -> None:
    assert StreamServer().receive('{"type":"session.initiate"}') == [
        InitiateRequested(
            conversation_id="",
            bot_name="",
            caller="",
            expect_audio_messages=False,
            media_formats=(),
        )
    ]


def test_offers_are_bounded_and_what_is_no_name_is_left_out() -> None:
    offers = [7, None, "raw/mulaw", "x" * 9000, *["raw/lpcm16"] * 10_000]
    (begun,) = StreamServer().receive(frame("session.initiate", supportedMediaFormats=offers))
    assert isinstance(begun, InitiateRequested)
    assert begun.media_formats[:2] == ("raw/mulaw", "x" * MAX_NAME)
    assert len(begun.media_formats) == MAX_MEDIA_FORMATS - 2


def test_a_validation_is_answered_without_a_session() -> None:
    server = StreamServer()
    assert server.receive('{"type":"connection.validate"}') == [ValidateRequested()]
    assert json.loads(server.validated()) == {"type": "connection.validated", "success": True}
    assert json.loads(server.validated(success=False))["success"] is False
    assert server.state == "connected"


def test_a_validation_and_a_resumption_are_answered_during_a_call_too() -> None:
    server = active()
    assert server.receive('{"type":"connection.validate"}') == [ValidateRequested()]
    assert json.loads(server.validated())["success"] is True
    assert server.receive(frame("session.resume")) == [ResumeRequested("c-1")]
    server.accept(MediaFormat.RAW_LPCM16)
    assert server.state == "active"


def test_a_conversation_is_resumed_on_a_new_socket() -> None:
    server = StreamServer()
    assert server.receive(frame("session.resume")) == [ResumeRequested("c-1")]
    server.accept(MediaFormat.RAW_LPCM16_8)
    assert server.state == "active"


def test_an_unknown_conversation_is_refused_by_name() -> None:
    server = StreamServer()
    server.receive(frame("session.resume"))
    assert json.loads(server.refuse("conversation not found")) == {
        "type": "session.error",
        "conversationId": "c-1",
        "reason": "conversation not found",
    }
    assert server.state == "ended"


def test_a_socket_can_be_refused_before_it_said_anything() -> None:
    assert json.loads(StreamServer().refuse("nothing asked")) == {
        "type": "session.error",
        "reason": "nothing asked",
    }


def test_audio_is_delivered_between_start_and_stop() -> None:
    server = active()
    assert server.receive(frame("userStream.start")) == [UserStreamStarted(None)]
    assert json.loads(server.user_stream_started(None)) == {"type": "userStream.started"}
    assert server.receive(chunk(b"\x01\x02")) == [UserAudio(b"\x01\x02", None)]
    assert server.receive(chunk(b"")) == []
    assert server.receive(frame("userStream.stop")) == [UserStreamStopped(None)]
    assert json.loads(server.user_stream_stopped(None)) == {"type": "userStream.stopped"}
    assert "outside" in only_rejection(server, chunk(b"\x01\x02")).problem


def test_participants_have_streams_of_their_own() -> None:
    server = active()
    server.receive(frame("userStream.start", participant="caller"))
    server.receive(frame("userStream.start", participant="callee"))
    assert server.receive(chunk(b"\x01", participant="caller")) == []
    assert server.receive(chunk(b"\x09\x09", participant="callee")) == [
        UserAudio(b"\x09\x09", "callee")
    ]
    assert server.receive(chunk(b"\x02", participant="caller")) == [
        UserAudio(b"\x01\x02", "caller")
    ]
    only_rejection(server, chunk(b"\x01\x02", participant="supervisor"))
    assert json.loads(server.user_stream_started("caller"))["participant"] == "caller"


def test_no_more_streams_are_open_than_a_call_has_participants() -> None:
    server = active()
    starts = [frame("userStream.start", participant=str(n)) for n in range(MAX_PARTICIPANTS)]
    for start in starts:
        server.receive(start)
    (answer,) = server.receive(frame("userStream.start", participant="one more"))
    assert isinstance(answer, Rejected)
    assert server.receive(starts[0]) == [UserStreamStarted("0")]
    server.receive(frame("userStream.stop", participant="0"))
    assert server.receive(frame("userStream.start", participant="one more")) == [
        UserStreamStarted("one more")
    ]


def test_a_second_start_replaces_the_stream() -> None:
    server = active()
    server.receive(frame("userStream.start"))
    server.receive(chunk(b"\x01"))
    assert server.receive(frame("userStream.start")) == [UserStreamStarted(None)]
    assert server.receive(chunk(b"\x02\x03")) == [UserAudio(b"\x02\x03", None)]


def test_a_stop_without_a_start_is_answered_all_the_same() -> None:
    assert active().receive(frame("userStream.stop")) == [UserStreamStopped(None)]


def test_audio_in_a_text_session_is_rejected() -> None:
    server = active(None)
    assert server.receive(frame("userStream.start")) == [UserStreamStarted(None)]
    assert "without a media format" in only_rejection(server, chunk(b"\x01\x02")).problem


def test_good_activities_survive_bad_neighbours() -> None:
    server = active()
    sent = [{"type": "event", "name": "DTMF", "value": "1"}, 7, {"type": "message", "text": "hi"}]
    good, bad = server.receive(frame("activities", activities=sent))
    assert good == ActivitiesReceived((event("DTMF", value="1"), message("hi")))
    assert isinstance(bad, Rejected)
    assert server.receive(frame("activities")) == []


def test_the_end_comes_once() -> None:
    server = active()
    end = frame("session.end", reasonCode="client-disconnected", reason="Client Side")
    assert server.receive(end) == [SessionEnded("client-disconnected", "Client Side")]
    assert server.receive(end) == []
    only_rejection(server, frame("userStream.start"))


def test_the_call_may_end_before_we_answered() -> None:
    server = StreamServer()
    server.receive(INITIATE)
    assert server.receive(frame("session.end")) == [SessionEnded("", "")]
    with pytest.raises(RuntimeError):
        server.accept(None)


@pytest.mark.parametrize(
    "incoming",
    [
        chunk(b"\x01\x02"),
        frame("userStream.start"),
        frame("activities"),
        frame("session.end"),
        '{"type":"session.accepted"}',
        "hello",
        b"\x00\x01",
    ],
)
def test_before_a_session_nothing_else_counts(incoming: str | bytes) -> None:
    only_rejection(StreamServer(), incoming)


@pytest.mark.parametrize("incoming", [INITIATE, frame("session.resume"), chunk(b"\x01")])
def test_while_we_make_up_our_mind_only_the_end_counts(incoming: str) -> None:
    server = StreamServer()
    server.receive(INITIATE)
    only_rejection(server, incoming)


def test_a_second_initiate_does_not_disturb_the_call() -> None:
    server = active()
    assert only_rejection(server, INITIATE).problem == "session.initiate while active"
    assert server.conversation_id == "c-1"


def test_an_unknown_type_is_marked_as_such() -> None:
    assert only_rejection(active(), '{"type":"session.resumed"}').unknown_type
    assert not only_rejection(active(), "{}").unknown_type


def test_speech_events_have_the_documented_shape() -> None:
    server = active()
    assert json.loads(server.speech_started()) == {"type": "userStream.speech.started"}
    assert json.loads(server.speech_stopped("caller")) == {
        "type": "userStream.speech.stopped",
        "participant": "caller",
    }
    assert json.loads(server.speech_committed()) == {"type": "userStream.speech.committed"}
    assert json.loads(server.hypothesis("i want")) == {
        "type": "userStream.speech.hypothesis",
        "alternatives": [{"text": "i want"}],
    }
    assert json.loads(server.recognition("i want to pay", 0.9)) == {
        "type": "userStream.speech.recognition",
        "alternatives": [{"text": "i want to pay", "confidence": 0.9}],
    }
    assert json.loads(server.recognition("pay", None))["alternatives"] == [{"text": "pay"}]


def test_a_prompt_is_one_play_stream() -> None:
    server = active()
    start = server.play_start("p-1", MediaFormat.RAW_LPCM16, "Hello", {"bargeIn": False})
    assert json.loads(start) == {
        "type": "playStream.start",
        "streamId": "p-1",
        "mediaFormat": "raw/lpcm16",
        "altText": "Hello",
        "activityParams": {"bargeIn": False},
    }
    assert server.playing == "p-1"
    assert json.loads(server.play_chunk("p-1", b"\x01\x02")) == {
        "type": "playStream.chunk",
        "streamId": "p-1",
        "audioChunk": "AQI=",
    }
    assert json.loads(server.play_stop("p-1")) == {"type": "playStream.stop", "streamId": "p-1"}
    assert "altText" not in json.loads(server.play_start("p-2", MediaFormat.RAW_MULAW))


def test_a_mark_is_set_and_comes_back() -> None:
    server = active()
    assert json.loads(server.mark({"markId": "m"})) == {
        "type": "playStream.mark.set",
        "markId": "m",
    }
    reached = frame("playStream.mark.reached", markId="m")
    assert server.receive(reached) == [MarkReached({"markId": "m"})]
    with pytest.raises(RuntimeError, match="connected"):
        StreamServer().mark({})


def test_activities_are_written_without_empty_fields() -> None:
    told = active().activities([Activity(type="event", name="hangup", id="a", timestamp="t")])
    assert json.loads(told) == {
        "type": "activities",
        "activities": [{"type": "event", "name": "hangup", "id": "a", "timestamp": "t"}],
    }


def test_misuse_of_the_machine_is_our_bug() -> None:
    server = active()
    with pytest.raises(RuntimeError, match="active"):
        server.accept(None)
    with pytest.raises(RuntimeError, match="open play stream is None"):
        server.play_chunk("p-1", b"")
    server.play_start("p-1", MediaFormat.RAW_LPCM16)
    with pytest.raises(RuntimeError, match="open play stream is 'p-1'"):
        server.play_start("p-2", MediaFormat.RAW_LPCM16)
    with pytest.raises(RuntimeError):
        server.play_stop("p-2")
    server.receive(frame("session.end"))
    assert server.playing is None
    late_calls: list[Callable[[], str]] = [
        server.speech_started,
        server.validated,
        lambda: server.refuse("late"),
    ]
    for late in late_calls:
        with pytest.raises(RuntimeError, match="ended"):
            late()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4)
    ),
    max_leaves=12,
)
field_names = st.sampled_from(
    [
        "conversationId",
        "participant",
        "audioChunk",
        "activities",
        "reasonCode",
        "reason",
        "botName",
        "caller",
        "supportedMediaFormats",
        "expectAudioMessages",
    ]
)
types = st.sampled_from(
    [
        "session.initiate",
        "session.resume",
        "session.end",
        "userStream.start",
        "userStream.chunk",
        "userStream.stop",
        "activities",
        "connection.validate",
        "playStream.mark.reached",
        "session.resumed",
    ]
)
hostile = st.one_of(
    st.text(),
    st.binary(),
    json_values.map(json.dumps),
    st.builds(
        lambda kind, fields: json.dumps({"type": kind, **fields}),
        types,
        st.dictionaries(field_names, json_values, max_size=5),
    ),
)


@given(frames=st.lists(hostile, max_size=20), started=st.booleans())
def test_no_frame_whatever_raises_or_breaks_the_machine(
    frames: list[str | bytes], *, started: bool
) -> None:
    server = active() if started else StreamServer()
    for incoming in frames:
        before = server.state
        found = server.receive(incoming)
        if all(isinstance(one, Rejected) for one in found):
            assert server.state is before
        if server.state is ServerState.REQUESTED:
            server.accept(MediaFormat.RAW_LPCM16)
        for one in found:
            if isinstance(one, UserAudio):
                assert one.audio
                assert len(one.audio) % 2 == 0
