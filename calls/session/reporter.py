"""What people see of one call: the CDR, the transcript and the live page."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec

from bots.core.params.sections.storage import Storage
from calls.core import commands
from calls.core.ports import CallStart
from calls.core.waterfall import TurnTimes, turn_times
from calls.live import LiveFeed, LiveLine
from calls.records import (
    CallClosed,
    CallDescribed,
    CallOpened,
    LineHeard,
    RecordWriter,
    TurnTimed,
)

MAX_ADDRESS_CHARS = 200
MAX_REASON_CHARS = 500
MAX_CODE_CHARS = 40
MAX_CAUSE_CHARS = 80
MAX_RECORDINGS = 100
MAX_RECORDING_ID_CHARS = 200
MAX_LINE_CHARS = 10_000
"""Longer than anybody speaks at a stretch; what waits to be written or shown stays bounded."""


def clean(text: str, limit: int) -> str:
    """``text`` as every database takes it: no NUL, no half characters, at most ``limit`` long."""
    return text[: 2 * limit].replace("\x00", "")[:limit].encode(errors="replace").decode()


class Onlooker(Protocol):
    """Somebody on the voice side who watches the call; no method blocks or raises.

    It gets everything at once and in order, whether or not the live feed works.
    """

    def line(self, line: LiveLine) -> None:
        """A final line of the transcript."""
        ...

    def turn(self, times: TurnTimes) -> None:
        """The times of a turn that has ended."""
        ...

    def interim(self, side: str, text: str) -> None:
        """What ``side`` is saying; empty takes it away."""
        ...

    def state(self, state: str) -> None:
        """What the conversation is doing."""
        ...

    def closed(self, *, ended_by: str, reason_code: str, reason: str) -> None:
        """The call is over; nothing follows."""
        ...


class Reporter:
    """Numbers the lines of one call and hands every fact to the record writer and the live feed.

    ``started`` is the call's start on the engine's clock, in seconds. What ``storage`` says of
    transcripts is settled when the call begins.
    """

    def __init__(
        self,
        records: RecordWriter,
        live: LiveFeed,
        *,
        call_id: UUID,
        started: float,
        storage: Storage,
    ) -> None:
        self._records = records
        self._live = live
        self._call_id = call_id
        self._started = started
        self._started_at = datetime.now(UTC)
        self._last_seq = 0
        self.onlooker: Onlooker | None = None
        self._transcript_days = (
            storage.transcript_retention_days if storage.store_transcripts else 0
        )

    def opened(
        self,
        start: CallStart,
        *,
        mode: str,
        owner: str,
        bot_id: int,
        bot: str,
        revision: int,
    ) -> None:
        """The call began."""
        caller = clean(start.caller, MAX_ADDRESS_CHARS)
        callee = clean(start.callee, MAX_ADDRESS_CHARS)
        self._records.put(
            CallOpened(
                call_id=self._call_id,
                conversation_id=clean(start.conversation_id, MAX_ADDRESS_CHARS),
                channel=start.channel,
                mode=mode,
                direction=start.direction,
                is_test=start.is_test,
                bot_id=bot_id,
                bot_name=bot,
                bot_revision=revision,
                caller=caller,
                callee=callee,
                owner=owner,
                started_at=self._started_at,
                transcript_days=self._transcript_days,
            )
        )
        self._changed(
            bot=bot,
            caller=caller,
            callee=callee,
            state="connecting",
            started_at=self._started_at.isoformat(),
            channel=start.channel,
            mode=mode,
            is_test=start.is_test,
            turns=0,
        )

    def described(self, *, caller: str, callee: str) -> None:
        """The voice side told who calls whom."""
        caller = clean(caller, MAX_ADDRESS_CHARS)
        callee = clean(callee, MAX_ADDRESS_CHARS)
        self._records.put(CallDescribed(call_id=self._call_id, caller=caller, callee=callee))
        self._changed(caller=caller, callee=callee)

    def line(self, line: commands.RecordLine, turns: int) -> None:
        """A final line of the transcript; shown in any case, stored unless the bot says not to."""
        self._last_seq += 1
        offset_ms = max(0, round((line.at - self._started) * 1000))
        text, full_text = clean(line.text, MAX_LINE_CHARS), clean(line.full_text, MAX_LINE_CHARS)
        shown = LiveLine(
            seq=self._last_seq,
            offset_ms=offset_ms,
            side=line.side,
            kind=line.kind,
            text=text,
            full_text=full_text,
            confidence=line.confidence,
            delay_ms=line.delay_ms,
        )
        if self._transcript_days:
            self._records.put(LineHeard(call_id=self._call_id, **msgspec.structs.asdict(shown)))
        self._live.line(str(self._call_id), shown)
        if self.onlooker is not None:
            self.onlooker.line(shown)
        self._changed(turns=turns)

    def turn(self, turn: commands.RecordTurn) -> None:
        """The times of a turn that has ended."""
        times = turn_times(turn, self._started)
        self._records.put(TurnTimed(call_id=self._call_id, **msgspec.structs.asdict(times)))
        self._live.turn(str(self._call_id), times)
        if self.onlooker is not None:
            self.onlooker.turn(times)

    def interim(self, shown: commands.ShowInterim) -> None:
        """Text in progress, for the live page only."""
        text = clean(shown.text, MAX_LINE_CHARS)
        self._live.interim(str(self._call_id), shown.side, text)
        if self.onlooker is not None:
            self.onlooker.interim(shown.side, text)

    def state(self, shown: commands.ShowState) -> None:
        """What the conversation is doing."""
        self._changed(state=shown.state)
        if self.onlooker is not None:
            self.onlooker.state(shown.state)

    def act(self, act: commands.RecordAct) -> None:
        """A supervisor stepped in."""
        self._changed(muted=act.muted)

    def closed(self, finish: commands.Finish, *, frames_in: int, frames_dropped: int) -> None:
        """The call ended; ``frames`` are pieces of caller audio."""
        reason = clean(finish.reason, MAX_REASON_CHARS)
        # NB Not the wall clock, which may have been set back during the call.
        ended_at = self._started_at + timedelta(seconds=max(0.0, finish.at - self._started))
        days = self._transcript_days
        self._records.put(
            CallClosed(
                call_id=self._call_id,
                ended_at=ended_at,
                ended_by=finish.ended_by,
                reason_code=clean(finish.reason_code, MAX_CODE_CHARS) or "error",
                reason=reason,
                cause=clean(finish.cause, MAX_CAUSE_CHARS),
                turns=finish.turns,
                frames_in=frames_in,
                frames_dropped=frames_dropped,
                bot_result=finish.bot_result,
                recordings=[
                    clean(recording, MAX_RECORDING_ID_CHARS)
                    for recording in finish.recordings[:MAX_RECORDINGS]
                ],
                transcript_expires_at=ended_at + timedelta(days=days) if days else None,
            )
        )
        self._live.call_gone(str(self._call_id), reason)
        if self.onlooker is not None:
            code = finish.reason_code
            self.onlooker.closed(ended_by=finish.ended_by, reason_code=code, reason=reason)

    def _changed(self, **fields: Any) -> None:
        self._live.call_changed(str(self._call_id), **fields)
