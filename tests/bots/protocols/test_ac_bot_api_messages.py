"""Captured frames, good ones decoded and encoded again, bad ones refused with the reason."""

import re
from pathlib import Path

import msgspec
import pytest

from bots.core.activities import Activity
from bots.core.errors import ProtocolError
from bots.protocols.ac_bot_api import messages

pytestmark = pytest.mark.pure

CAPTURES = Path(__file__).parents[2] / "captures" / "ac_bot_api"
DECODERS = {"gateway": messages.decode_from_gateway, "bot": messages.decode_from_bot}


def captures(folder: str) -> list[Path]:
    return sorted((CAPTURES / folder).glob("*.txt"))


@pytest.mark.parametrize("capture", captures("good"), ids=lambda path: path.stem)
def test_a_good_frame_is_decoded_and_encoded_again(capture: Path) -> None:
    """First line: the frame as seen; second line, if any: how we write the same message."""
    frame, *rewritten = capture.read_text(encoding="utf-8").splitlines()
    message = DECODERS[capture.name.partition(".")[0]](frame)
    written = messages.encode(message)
    assert msgspec.json.decode(written) == msgspec.json.decode(rewritten[0] if rewritten else frame)
    assert DECODERS[capture.name.partition(".")[0]](written) == message
    assert message.type == msgspec.json.decode(frame)["type"]


@pytest.mark.parametrize("capture", captures("bad"), ids=lambda path: path.stem)
def test_a_bad_frame_is_refused_with_the_reason(capture: Path) -> None:
    """First line: the expected problem as a pattern; the rest: the frame."""
    pattern, _, frame = capture.read_text(encoding="utf-8").partition("\n")
    with pytest.raises(ProtocolError) as caught:
        DECODERS[capture.name.partition(".")[0]](frame.removesuffix("\n"))
    assert re.fullmatch(pattern, caught.value.problem), caught.value.problem
    assert caught.value.peer == capture.name.partition(".")[0]


def test_every_message_of_the_protocol_has_a_good_capture() -> None:
    seen = {msgspec.json.decode(c.read_text().splitlines()[0])["type"] for c in captures("good")}
    known = {
        str(kind.__struct_config__.tag)
        for kind in (*messages.GatewayMessage.__args__, *messages.BotMessage.__args__)
    }
    assert seen == known


def test_only_an_unknown_type_is_called_unknown() -> None:
    with pytest.raises(messages.UnknownMessageError):
        messages.decode_from_bot('{"type":"playStream.tempo.set"}')
    with pytest.raises(ProtocolError) as caught:
        messages.decode_from_bot('{"type":"playStream.stop","streamId":7}')
    assert not isinstance(caught.value, messages.UnknownMessageError)


def test_a_mark_is_named_by_all_its_fields_and_they_go_back_as_they_came() -> None:
    frame = '{"type":"playStream.mark.set","conversationId":"c","streamId":"p","markId":7,"x":[1]}'
    fields = messages.mark_fields(frame)
    assert fields == {"streamId": "p", "markId": 7, "x": [1]}
    reached = messages.PlayStreamMarkReached(conversation_id="c-1")
    written = messages.encode_mark(reached, {**fields, "type": "session.end"})
    assert msgspec.json.decode(written) == {
        "type": "playStream.mark.reached",
        "conversationId": "c-1",
        "streamId": "p",
        "markId": 7,
        "x": [1],
    }


@pytest.mark.parametrize(
    "field",
    ['"x":"' + "x" * messages.MAX_MARK + '"', '"x":"\\ud800"', '"x":' + "[" * 1000 + "]" * 990],
    ids=["too long", "no unicode", "deep"],
)
def test_a_mark_that_cannot_be_given_back_is_refused(field: str) -> None:
    with pytest.raises(ProtocolError, match=r"playStream\.mark"):
        messages.mark_fields('{"type":"playStream.mark.set",' + field + "}")


def test_a_binary_frame_is_no_message() -> None:
    with pytest.raises(ProtocolError, match="binary frame"):
        messages.decode_from_gateway(b'{"type":"session.resume"}')


def test_text_that_is_no_unicode_is_no_message() -> None:
    with pytest.raises(ProtocolError, match="not JSON"):
        messages.decode_from_gateway('{"type":"\ud800"}')


def test_a_problem_is_short_however_long_the_frame_is() -> None:
    with pytest.raises(ProtocolError) as caught:
        messages.decode_from_gateway('{"type":"' + "x" * 100_000 + '"}')
    assert len(caught.value.problem) <= 200


def test_problems_do_not_repeat_what_the_caller_said() -> None:
    with pytest.raises(ProtocolError) as caught:
        messages.read_activity({"type": "message", "text": ["my card is 4111"]})
    assert "4111" not in str(caught.value)


def test_an_activity_without_id_and_timestamp_is_good() -> None:
    assert messages.read_activity({"type": "Event", "name": "hangup"}) == Activity(
        type="Event", name="hangup"
    )


def test_an_id_or_timestamp_that_is_no_string_is_dropped() -> None:
    raw = {"type": "message", "text": "hi", "id": 7, "timestamp": 1767607200}
    assert messages.read_activity(raw) == Activity(type="message", text="hi")
    kept = messages.read_activity({"type": "message", "id": "a", "timestamp": "b"})
    assert (kept.id, kept.timestamp) == ("a", "b")


@pytest.mark.parametrize(
    "raw",
    [
        3,
        None,
        [],
        {},
        {"type": 5},
        {"type": "t" * 201},
        {"type": "event", "name": "n" * 201},
        {"type": "message", "text": "x" * (messages.MAX_TEXT + 1)},
        {"type": "event", "activityParams": "bargeIn"},
    ],
    ids=repr,
)
def test_what_is_no_activity_is_refused(raw: object) -> None:
    with pytest.raises(ProtocolError):
        messages.read_activity(raw)


def test_free_text_is_cut_and_absent_text_is_empty() -> None:
    assert messages.clip(None) == ""
    assert messages.clip("abc") == "abc"
    assert messages.clip("x" * 600) == "x" * messages.MAX_NAME


def test_a_frame_of_very_many_parts_is_refused_unread() -> None:
    frame = '{"type":"activities","activities":[' + "[]," * 200_000 + "0]}"
    with pytest.raises(ProtocolError, match="too many parts"):
        messages.decode_from_bot(frame)


def test_what_is_nested_so_deeply_that_it_could_not_be_sent_on_is_refused() -> None:
    deep = "[" * 900 + "]" * 900
    value = msgspec.json.decode(deep)
    with pytest.raises(ProtocolError, match="nested too deeply"):
        messages.read_activity({"type": "event", "name": "x", "activityParams": {"a": value}})
    with pytest.raises(ProtocolError, match="nested too deeply"):
        messages.mark_fields(f'{{"type":"playStream.mark.set","mark":{deep[800:-800]}}}')
