"""What people see of one call: the CDR, the transcript and the live page."""

import statistics
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

import msgspec

from bots.core.params.sections.storage import Storage
from bots.selectors import CallConfiguration
from calls.callevents import reports_of, webhook_of
from calls.core import chronicle, commands, events
from calls.core.chronicle import Chronicle, Happening
from calls.core.flags import Flags
from calls.core.ports import CallStart
from calls.core.waterfall import turn_times, waterfall
from calls.core.wording import clean
from calls.facts import (
    CallClosed,
    CallDescribed,
    CallOpened,
    DialoutAnswered,
    DialoutDetected,
    EffectiveValues,
    EventHappened,
    LineHeard,
    ServiceFailure,
    TurnTimed,
)
from calls.hooks.watching import Watch
from calls.live import LiveEvent, LiveFeed, LiveLine
from calls.records import RecordWriter
from calls.session.agentreports import AgentReports
from calls.session.onlooker import Onlooker
from calls.session.witness import CallWitness
from calls.telemetry import exporter
from calls.telemetry.calls import CallMetrics
from calls.telemetry.frames import Frames
from calls.telemetry.traces import CallTrace

MAX_ADDRESS_CHARS = 200
MAX_REASON_CHARS = 500
MAX_CODE_CHARS = 40
MAX_CAUSE_CHARS = 80
MAX_RECORDINGS = 100
MAX_RECORDING_ID_CHARS = 200
MAX_LINE_CHARS = 10_000
"""Longer than anybody speaks at a stretch; what waits to be written or shown stays bounded."""
MAX_EVENTS = 5_000
"""Events of one call that are kept; an hour of talk has about as many."""
MAX_FAULTS = 1_000
"""Failures of one call that are kept one by one; all are counted."""
MAX_SILENCES = 10_000
"""Waits for a reply whose median is told."""


Recorded = (
    commands.RecordLine
    | commands.RecordTurn
    | commands.RecordAct
    | commands.RecordReport
    | commands.ShowInterim
    | commands.ShowState
    | commands.ReportAnswer
    | commands.ReportMachine
)
"""The commands that only tell people something."""


