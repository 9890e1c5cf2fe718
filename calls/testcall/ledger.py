"""What was seen in a test call: the conversation line by line, the turns, and what was wrong."""

from collections.abc import Callable
from typing import Literal

import msgspec

Kind = Literal[
    "call", "bot", "caller", "digits", "hypothesis", "heard", "barge-in", "event", "end", "wrong"
]


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
    """Whether it was begun over a prompt that allows barge-in."""
    barge_in_ms: float | None = None
    """From the onset of the caller's voice to the silence of the bot."""


class Ledger:
    """Everything a caller saw; grows only. ``show`` is given each line as it comes."""

    def __init__(self) -> None:
        self.show: Callable[[Line], None] = lambda _line: None
        self.lines: list[Line] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.turns: list[TurnTaken] = []
        self.prompts = 0
        self.media_format = ""
        self.accepted_after_ms: float | None = None
        self.resumed_after_ms: float | None = None
        self.most_ahead_ms = 0.0
        self.starved_ms = 0.0
        self.own_delay_ms = 0.0
        """How late the caller itself was at most; what it measures is no better than that."""
        self.reason_code = ""
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
    media_format: str
    prompts: int
    turns: tuple[TurnTaken, ...]
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
        media_format=ledger.media_format,
        prompts=ledger.prompts,
        turns=tuple(ledger.turns),
        accepted_after_ms=ledger.accepted_after_ms,
        resumed_after_ms=ledger.resumed_after_ms,
        most_ahead_ms=ledger.most_ahead_ms,
        starved_ms=ledger.starved_ms,
        lines=tuple(ledger.lines),
    )
