"""The commonest WebSocket frame, read and written whole: one text message, not compressed.

Audio comes and goes fifty times a second and call in such frames. What is anything else (a part of
a message, a control frame, a long or an invalid one) is left to the library, whose judgement
counts. Pure; RFC 6455, section 5.2.
"""

_FINAL_TEXT = 0x81
_MASKED = 0x80
_TWO_BYTES = 126
_MASK_BYTES = 4
LONGEST = 0xFFFF
"""Longest message of such a frame, in bytes."""


def masked_text(data: bytes, at: int) -> tuple[str, int] | None:
    """The message of a client that begins at ``at``, and where it ends; None: not of this kind."""
    if len(data) < at + 2 + _MASK_BYTES or data[at] != _FINAL_TEXT:
        return None
    length = data[at + 1] - _MASKED
    begin = at + 2
    if length == _TWO_BYTES:
        length = data[begin] << 8 | data[begin + 1]
        begin += 2
        if length < _TWO_BYTES:
            return None
    elif not 0 <= length < _TWO_BYTES:
        return None
    begin += _MASK_BYTES
    end = begin + length
    if len(data) < end:
        return None
    try:
        return _unmasked(data[begin:end], data[begin - _MASK_BYTES : begin]).decode(), end
    except UnicodeDecodeError:
        return None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """As one number, because that is one operation; the mask is repeated to the full length."""
    length = len(payload)
    key = (mask * (length // _MASK_BYTES + 1))[:length]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return number.to_bytes(length, "little")


def text_frame(message: bytes) -> bytes:
    """The frame of a server with ``message``, which is UTF-8 and has at most `LONGEST` bytes."""
    length = len(message)
    if length < _TWO_BYTES:
        return bytes((_FINAL_TEXT, length)) + message
    return bytes((_FINAL_TEXT, _TWO_BYTES, length >> 8, length & 0xFF)) + message
