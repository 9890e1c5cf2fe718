"""Frames of one text message, as we write them and as clients write them."""

import random

import pytest

from gateway_project.frames import LONGEST, masked_text, text_frame

pytestmark = pytest.mark.pure

SIZES = (0, 1, 3, 4, 5, 124, 125, 126, 127, 900, LONGEST)


def client_frame(payload: bytes, *, first: int = 0x81, mask: bytes | None = None) -> bytes:
    mask = b"\x37\xfa\x21\x3d" if mask is None else mask  # the example of RFC 6455
    length = len(payload)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length <= LONGEST:
        head = bytes((first, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_a_client_is_read_wherever_it_stands(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    frame = client_frame(text.encode())
    assert masked_text(frame, 0) == (text, len(frame))
    assert masked_text(b"before" + frame + b"after", 6) == (text, 6 + len(frame))


@pytest.mark.parametrize("size", SIZES)
def test_a_part_of_a_frame_is_not_for_us(size: int) -> None:
    frame = client_frame(b"x" * size)
    for end in {*range(min(12, len(frame))), len(frame) - 1}:
        assert masked_text(frame[:end], 0) is None


@pytest.mark.parametrize(
    "frame",
    [
        client_frame(b"binary", first=0x82),
        client_frame(b"begins", first=0x01),
        client_frame(b"goes on", first=0x80),
        client_frame(b"with a reserved bit", first=0xC1),
        client_frame(b"ping", first=0x89),
        client_frame(b"\x03\xe8", first=0x88),
        client_frame(b"half a character \xc3"),
        client_frame(b"\xed\xa0\x80 is a surrogate"),
        client_frame(b"x" * (LONGEST + 1)),
        b"\x81\x05" + b"not masked",
        b"\x81\x7e\x00\x80" + bytes(200),
        b"\x81\xfe\x00\x05" + bytes(4) + b"not in the fewest bytes",
    ],
)
def test_everything_else_is_left_to_the_library(frame: bytes) -> None:
    assert masked_text(frame, 0) is None


def test_no_bytes_do_harm() -> None:
    dice = random.Random(1)
    for _ in range(5_000):
        data = bytes((0x81, dice.randrange(256))) + dice.randbytes(dice.randrange(150))
        found = masked_text(data, 0)
        assert found is None or found[1] <= len(data)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (LONGEST, b"\x81\x7e\xff\xff"),
    ],
)
def test_our_frames_say_their_length_in_the_fewest_bytes(size: int, head: bytes) -> None:
    assert text_frame(b"x" * size) == head + b"x" * size
