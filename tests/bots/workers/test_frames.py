"""What travels between the gateway and its workers (bots.workers.frames)."""

import msgspec
import pytest

from bots.workers import frames

pytestmark = pytest.mark.pure

TO_WORKER: list[frames.ToWorker] = [
    frames.Model("k", ("pay my bill",), 0.25),
    frames.ForgetModel("k"),
    frames.Begin(1, "k", 8000),
    frames.Audio(1, b"\x00\xff"),
    frames.End(1),
    frames.Speak(2, "Hello", "en-US", 16000, "slt", "auto"),
    frames.Cancel(2),
    frames.Fill(3, "${a}", '{"a": 1}'),
]
FROM_WORKER: list[frames.FromWorker] = [
    frames.ModelReady("k", ("xyzzy",)),
    frames.Interim(1, "pay"),
    frames.Result(1, "pay my bill", 0.9),
    frames.Samples(2, b"\x01\x00"),
    frames.Done(2),
    frames.VoiceReplaced(2, "nobody", "flite slt"),
    frames.Filled(3, "1"),
    frames.Refused(2, "server", "no"),
]


@pytest.mark.parametrize("frame", TO_WORKER, ids=lambda frame: type(frame).__name__)
def test_a_worker_reads_what_the_gateway_wrote(frame: frames.ToWorker) -> None:
    wire = frames.encode(frame)
    body = wire[frames.LENGTH_BYTES :]
    assert frames.body_length(wire[: frames.LENGTH_BYTES]) == len(body)
    assert frames.decode_to_worker(body) == frame


@pytest.mark.parametrize("frame", FROM_WORKER, ids=lambda frame: type(frame).__name__)
def test_the_gateway_reads_what_a_worker_wrote(frame: frames.FromWorker) -> None:
    assert frames.decode_from_worker(frames.encode(frame)[frames.LENGTH_BYTES :]) == frame


def test_a_frame_of_the_other_direction_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        frames.decode_to_worker(frames.encode(frames.Done(1))[frames.LENGTH_BYTES :])
    with pytest.raises(msgspec.DecodeError):
        frames.decode_from_worker(frames.encode(frames.End(1))[frames.LENGTH_BYTES :])


def test_a_length_beyond_the_limit_is_refused() -> None:
    assert frames.body_length(frames.MAX_FRAME_BYTES.to_bytes(4, "big")) == frames.MAX_FRAME_BYTES
    with pytest.raises(ValueError, match="frame"):
        frames.body_length((frames.MAX_FRAME_BYTES + 1).to_bytes(4, "big"))
