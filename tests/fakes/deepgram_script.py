"""How the fake voice agent behaves: what it says, what it calls, what it does wrong."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
import numpy as np

from bots.core.audio import AudioFormat, Converter

KEY = "s3cret-fake-key"
"""The API key that `Script.key` takes unless it is told otherwise."""

Fault = Literal[
    "wrong key",
    "no credit",
    "no access",
    "too many requests",
    "never welcome",
    "refuse settings",
    "never applied",
    "cut in mid-utterance",
    "silent",
    "close in mid-call",
    "error in mid-call",
    "garbage",
    "late audio",
    "no audio done",
    "unknown messages",
]
"""The first five meet the connection, the next two the settings, the next five happen in turn
`Script.fault_turn`, the last whenever they can.

``silent``: nothing comes for `Script.silent_s`, then the answer after all. ``late audio``: more of
an utterance comes behind ``UserStartedSpeaking``. ``garbage`` leaves it at that and goes on.
"""


class Call(msgspec.Struct, frozen=True):
    """A function the agent calls."""

    name: str
    arguments: dict[str, Any] = {}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: what the agent recognises whatever is said, and what it does about it.

    ``reply``: ``{result}`` in it stands for what the last function answered. ``eager``: functions
    are called in the caller's first pause already, as with ``eager_eot_threshold``.
    """

    said: str = "some words"
    reply: str = "You said some words."
    reply_ms: int = 600
    hz: int = 440
    calls: tuple[Call, ...] = ()
    eager: bool = False


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One connection; the last of ``turns`` repeats. Lengths as named, times at their own scale."""

    key: str = KEY
    turns: tuple[Turn, ...] = (Turn(),)
    voice: Callable[[str, AudioFormat], Awaitable[bytes]] | None = None
    """Speaks texts; without it they are tones of the given lengths."""
    greeting_ms: int = 600
    silence_ms: int = 300
    """Silence that ends the caller's turn."""
    eager_ms: int = 100
    """Silence after which an eager turn calls its functions."""
    welcome_s: float = 0.0
    speed: float = 0.0
    """How much faster than real time speech comes; 0: as fast as it goes."""
    function_s: float = 10.0
    """How long the agent waits for the answer of a function, then goes on without."""
    client_timeout_s: float = 10.0
    session_limit_s: float = 7200.0
    session_warning_s: float = 6900.0
    agents: frozenset[str] = frozenset()
    """Stored agents, by id."""
    faults: frozenset[Fault] = frozenset()
    fault_turn: int = 1
    """0 is the greeting."""
    silent_s: float = 60.0
    close_code: int = 1000
    error_code: str = "INTERNAL_SERVER_ERROR"
    """Of ``error in mid-call``."""

    def turn(self, number: int) -> Turn:
        """What happens in turn ``number``, of which the first is 1."""
        return self.turns[min(number, len(self.turns)) - 1]

    def has(self, fault: Fault, turn: int | None = None) -> bool:
        """Whether ``fault`` is due, in ``turn`` if one is given."""
        return fault in self.faults and turn in (None, self.fault_turn)


def tone(ms: int, audio: AudioFormat, hz: int) -> bytes:
    """A steady tone, far above any threshold of hearing."""
    source = AudioFormat("lpcm16", audio.rate_hz)
    at = np.arange(source.rate_hz * ms // 1000) / source.rate_hz
    samples = (8000 * np.sin(2 * math.pi * hz * at)).astype("<i2").tobytes()
    converter = Converter(source, audio)
    return converter.push(samples) + converter.flush()