class Reporter:
    """Numbers the lines of one call and hands every fact to the record writer and the live feed.

    ``started`` is the call's start on the engine's clock, in seconds. What the ``configuration``
    says of transcripts is settled when the call begins; events are kept as long as they are.
    """

    def __init__(
        self,
        records: RecordWriter,
        live: LiveFeed,
        *,
        call_id: UUID,
        started: float,
        configuration: CallConfiguration,
    ) -> None:
        self._records = records
        self._live = live
        self._call_id = call_id
        self._started = started
        self._started_at = datetime.now(UTC)
        self._last_seq = 0
        self._last_event = 0
        self._faults = 0
        self._silences: list[int] = []
        self._no_inputs = 0
        self._flags = Flags()
        self._shown_flags = self._flags.value
        self._providers = _providers(configuration)
        self._chronicle = Chronicle(configuration.resolved, self._providers)
        self._witness = CallWitness(self._providers)
        self._metrics = CallMetrics(configuration.bot)
        tell = exporter.listening()
        self._trace = tell and CallTrace(tell, call_id, self._started_at, configuration.bot)
        self.onlooker: Onlooker | None = None
        self.watch: Watch | None = None
        """Hands what happens to hooks, if there are any."""
        self._dialout_id: UUID | None = None
        self._webhook = webhook_of(configuration.resolved)
        storage = configuration.resolved[Storage]
        self._transcript_days = (
            storage.transcript_retention_days if storage.store_transcripts else 0
        )
        wanted, whole = reports_of(configuration.resolved), bool(self._transcript_days)
        self._agent_reports = AgentReports(records, call_id, wanted, whole=whole)

    def opened(
        self,
        start: CallStart,
        *,
        mode: str,
        owner: str,
        bot_id: int,
        bot: str,
        revision: int,
        snapshot: EffectiveValues | None = None,
    ) -> None:
        """The call began; ``snapshot`` is what it is configured with."""
        caller = clean(start.caller, MAX_ADDRESS_CHARS)
        callee = clean(start.callee, MAX_ADDRESS_CHARS)
        if start.dialout is not None:
            self._dialout_id = UUID(start.dialout.dialout_id)
        self._witness.opened(start)
        about = {"channel": start.channel, "direction": start.direction}
        self._metrics.opened(**about)
        if self._trace is not None:
            self._trace.opened(**about, mode=mode, revision=revision)
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
                snapshot=snapshot,
                webhook=self._webhook,
                dialout_id=self._dialout_id,
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

    def record(self, command: Recorded, turns: int) -> None:
        """Keep and show what the conversation wants told; it has had ``turns``."""
        match command:
            case commands.RecordLine():
                self.line(command, turns)
            case commands.RecordTurn():
                self.turn(command)
            case commands.RecordAct():
                self.act(command)
            case commands.RecordReport():
                pass  # an event of the call, see `commanded`
            case commands.ShowInterim():
                self.interim(command)
            case commands.ShowState():
                self.state(command)
            case commands.ReportAnswer():
                self.answered()
            case commands.ReportMachine(detected=detected):
                self.detected(detected)
            case _:
                assert_never(command)

    def described(self, *, caller: str, callee: str) -> None:
        """The voice side told who calls whom."""
        caller = clean(caller, MAX_ADDRESS_CHARS)
        callee = clean(callee, MAX_ADDRESS_CHARS)
        self._records.put(CallDescribed(call_id=self._call_id, caller=caller, callee=callee))
        self._changed(caller=caller, callee=callee)

    def answered(self) -> None:
        """The callee answered the outbound call."""
        if self._dialout_id is not None:
            at = datetime.now(UTC)
            self._records.put(
                DialoutAnswered(call_id=self._call_id, dialout_id=self._dialout_id, at=at)
            )

    def detected(self, what: str) -> None:
        """A person or a machine answered."""
        if self._dialout_id is not None:
            self._records.put(
                DialoutDetected(call_id=self._call_id, dialout_id=self._dialout_id, detected=what)
            )

    def line(self, line: commands.RecordLine, turns: int) -> None:
        """A final line of the transcript; shown in any case, stored unless the bot says not to."""
        self._last_seq += 1
        offset_ms = self._offset_ms(line.at)
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
        fall = waterfall(times)
        self._metrics.turn(fall, self._flags.barge_ins)
        if self._trace is not None:
            self._trace.turn(times)
        if fall.silence_ms is not None and len(self._silences) < MAX_SILENCES:
            self._silences.append(fall.silence_ms)
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

    def happened(self, event: events.Event, now: float) -> None:
        """An event is about to be handled, at ``now`` on the engine's clock."""
        if self.watch is not None:
            self.watch.happened(event)
        self._flags.happened(event)
        self._witness.happened(event)
        self._tell(self._chronicle.of(event), now)

    def commanded(self, command: commands.Command, now: float) -> None:
        """The event caused ``command``, which is about to be carried out."""
        if self.watch is not None:
            self.watch.commanded(command)
        self._flags.commanded(command)
        happening = self._chronicle.of(command)
        self._tell(happening, now)
        self._witness.commanded(command)
        if isinstance(command, commands.ReportFault):
            self._failed(command, now)
        elif isinstance(command, commands.RecordReport) and happening is not None:
            self._agent_reports.told(command, happening.detail, self._offset_ms(now))
        self._show_flags()

    def waited(self, times: int, now: float) -> None:
        """The event was handled; the caller has given no input ``times`` times in a row."""
        if times > self._no_inputs:
            self._tell(chronicle.no_input(times), now)
        self._no_inputs = times
        self._flags.waited_in_vain(times)
        self._show_flags()

    def _tell(self, happening: Happening | None, now: float) -> None:
        if happening is None or self._last_event >= MAX_EVENTS:
            return
        self._last_event += 1
        if self._last_event == MAX_EVENTS:
            detail = {"events": MAX_EVENTS}
            happening = Happening(source="gateway", name="no-more-events-kept", detail=detail)
        event = LiveEvent(
            seq=self._last_event,
            offset_ms=self._offset_ms(now),
            source=happening.source,
            name=happening.name,
            detail=happening.detail,
        )
        if self._transcript_days:
            stored = EventHappened(call_id=self._call_id, **msgspec.structs.asdict(event))
            self._records.put(stored)
        self._live.event(str(self._call_id), event)

    def _offset_ms(self, at: float) -> int:
        return max(0, round((at - self._started) * 1000))

    def _failed(self, failure: commands.ReportFault, now: float) -> None:
        provider = self._providers.get(failure.service, "")
        if self._trace is not None:
            self._trace.failed(failure, provider, now - self._started)
        if failure.service != "channel":
            self._faults += 1
        if self._faults <= MAX_FAULTS:
            self._records.put(
                ServiceFailure(
                    call_id=self._call_id,
                    at=datetime.now(UTC),
                    service=failure.service,
                    provider=provider,
                    fault=failure.fault,
                    detail=clean(failure.detail, MAX_REASON_CHARS),
                )
            )

    def _show_flags(self) -> None:
        if self._flags.value is not self._shown_flags:
            self._shown_flags = self._flags.value
            self._changed(flags=self._shown_flags)

    def closed(self, finish: commands.Finish, frames: Frames) -> None:
        """The call ended."""
        reason = clean(finish.reason, MAX_REASON_CHARS)
        # NB Not the wall clock, which may have been set back during the call.
        lasted_s = max(0.0, finish.at - self._started)
        ended_at = self._started_at + timedelta(seconds=lasted_s)
        self._witness.closed(finish)
        self._metrics.closed(finish, lasted_s=lasted_s, barge_ins=self._flags.barge_ins)
        if self._trace is not None:
            self._trace.closed(finish, lasted_s)
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
                frames_in=frames.came,
                frames_dropped=frames.dropped,
                bot_result=finish.bot_result,
                recordings=[
                    clean(recording, MAX_RECORDING_ID_CHARS)
                    for recording in finish.recordings[:MAX_RECORDINGS]
                ],
                transcript_expires_at=ended_at + timedelta(days=days) if days else None,
                faults=self._faults,
                silence_median_ms=statistics.median_low(self._silences) if self._silences else None,
                silence_max_ms=max(self._silences, default=None),
                dialout_id=self._dialout_id,
            )
        )
        self._live.call_gone(str(self._call_id), reason)
        if self.onlooker is not None:
            code = finish.reason_code
            self.onlooker.closed(ended_by=finish.ended_by, reason_code=code, reason=reason)

    def _changed(self, **fields: Any) -> None:
        self._live.call_changed(str(self._call_id), **fields)


def _providers(configuration: CallConfiguration) -> dict[str, str]:
    """The names of the providers behind the services of a call."""
    used = {
        "bot": configuration.connector,
        "stt": configuration.stt,
        "tts": configuration.tts,
    }
    return {service: chosen.provider for service, chosen in used.items() if chosen is not None}
