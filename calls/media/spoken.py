"""What a synthesis owes the caller: audio, and in time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bots.core.errors import Fault, ServiceError
from bots.core.ssml import segments, to_text

_SAMPLE_BYTES = 2


def has_sound(text: str) -> bool:
    """Whether there is anything to synthesise in ``text``, plain or SSML: words or a recording.

    An empty text has none, nor has markup that holds nothing but pauses.
    """
    return "<audio" in text or any(isinstance(part, str) for part in segments(text))


def has_words(text: str) -> bool:
    """Whether a synthesiser that makes no sound of ``text`` has failed; of an emoji it may."""
    return any(character.isalnum() for character in to_text(text))


async def in_time(
    pieces: AsyncGenerator[bytes, None], timeout_s: float, *, may_be_silent: bool = False
) -> AsyncGenerator[bytes, None]:
    """The pieces of a synthesis; the first audio and each next come within ``timeout_s``.

    Raises:
        ServiceError: they did not (``TIMEOUT``), or the synthesis ended without a sample
            (``PROTOCOL``) although it may not be silent; and what the synthesiser raises.
    """
    loop = asyncio.get_running_loop()
    got_bytes = 0
    due = loop.time() + timeout_s
    async with aclosing(pieces):
        while True:
            try:
                async with asyncio.timeout_at(due):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise ServiceError("tts", Fault.TIMEOUT, "no audio in time") from None
            if piece:
                got_bytes += len(piece)
                yield piece
                due = loop.time() + timeout_s
    if got_bytes < _SAMPLE_BYTES and not may_be_silent:
        raise ServiceError("tts", Fault.PROTOCOL, "no audio came for the prompt")
