"""The gateway's end of a socket: what it makes of bots of every kind, and what it writes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.activities import event, message
from bots.protocols.ac_bot_api import (
    Accepted,
    ActivitiesReceived,
    ClientEvent,
    Errored,
    MarkSet,
    MediaFormat,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    Rejected,
    SpeechCommitted,
    SpeechHypothesis,
    SpeechRecognition,
    SpeechStarted,
    SpeechStopped,
    StreamClient,
    UserStreamClosed,
    UserStreamOpen,
    Validated,
)
from bots.protocols.ac_bot_api.messages import MAX_TEXT

pytestmark = pytest.mark.pure


def frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def chunk(audio: bytes, stream_id: str = "p-1") -> str:
    encoded = base64.b64encode(audio).decode()
    return frame("playStream.chunk", streamId=stream_id, audioChunk=encoded)


def requested() -> StreamClient:
    client = StreamClient("c-1")
    client.initiate(
        bot_name="billing",
        caller="+15550100",
        expect_audio_messages=True,
        media_formats=[MediaFormat.RAW_LPCM16],
    )
    return client


def active() -> StreamClient:
    client = requested()
    client.receive(frame("session.accepted", mediaFormat="raw/lpcm16"))
    return client


def only(client: StreamClient, incoming: str | bytes) -> ClientEvent:
    (found,) = client.receive(incoming)
    return found


def problem(client: StreamClient, incoming: str | bytes) -> str:
    state = client.state
    found = only(client, incoming)
    assert isinstance(found, Rejected)
    assert client.state is state
    return found.problem


def test_a_call_begins_with_an_offer() -> None:
    client = StreamClient("c-1")
    written = client.initiate(
        bot_name="billing",
        caller="+15550100",
        expect_audio_messages=False,
        media_formats=[MediaFormat.RAW_MULAW],
    )
    assert json.loads(written) == {
        "type": "session.initiate",
        "conversationId": "c-1",
        "botName": "billing",
        "caller": "+15550100",
        "expectAudioMessages": False,
        "supportedMediaFormats": ["raw/mulaw"],
    }
    assert client.state == "requested"
    accepted = only(client, frame("session.accepted", mediaFormat="RAW/mulaw", success=True))
    assert accepted == Accepted(MediaFormat.RAW_MULAW)
    assert client.state == "active"


def test_an_accepted_session_may_lack_its_format_or_name_an_unknown_one() -> None:
    assert requested().receive(frame("session.accepted")) == [Accepted(None)]
    rejected, accepted = requested().receive(frame("session.accepted", mediaFormat="raw/opus"))
    assert isinstance(rejected, Rejected)
    assert accepted == Accepted(None)


def test_a_resumed_session_keeps_its_format() -> None:
    client = StreamClient("c-1", media_format=MediaFormat.RAW_MULAW)
    assert json.loads(client.resume()) == {"type": "session.resume", "conversationId": "c-1"}
    assert only(client, frame("session.accepted")) == Accepted(MediaFormat.RAW_MULAW)


def test_a_refusal_is_fatal_at_any_time() -> None:
    for client in (StreamClient("c-1"), requested(), active()):
        assert only(client, frame("session.error", reason="no capacity")) == Errored("no capacity")
        assert client.state == "ended"
        assert client.receive(frame("session.accepted")) == []


def test_a_bot_is_validated_without_a_session() -> None:
    client = StreamClient("")
    assert json.loads(client.validate()) == {"type": "connection.validate"}
    assert only(client, frame("connection.validated", success=True)) == Validated(success=True)
    client = StreamClient("")
    client.validate()
    assert only(client, frame("connection.validated")) == Validated(success=False)


def test_the_end_is_the_last_frame_of_the_socket() -> None:
    client = active()
    assert json.loads(client.end("client-disconnected", "Client Side")) == {
        "type": "session.end",
        "conversationId": "c-1",
        "reasonCode": "client-disconnected",
        "reason": "Client Side",
    }
    assert client.receive(chunk(b"\x01\x02")) == []
    late_calls: list[Callable[[], str]] = [
        lambda: client.end("error", ""),
        client.user_stream_start,
        client.resume,
    ]
    for late in late_calls:
        with pytest.raises(RuntimeError):
            late()


def test_chunks_wait_until_the_stream_is_open() -> None:
    client = active()
    assert json.loads(client.user_stream_start()) == {
        "type": "userStream.start",
        "conversationId": "c-1",
    }
    with pytest.raises(RuntimeError, match="not open"):
        client.user_stream_chunk(b"\x01\x02")
    assert not client.hears()
    assert only(client, frame("userStream.started")) == UserStreamOpen(None)
    assert client.hears()
    assert json.loads(client.user_stream_chunk(b"\x01\x02")) == {
        "type": "userStream.chunk",
        "conversationId": "c-1",
        "audioChunk": "AQI=",
    }
    assert json.loads(client.user_stream_stop())["type"] == "userStream.stop"
    with pytest.raises(RuntimeError, match="not open"):
        client.user_stream_chunk(b"\x01\x02")
    assert only(client, frame("userStream.stopped")) == UserStreamClosed(None)


def test_a_stream_stopped_before_it_opened_stays_closed() -> None:
    client = active()
    client.user_stream_start()
    client.user_stream_stop()
    assert only(client, frame("userStream.started")) == UserStreamOpen(None)
    with pytest.raises(RuntimeError, match="not open"):
        client.user_stream_chunk(b"\x01\x02")


def test_a_stream_opens_again_though_its_stop_was_never_answered() -> None:
    client = active()
    for _ in range(100):
        client.user_stream_start()
        client.receive(frame("userStream.started"))
        client.user_stream_stop()
    client.user_stream_start()
    assert only(client, frame("userStream.started")) == UserStreamOpen(None)
    client.user_stream_chunk(b"\x01\x02")


def test_a_stream_that_was_started_twice_is_open_after_the_second_answer() -> None:
    client = active()
    client.user_stream_start()
    client.user_stream_stop()
    client.user_stream_start()
    client.receive(frame("userStream.started"))
    with pytest.raises(RuntimeError, match="not open"):
        client.user_stream_chunk(b"\x01\x02")
    client.receive(frame("userStream.stopped"))
    client.receive(frame("userStream.started"))
    client.user_stream_chunk(b"\x01\x02")


def test_answers_are_matched_by_participant_or_else_by_order() -> None:
    client = active()
    for participant in ("caller", "callee", "supervisor"):
        client.user_stream_start(participant)
    assert only(client, frame("userStream.started", participant="callee")) == UserStreamOpen(
        "callee"
    )
    assert only(client, frame("userStream.started")) == UserStreamOpen("caller")
    assert "without" in problem(client, frame("userStream.started", participant="stranger"))
    client.user_stream_stop("caller")
    assert only(client, frame("userStream.stopped")) == UserStreamClosed("caller")
    assert "without" in problem(client, frame("userStream.stopped"))
    client.user_stream_start()
    assert client.receive(frame("userStream.started", participant="invented")) == [
        UserStreamOpen(None)
    ]


def test_a_prompt_is_received_sample_by_sample() -> None:
    client = active()
    start = frame(
        "playStream.start",
        streamId="p-1",
        mediaFormat="raw/lpcm16_24",
        altText="Hello",
        activityParams={"bargeIn": True},
    )
    assert only(client, start) == PlayStarted(
        stream_id="p-1",
        media_format=MediaFormat.RAW_LPCM16_24,
        alt_text="Hello",
        activity_params={"bargeIn": True},
    )
    assert client.receive(chunk(b"\x01")) == []
    assert only(client, chunk(b"\x02\x03\x04")) == PlayAudio("p-1", b"\x01\x02\x03\x04")
    assert only(client, frame("playStream.stop", streamId="p-1")) == PlayStopped("p-1")


def test_a_whole_prompt_may_come_as_one_chunk() -> None:
    client = active()
    client.receive(frame("playStream.start", streamId="p-1"))
    audio = bytes(10_000_000)
    assert only(client, chunk(audio)) == PlayAudio("p-1", audio)


def test_a_play_stream_without_a_format_has_that_of_the_session() -> None:
    started = only(active(), frame("playStream.start", streamId="1"))
    assert isinstance(started, PlayStarted)
    assert (started.media_format, started.alt_text) == (MediaFormat.RAW_LPCM16, None)


def test_a_play_stream_in_an_unknown_format_is_not_played() -> None:
    client = active()
    assert "unknown" in problem(client, frame("playStream.start", streamId="1", mediaFormat="mp3"))
    assert "outside" in problem(client, chunk(b"\x01\x02", "1"))
    text_session = requested()
    text_session.receive(frame("session.accepted"))
    assert "unknown" in problem(text_session, frame("playStream.start", streamId="1"))


def test_a_new_play_stream_ends_the_open_one() -> None:
    client = active()
    client.receive(frame("playStream.start", streamId="p-1"))
    rejected, stopped, started = client.receive(frame("playStream.start", streamId="p-2"))
    assert isinstance(rejected, Rejected)
    assert stopped == PlayStopped("p-1")
    assert isinstance(started, PlayStarted)
    assert "outside" in problem(client, chunk(b"\x01\x02", "p-1"))
    assert "outside" in problem(client, frame("playStream.stop", streamId="p-1"))


def test_the_open_play_stream_is_over_even_if_the_new_one_cannot_be_played() -> None:
    client = active()
    client.receive(frame("playStream.start", streamId="p-1"))
    client.receive(frame("playStream.start", streamId="p-2", mediaFormat="mp3"))
    assert "outside" in problem(client, chunk(b"\x01\x02", "p-1"))


def test_audio_behind_the_stop_is_dropped() -> None:
    client = active()
    client.receive(frame("playStream.start", streamId="p-1"))
    client.receive(frame("playStream.stop", streamId="p-1"))
    assert "outside" in problem(client, chunk(b"\x01\x02"))
    assert "outside" in problem(client, frame("playStream.stop", streamId="p-1"))


def test_a_mark_comes_with_all_its_fields_and_goes_back_with_them() -> None:
    client = active()
    asked = frame("playStream.mark.set", streamId="p-1", markId="m", conversationId="x")
    found = only(client, asked)
    assert found == MarkSet("p-1", {"streamId": "p-1", "markId": "m"})
    assert json.loads(client.mark_reached({"streamId": "p-1", "markId": "m"})) == {
        "type": "playStream.mark.reached",
        "conversationId": "c-1",
        "streamId": "p-1",
        "markId": "m",
    }
    assert "too long" in problem(client, frame("playStream.mark.set", markId="m" * 3000))


def test_an_endless_caption_is_cut() -> None:
    started = only(active(), frame("playStream.start", streamId="1", altText="x" * 100_000))
    assert isinstance(started, PlayStarted)
    assert started.alt_text == "x" * MAX_TEXT


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("started", SpeechStarted("caller")),
        ("stopped", SpeechStopped("caller")),
        ("committed", SpeechCommitted("caller")),
    ],
)
def test_speech_events_name_the_participant_either_way(kind: str, expected: ClientEvent) -> None:
    for field in ("participant", "participantId"):
        assert only(active(), frame(f"userStream.speech.{kind}", **{field: "caller"})) == expected


@pytest.mark.parametrize(
    ("fields", "text", "confidence"),
    [
        ({"alternatives": [{"text": "pay", "confidence": 0.9}, {"text": "bay"}]}, "pay", 0.9),
        ({"alternatives": [{"text": "pay", "confidence": "0.83"}]}, "pay", 0.83),
        ({"alternatives": [{"text": "pay"}]}, "pay", None),
        ({"text": "pay", "confidence": 1}, "pay", 1.0),
        ({"alternatives": [], "text": "pay"}, "pay", None),
        ({"alternatives": ["pay"], "text": "my bill"}, "my bill", None),
        ({"alternatives": [{"text": 5, "confidence": "high"}]}, "", None),
        ({"text": "pay", "confidence": "nan"}, "pay", None),
        ({"text": "pay", "confidence": True}, "pay", None),
        ({"text": "pay", "confidence": [1]}, "pay", None),
        ({"text": "pay", "confidence": 83}, "pay", 1.0),
        ({"text": "x" * 100_000}, "x" * MAX_TEXT, None),
        ({}, "", None),
    ],
)
def test_recognised_text_is_found_in_every_shape(
    fields: dict[str, Any], text: str, confidence: float | None
) -> None:
    recognised = only(active(), frame("userStream.speech.recognition", **fields))
    assert recognised == SpeechRecognition(text, confidence)
    assert only(active(), frame("userStream.speech.hypothesis", **fields)) == SpeechHypothesis(text)


def test_activities_go_both_ways() -> None:
    client = active()
    assert json.loads(client.activities([event("DTMF", value="1", id="a", timestamp="t")])) == {
        "type": "activities",
        "conversationId": "c-1",
        "activities": [
            {"type": "event", "name": "DTMF", "value": "1", "id": "a", "timestamp": "t"}
        ],
    }
    told = frame("activities", activities=[{"type": "message", "text": "Sure."}])
    assert only(client, told) == ActivitiesReceived((message("Sure."),))


@pytest.mark.parametrize(
    "incoming",
    [
        frame("userStream.started"),
        frame("playStream.start", streamId="1"),
        frame("activities"),
        frame("session.initiate"),
        "hello",
        b"\x00",
    ],
)
def test_nothing_counts_before_the_session_is_accepted(incoming: str | bytes) -> None:
    problem(requested(), incoming)


def test_an_unknown_type_is_marked_as_such() -> None:
    found = only(active(), frame("playStream.tempo.set", tempo=2))
    assert isinstance(found, Rejected)
    assert found.unknown_type


def test_requests_are_made_once_and_in_order() -> None:
    client = requested()
    for early in (client.resume, client.validate, client.user_stream_stop):
        with pytest.raises(RuntimeError, match="requested"):
            early()
    with pytest.raises(RuntimeError, match="requested"):
        client.activities([])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4)
    ),
    max_leaves=12,
)
types = st.sampled_from(
    ["session.accepted", "session.error", "userStream.started", "userStream.stopped", "activities"]
    + ["playStream.start", "playStream.chunk", "playStream.stop", "playStream.mark.set"]
    + [f"userStream.speech.{kind}" for kind in ("started", "hypothesis", "recognition")]
)
fields = st.dictionaries(
    st.sampled_from(
        [
            "streamId",
            "mediaFormat",
            "audioChunk",
            "alternatives",
            "text",
            "confidence",
            "reason",
            "participant",
            "activities",
            "altText",
            "activityParams",
        ]
    ),
    st.sampled_from(["1", "AAA=", "raw/lpcm16", {}, []]) | json_values,
    max_size=5,
)
hostile = st.one_of(
    st.text(),
    st.binary(),
    json_values.map(json.dumps),
    st.builds(lambda kind, more: json.dumps({"type": kind, **more}), types, fields),
)


@given(frames=st.lists(hostile, max_size=20))
def test_no_frame_whatever_raises_or_breaks_the_machine(frames: list[str | bytes]) -> None:
    client = active()
    client.user_stream_start()
    for incoming in frames:
        found = client.receive(incoming)
        ended = any(isinstance(one, Errored) for one in found)
        if ended:
            assert client.state == "ended"
            client = active()
        assert client.state == "active"
        for one in found:
            if isinstance(one, PlayAudio):
                assert one.audio


def test_parameters_of_a_play_stream_that_are_nested_too_deeply_are_left_out() -> None:
    client = active()
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    (started,) = client.receive(
        frame(
            "playStream.start",
            streamId="p-1",
            mediaFormat="raw/lpcm16",
            activityParams={"a": deep},
        )
    )
    assert isinstance(started, PlayStarted)
    assert started.activity_params is None
