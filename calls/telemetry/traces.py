"""Calls as traces: one trace a call, one span a turn, and in it one for each part of its silence.

Pure. Spans are made by whoever exports them, not by the call: the call hands over a `Told`, which
makes them when it is called. They hold names and numbers, never words, numbers or names of a
caller. Ids follow from the call's id, so that whoever has one finds the other.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from calls.core import commands
from calls.core.waterfall import TurnTimes, Waterfall, waterfall
from calls.telemetry.calls import reason_of

MAX_FAILURES = 50
"""Failures of services that are told of one call."""
MS = 1_000_000

Value = str | int | float | bool


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A moment within a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Value]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time; nanoseconds since 1970."""

    trace_id: int
    span_id: int
    parent_id: int | None
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value] = {}
    happened: tuple[Happened, ...] = ()
    failed: bool = False


Told = Callable[[], list[Span]]
Tell = Callable[[Told], None]
Send = Callable[[Sequence[Span]], bool]
"""Sends spans; says whether the collector took them. It has a deadline and raises nothing."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The call that spans are about."""

    call_id: UUID
    started_ns: int
    attributes: Mapping[str, Value]

    @property
    def trace_id(self) -> int:
        """As hexadecimal digits: the call's id without dashes."""
        return self.call_id.int

    @property
    def root_id(self) -> int:
        """Of the call's own span: the second half of the call's id."""
        return self.call_id.int & ((1 << 64) - 1)

    def span_id(self, *parts: str | int) -> int:
        """Of a span inside."""
        name = "/".join(map(str, (self.call_id, *parts)))
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") or 1

    def at_ns(self, ms: float) -> int:
        """The moment ``ms`` after the start of the call."""
        return self.started_ns + round(ms * MS)


class CallTrace:
    """Tells of one call what becomes its trace; returns at once."""

    def __init__(self, tell: Tell, call_id: UUID, started_at: datetime, bot: str) -> None:
        self._tell = tell
        self._call_id = call_id
        self._started_ns = round(started_at.timestamp() * 1000) * MS
        self._bot = bot
        self._failures: list[Happened] = []
        self._call = self._subject({})

    def opened(self, *, channel: str, direction: str, mode: str, revision: int) -> None:
        """The call began."""
        self._call = self._subject(
            {
                "gateway.channel": channel,
                "gateway.direction": direction,
                "gateway.mode": mode,
                "gateway.bot.revision": revision,
            }
        )

    def turn(self, times: TurnTimes) -> None:
        """A turn has ended."""
        self._tell(partial(turn_spans, self._call, times))

    def failed(self, failure: commands.ReportFault, provider: str, after_s: float) -> None:
        """A service failed, so long after the start of the call."""
        if len(self._failures) < MAX_FAILURES:
            about = {"gateway.service": failure.service, "gateway.fault": str(failure.fault)}
            about |= {"gateway.provider.name": provider} if provider else {}
            at_ns = self._call.at_ns(after_s * 1000)
            self._failures.append(Happened(name="service.failed", at_ns=at_ns, attributes=about))

    def closed(self, finish: commands.Finish, lasted_s: float) -> None:
        """The call ended."""
        self._tell(partial(call_spans, self._call, finish, lasted_s, tuple(self._failures)))

    def _subject(self, attributes: Mapping[str, Value]) -> Subject:
        whose = {"gateway.call.id": str(self._call_id), "gateway.bot.name": self._bot}
        return Subject(
            call_id=self._call_id, started_ns=self._started_ns, attributes={**whose, **attributes}
        )


def call_spans(
    call: Subject, finish: commands.Finish, lasted_s: float, failures: tuple[Happened, ...]
) -> list[Span]:
    """The span of the call itself, which all others are in."""
    reason = reason_of(finish)
    ending: dict[str, Value] = {
        "gateway.ended_by": finish.ended_by,
        "gateway.reason": reason,
        "gateway.turns": finish.turns,
    }
    span = Span(
        trace_id=call.trace_id,
        span_id=call.root_id,
        parent_id=None,
        name="call",
        start_ns=call.started_ns,
        end_ns=call.at_ns(lasted_s * 1000),
        attributes={**call.attributes, **ending},
        happened=failures,
        failed=finish.reason_code == "error",
    )
    return [span]


def turn_spans(call: Subject, times: TurnTimes) -> list[Span]:
    """The span of a turn, from the caller's last word to the end of the answer, and its parts."""
    fall = waterfall(times)
    parts = list(_parts(times, fall))
    start_ms = times.caller_stopped_ms
    end_ms = max((end for _, _, end in parts), default=start_ms)
    turn_id = call.span_id(times.turn)
    about: dict[str, Value] = {
        **call.attributes,
        "gateway.turn.number": times.turn,
        "gateway.turn.kind": times.kind,
        **{f"gateway.agent.{name}": ms for name, ms in (times.agent or {}).items()},
    }
    if fall.silence_ms is not None:
        about["gateway.turn.silence_ms"] = fall.silence_ms

    def span(name: str, start: int, end: int, span_id: int, parent_id: int) -> Span:
        return Span(
            trace_id=call.trace_id,
            span_id=span_id,
            parent_id=parent_id,
            name=name,
            start_ns=call.at_ns(start),
            end_ns=call.at_ns(end),
            attributes=about if name == "turn" else {},
        )

    inside = [
        span(name, start, end, call.span_id(times.turn, name), turn_id)
        for name, start, end in parts
    ]
    return [span("turn", start_ms, end_ms, turn_id, call.root_id), *inside]


def _parts(times: TurnTimes, fall: Waterfall) -> Iterator[tuple[str, int, int]]:
    """Name, begin and end of each part of a turn, in milliseconds of the call."""
    for part in fall.segments:
        start_ms = times.caller_stopped_ms + part.start_ms
        yield part.name, start_ms, start_ms + part.ms
    if times.audio_sent_ms is not None and times.playback_ended_ms is not None:
        yield "playback", times.audio_sent_ms, times.playback_ended_ms
