"""Where the silence between the caller's last word and the answer went, turn by turn."""

import msgspec

from calls.core.commands import RecordTurn

_ENDS = (
    ("endpointing", "end_decided_ms"),
    ("recognition", "final_text_ms"),
    ("collection", "sent_to_bot_ms"),
    ("bot", "bot_answered_ms"),
    ("synthesis", "audio_ready_ms"),
    ("delivery", "audio_sent_ms"),
)
SEGMENTS = tuple(name for name, _ in _ENDS)
"""What can take time in a turn, in order."""
REST = "unexplained"
"""Name of the part of a silence that no segment accounts for."""


class TurnTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The moments of `RecordTurn` in whole milliseconds since the call started.

    ``agent`` is how long a voice agent says it took, any of `bots.core.agents.LATENCIES`.
    """

    turn: int
    kind: str
    caller_stopped_ms: int
    end_decided_ms: int
    final_text_ms: int
    sent_to_bot_ms: int
    bot_answered_ms: int | None = None
    audio_ready_ms: int | None = None
    audio_sent_ms: int | None = None
    playback_ended_ms: int | None = None
    agent: dict[str, int] | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a silence: a name of `SEGMENTS` or `REST`, where it began, how long it was."""

    name: str
    start_ms: int
    ms: int


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """One turn as people look at it; ``at_ms`` is its place in the call.

    The segments follow each other without gaps and sum to ``silence_ms``, the silence that the
    caller heard. An answer that was never heard has no ``silence_ms``; the segments then show how
    far it came.
    """

    turn: int
    kind: str
    at_ms: int
    segments: tuple[Segment, ...]
    silence_ms: int | None
    playback_ms: int | None
    agent: dict[str, int] | None = None
    """What a voice agent tells of its own part in the silence, which nobody can check."""

    @property
    def reached_ms(self) -> int:
        """How far into the silence the segments go."""
        return sum(segment.ms for segment in self.segments)


def turn_times(turn: RecordTurn, started: float) -> TurnTimes:
    """``turn`` on the clock of a call that started at ``started`` (seconds, engine's clock).

    The silence is rounded as a whole, like the delay beside the answer in the transcript.
    """
    stopped_at = turn.caller_stopped_at
    stopped_ms = max(0, round((stopped_at - started) * 1000))
    times: dict[str, object] = {"turn": turn.turn, "kind": turn.kind, "agent": turn.agent}
    for name, at in msgspec.structs.asdict(turn).items():
        if name.endswith("_at") and at is not None:
            times[name.removesuffix("at") + "ms"] = stopped_ms + round((at - stopped_at) * 1000)
    return msgspec.convert(times, TurnTimes)


def waterfall(times: TurnTimes) -> Waterfall:
    """The segments of one turn; those that took no time are left out."""
    stopped = reached = times.caller_stopped_ms
    segments = []
    for name, end in _ENDS:
        ended: int | None = getattr(times, end)
        if ended is None:
            break
        if ended > reached:
            segments.append(Segment(name=name, start_ms=reached - stopped, ms=ended - reached))
        reached = ended
    sent = times.audio_sent_ms
    if sent is not None and sent > reached:
        segments.append(Segment(name=REST, start_ms=reached - stopped, ms=sent - reached))
    over = times.playback_ended_ms
    return Waterfall(
        turn=times.turn,
        kind=times.kind,
        at_ms=stopped,
        segments=tuple(segments),
        silence_ms=None if sent is None else sent - stopped,
        playback_ms=None if sent is None or over is None else over - sent,
        agent=times.agent,
    )
