"""What was seen in a test call: the conversation line by line, the turns, and what was wrong."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from calls.testcall.flow import Met

Kind = Literal[
    "call", "bot", "caller", "digits", "silent", "hypothesis", "heard", "barge-in", "event",
    "expected", "end", "wrong",
]  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the conversation; ``at`` in seconds since the call began."""

    at: float
    kind: Kind
    text: str
    detail: str = ""


class TurnTaken(msgspec.Struct, kw_only=True):
    """One turn of the caller. Times in seconds since the call began, delays in milliseconds."""

    said: str
    spoken: bool
    began_at: float
    ended_at: float | None = None
    """When the caller's voice ended; None while it lasts."""
    recognised: str = ""
    confidence: float | None = None
    answer_delay_ms: float | None = None
    """From the end of the caller's voice to the first sample of the bot's answer."""
    over_prompt: bool = False
    """Whether it was begun while the bot spoke."""
    barge_in_ms: float | None = None
    """From the onset of the caller's voice, or the first key, to the silence of the bot."""
    must_be_heard: bool = True
    """Whether the call fails when nothing of it is recognised."""
    must_silence: bool = False
    """Whether the call fails when the bot speaks on."""


class PromptHeard(msgspec.Struct, kw_only=True):
    """A prompt at the caller's ear. Times in seconds since the call began."""

    text: str
    began_at: float
    ended_at: float | None = None
    heard_ms: float = 0.0
    gap_ms: float = 0.0
    """Silence inside it because audio came late."""
    cut: bool = False
    """It was stopped before its end."""


class ActivitySeen(msgspec.Struct, frozen=True, kw_only=True):
    """An event that the bot's side sent, such as ``config`` or ``sendDtmf``."""

    at: float
    name: str
    value: Any = None
    parameters: dict[str, Any] = {}


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which neither the bot nor the caller was to be heard, in seconds."""

    began_at: float
    seconds: float


class Ledger:
    """Everything a caller saw; grows only. ``show`` is given each line as it comes."""

    # Many attributes, because each is one thing that the result tells.
    def __init__(self) -> None:
        self.show: Callable[[Line], None] = lambda _line: None
        self.lines: list[Line] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.turns: list[TurnTaken] = []
        self.prompts = 0
        """Play streams that were opened and texts that came."""
        self.heard: list[PromptHeard] = []
        self.met: list[Met] = []
        self.activities: list[ActivitySeen] = []
        self.silences: list[Quiet] = []
        self.media_format = ""
        self.accepted_after_ms: float | None = None
        self.resumed_after_ms: float | None = None
        self.most_ahead_ms = 0.0
        self.starved_ms = 0.0
        self.own_delay_ms = 0.0
        """How late the caller itself was at most; what it measures is no better than that."""
        self.reason_code = self.reason = ""
        self.ended_by = ""
        self.ended_at = 0.0

    def say(self, at: float, kind: Kind, text: str, detail: str = "") -> None:
        """Add a line to the conversation."""
        line = Line(at=at, kind=kind, text=text, detail=detail)
        self.lines.append(line)
        self.show(line)

    def fault(self, at: float, sentence: str) -> None:
        """Something was wrong; the same sentence counts once."""
        if sentence not in self.faults:
            self.faults.append(sentence)
            self.say(at, "wrong", sentence)

    def note(self, sentence: str) -> None:
        """Something is worth knowing but not wrong."""
        if sentence not in self.notes:
            self.notes.append(sentence)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a call went, for people and for machines. Times in seconds, delays in milliseconds."""

    conversation_id: str
    ok: bool
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    duration: float
    ended_by: str
    reason_code: str
    reason: str
    media_format: str
    prompts: int
    heard: tuple[PromptHeard, ...]
    turns: tuple[TurnTaken, ...]
    activities: tuple[ActivitySeen, ...]
    silences: tuple[Quiet, ...]
    """Those that lasted a second or more."""
    longest_silence: float
    accepted_after_ms: float | None
    resumed_after_ms: float | None
    most_ahead_ms: float
    """How far the bot's audio ran ahead of real time at most."""
    starved_ms: float
    """How long the caller heard silence inside prompts because audio came late."""
    lines: tuple[Line, ...]


def result(ledger: Ledger, conversation_id: str) -> Result:
    """The result of a call that is over."""
    return Result(
        conversation_id=conversation_id,
        ok=not ledger.faults,
        faults=tuple(ledger.faults),
        notes=tuple(ledger.notes),
        duration=ledger.ended_at,
        ended_by=ledger.ended_by,
        reason_code=ledger.reason_code,
        reason=ledger.reason,
        media_format=ledger.media_format,
        prompts=ledger.prompts,
        heard=tuple(ledger.heard),
        turns=tuple(ledger.turns),
        activities=tuple(ledger.activities),
        silences=tuple(ledger.silences),
        longest_silence=max((quiet.seconds for quiet in ledger.silences), default=0.0),
        accepted_after_ms=ledger.accepted_after_ms,
        resumed_after_ms=ledger.resumed_after_ms,
        most_ahead_ms=ledger.most_ahead_ms,
        starved_ms=ledger.starved_ms,
        lines=tuple(ledger.lines),
    )
